using System.Buffers.Text;
using System.IO.Pipelines;

namespace Ambient.Http.Http1;

/// <summary>
/// The body of a message on its way out, in the transport's own memory. By length, in chunks (RFC 9112 §7.1), raw after an upgrade, or dropped
/// where the message has none.
/// </summary>
internal sealed class BodyWriter(Http1Output output, IBodyOwner owner) : PipeWriter
{
    private const int LineEnd = 2;
    private const int LeastChunk = 64;
    private const int DroppedSize = 16 * 1024;

    private BodyFraming _framing;
    private Memory<byte> _lent;
    private byte[]? _dropped;
    private long _left;
    private int _prefix;

    /// <summary>No more may be written.</summary>
    public bool IsCompleted { get; private set; }

    public override bool CanGetUnflushedBytes => false;

    public void Start(BodyFraming framing, long length = 0)
    {
        _framing = framing;
        _left = length;
        IsCompleted = false;
    }

    /// <summary>No body at all, or none yet.</summary>
    public void MarkCompleted() => IsCompleted = true;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (IsCompleted)
        {
            throw new InvalidOperationException("the body is complete, or its head was not sent yet");
        }

        switch (_framing)
        {
            case BodyFraming.None:
                _dropped = _dropped is null || _dropped.Length < sizeHint ? new byte[Math.Max(DroppedSize, sizeHint)] : _dropped;
                return _dropped;
            case BodyFraming.Chunked:
                _lent = output.GetMemory(Math.Max(sizeHint, LeastChunk) + HexDigits(Math.Max(sizeHint, LeastChunk)) + 1 + (2 * LineEnd));
                _prefix = HexDigits(_lent.Length) + LineEnd;
                return _lent[_prefix..^LineEnd];
            default:
                return output.GetMemory(sizeHint);
        }
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        if (bytes == 0 || _framing == BodyFraming.None)
        {
            return;
        }

        if (_framing == BodyFraming.Chunked)
        {
            FinishChunk(bytes);
            return;
        }

        if (_framing == BodyFraming.Length && (_left -= bytes) < 0)
        {
            throw new InvalidOperationException("a body longer than its content-length");
        }

        output.Advance(bytes);
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
        cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled<FlushResult>(cancellationToken) : output.FlushAsync();

    public override void CancelPendingFlush() => output.Cancel();

    public override void Complete(Exception? exception = null)
    {
        if (!IsCompleted)
        {
            End(exception is null);
        }
    }

    /// <summary>Writes what ends the body. One that is shorter than its length cannot be ended.</summary>
    public void End(bool isWhole, ReadOnlySpan<byte> trailers = default)
    {
        IsCompleted = true;
        if (!isWhole || (_framing == BodyFraming.Length && _left != 0))
        {
            owner.OnBodyBroken();
            return;
        }

        if (_framing == BodyFraming.Chunked)
        {
            output.Write("0\r\n"u8);
            output.Write(trailers);
            output.Write("\r\n"u8);
        }

        output.FlushSoon();
        owner.OnBodyWritten();
    }

    /// <summary>The size goes before the data, which moves up if the size has fewer digits than there was room for.</summary>
    private void FinishChunk(int count)
    {
        var chunk = _lent.Span;
        var prefix = HexDigits(count) + LineEnd;
        if (prefix < _prefix)
        {
            chunk.Slice(_prefix, count).CopyTo(chunk[prefix..]);
        }

        Utf8Formatter.TryFormat(count, chunk, out _, 'x');
        chunk[prefix - 2] = chunk[prefix + count] = (byte)'\r';
        chunk[prefix - 1] = chunk[prefix + count + 1] = (byte)'\n';
        output.Advance(prefix + count + LineEnd);
    }

    private static int HexDigits(int number) => (35 - System.Numerics.BitOperations.LeadingZeroCount((uint)number)) / 4;
}
