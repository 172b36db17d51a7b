using System.Buffers;

namespace Ambient.Proxy.Transports;

/// <summary>
/// Memory for bytes of a socket, a piece of a sequence by itself, borrowed from the thread's pool while bytes are in it. Single-threaded,
/// as the loop that uses it.
/// </summary>
internal sealed class SocketBlock : ReadOnlySequenceSegment<byte>
{
    /// <summary>What most messages fit into, head and body.</summary>
    public const int SmallSize = 16 * 1024;

    /// <summary>What one receive takes from a busy socket (measured best for tunnels too).</summary>
    public const int LargeSize = 256 * 1024;

    /// <summary>Kept for reuse per thread: 4 MB of each size, what one turn of a busy loop has in flight.</summary>
    private const int SmallKept = 256;
    private const int LargeKept = 16;

    [ThreadStatic]
    private static Stack<SocketBlock>? _small;

    [ThreadStatic]
    private static Stack<SocketBlock>? _large;

    [ThreadStatic]
    private static int _lent;

    private readonly byte[] _bytes;

    private SocketBlock(int size) => _bytes = GC.AllocateUninitializedArray<byte>(size, pinned: true);

    /// <summary>Blocks of this thread that are in use: none while all connections of its loop are idle.</summary>
    public static int Lent => _lent;

    /// <summary>Bytes in it.</summary>
    public int Filled { get; private set; }

    /// <summary>Where more can be put.</summary>
    public Memory<byte> Free => _bytes.AsMemory(Filled);

    public SocketBlock? Following => (SocketBlock?)Next;

    /// <summary>A block of at least so many bytes.</summary>
    public static SocketBlock Rent(int size)
    {
        var pool = size <= SmallSize ? _small ??= new Stack<SocketBlock>() : _large ??= new Stack<SocketBlock>();
        if (size > LargeSize || !pool.TryPop(out var block))
        {
            block = new SocketBlock(size <= SmallSize ? SmallSize : Math.Max(size, LargeSize));
        }

        _lent++;
        return block;
    }

    /// <summary>Leaves what this thread keeps for reuse to the collector.</summary>
    public static void Forget() => (_small, _large) = (null, null);

    public void Commit(int count)
    {
        Filled += count;
        Memory = _bytes.AsMemory(0, Filled);
    }

    public void Append(SocketBlock next)
    {
        next.RunningIndex = RunningIndex + Filled;
        Next = next;
    }

    /// <summary>Back to the pool, or to the collector if somebody may still write into it.</summary>
    public void Release(bool isReusable = true)
    {
        _lent--;
        Filled = 0;
        Memory = default;
        Next = null;
        RunningIndex = 0;
        if (!isReusable || _bytes.Length > LargeSize)
        {
            return;
        }

        var pool = _bytes.Length == SmallSize ? _small ??= new Stack<SocketBlock>() : _large ??= new Stack<SocketBlock>();
        if (pool.Count < (_bytes.Length == SmallSize ? SmallKept : LargeKept))
        {
            pool.Push(this);
        }
    }
}
