using System.Buffers;

namespace Ambient.Waypoint.Requests;

/// <summary>
/// What has been read of a request's body, in case it has to be sent again. Bounded: a longer body is sent once, and what was kept of it is
/// let go. Memory is rented with the first byte and given back by <see cref="Clear"/>.
/// </summary>
internal sealed class ReplayBuffer
{
    private const int FirstSize = 4096;

    private byte[] _bytes = [];
    private int _limit;

    /// <summary>What was kept.</summary>
    public ReadOnlyMemory<byte> Kept => _bytes.AsMemory(0, Length);

    /// <summary>Bytes that were kept.</summary>
    public int Length { get; private set; }

    /// <summary>Everything that was read is here.</summary>
    public bool IsWhole { get; private set; } = true;

    /// <summary>Begins for a new request.</summary>
    /// <param name="limit">Bytes to keep at most; 0 where no other try would be made.</param>
    public void Begin(int limit) => _limit = limit;

    /// <summary>Keeps what was read.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (!IsWhole || bytes.IsEmpty)
        {
            return;
        }

        if (Length + bytes.Length > _limit)
        {
            Clear();
            IsWhole = false;
            return;
        }

        if (Length + bytes.Length > _bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(FirstSize, Math.Min(_limit, 2 * (Length + bytes.Length))));
            Kept.Span.CopyTo(larger);
            Return();
            _bytes = larger;
        }

        bytes.CopyTo(_bytes.AsSpan(Length));
        Length += bytes.Length;
    }

    /// <summary>Gives the memory back.</summary>
    public void Clear()
    {
        Return();
        _bytes = [];
        Length = 0;
        IsWhole = true;
    }

    private void Return()
    {
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
        }
    }
}
