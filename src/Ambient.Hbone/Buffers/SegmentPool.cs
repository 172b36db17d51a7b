using System.Buffers;

namespace Ambient.Hbone.Buffers;

/// <summary>
/// The buffers of one connection. Arrays come from the shared pool and are charged to the connection's budget account;
/// segment objects are kept for reuse so that a steady stream allocates nothing.
/// </summary>
internal sealed class SegmentPool(BudgetAccount account)
{
    /// <summary>One frame of one TLS record.</summary>
    public const int LargeSegment = 16 * 1024;

    /// <summary>A small message; what an interactive stream needs.</summary>
    private const int SmallSegment = 1024;

    /// <summary>Objects of about 80 bytes; 256 of them cover one full stream window of large segments.</summary>
    private const int MostKept = 256;

    private readonly Stack<BufferSegment> _kept = new();
    private readonly Stack<BorrowedSegment> _keptBorrowed = new();

    /// <summary>The budget is used up and this connection has to let go of a stream.</summary>
    public bool IsOverBudget { get; set; }

    /// <summary>A segment with at least <paramref name="needed"/> free bytes; large ones if the queue already holds data.</summary>
    public BufferSegment Rent(int needed, bool isQueueFilled, long runningIndex)
    {
        var size = isQueueFilled || needed > LargeSegment / 4 ? Math.Max(needed, LargeSegment) : Math.Max(needed, SmallSegment);
        var array = ArrayPool<byte>.Shared.Rent(size);
        if (account.Take(array.Length))
        {
            IsOverBudget = true;
        }

        var segment = _kept.Count > 0 ? _kept.Pop() : new BufferSegment();
        segment.Start(array, runningIndex);
        return segment;
    }

    /// <summary>A reference to memory of the transport.</summary>
    public BorrowedSegment Borrow(ReadOnlyMemory<byte> memory)
    {
        var segment = _keptBorrowed.Count > 0 ? _keptBorrowed.Pop() : new BorrowedSegment();
        segment.Start(memory);
        return segment;
    }

    public void Return(BorrowedSegment segment)
    {
        segment.Stop();
        if (_keptBorrowed.Count < MostKept)
        {
            _keptBorrowed.Push(segment);
        }
    }

    /// <summary>Memory that does not come back.</summary>
    public void Forget(long bytes) => account.Return(bytes);

    /// <summary>Takes a segment back; an array that somebody may still write into is left to the collector.</summary>
    public void Return(BufferSegment segment, bool isReusable)
    {
        var array = segment.Stop();
        account.Return(array.Length);
        if (isReusable)
        {
            ArrayPool<byte>.Shared.Return(array);
        }

        if (_kept.Count < MostKept)
        {
            _kept.Push(segment);
        }
    }
}
