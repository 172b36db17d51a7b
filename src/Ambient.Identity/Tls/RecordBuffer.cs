using System.Buffers;

namespace Ambient.Identity.Tls;

/// <summary>
/// Memory for records, borrowed from the thread's pool while bytes are in it. Counted: each run of plaintext in it holds
/// it, and it goes back with the last. Single-threaded, as the loop that uses it.
/// </summary>
internal sealed class RecordBuffer
{
    /// <summary>One record.</summary>
    public const int SmallSize = TlsRecords.MaxRecord;

    /// <summary>Sixteen records: what one receive takes from a busy socket (256 KB, measured best; DESIGN §6).</summary>
    public const int LargeSize = 16 * TlsRecords.MaxRecord;

    /// <summary>Kept for reuse per thread: 4 MB of each size, what one turn of a busy loop has in flight.</summary>
    private const int SmallKept = 256;
    private const int LargeKept = 16;

    [ThreadStatic]
    private static Stack<RecordBuffer>? _small;

    [ThreadStatic]
    private static Stack<RecordBuffer>? _large;

    [ThreadStatic]
    private static int _lent;

    private int _holders;

    private RecordBuffer(int size) => Bytes = GC.AllocateUninitializedArray<byte>(size, pinned: true);

    /// <summary>Buffers of this thread that are in use: none while all connections of its loop are idle.</summary>
    public static int Lent => _lent;

    public byte[] Bytes { get; }

    public bool IsLarge => Bytes.Length == LargeSize;

    /// <summary>Whether nobody but the caller holds it.</summary>
    public bool IsExclusive => _holders == 1;

    public static RecordBuffer Rent(bool large)
    {
        var pool = large ? _large ??= new Stack<RecordBuffer>() : _small ??= new Stack<RecordBuffer>();
        if (!pool.TryPop(out var buffer))
        {
            buffer = new RecordBuffer(large ? LargeSize : SmallSize);
        }

        buffer._holders = 1;
        _lent++;
        return buffer;
    }

    /// <summary>Leaves what this thread keeps for reuse to the collector.</summary>
    public static void Forget() => (_small, _large) = (null, null);

    public void Hold() => _holders++;

    public void Release()
    {
        if (--_holders == 0)
        {
            _lent--;
            var pool = IsLarge ? _large ??= new Stack<RecordBuffer>() : _small ??= new Stack<RecordBuffer>();
            if (pool.Count < (IsLarge ? LargeKept : SmallKept))
            {
                pool.Push(this);
            }
        }
    }
}

/// <summary>A run of bytes in a buffer, linked to the next; itself pooled.</summary>
internal sealed class RecordSegment : ReadOnlySequenceSegment<byte>
{
    /// <summary>Kept for reuse per thread: the records of a few large buffers.</summary>
    private const int Kept = 256;

    [ThreadStatic]
    private static Stack<RecordSegment>? _pool;

    private RecordBuffer? _buffer;

    public RecordSegment? Following => (RecordSegment?)Next;

    /// <summary>Makes a segment that holds the buffer until it is released.</summary>
    public static RecordSegment Create(RecordBuffer buffer, int offset, int length)
    {
        var pool = _pool ??= new Stack<RecordSegment>();
        if (!pool.TryPop(out var segment))
        {
            segment = new RecordSegment();
        }

        buffer.Hold();
        segment._buffer = buffer;
        segment.Memory = buffer.Bytes.AsMemory(offset, length);
        segment.RunningIndex = 0;
        return segment;
    }

    public void Append(RecordSegment next)
    {
        next.RunningIndex = RunningIndex + Memory.Length;
        Next = next;
    }

    public void Release()
    {
        _buffer!.Release();
        _buffer = null;
        Memory = default;
        Next = null;
        var pool = _pool ??= new Stack<RecordSegment>();
        if (pool.Count < Kept)
        {
            pool.Push(this);
        }
    }
}
