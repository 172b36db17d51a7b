namespace Ambient.Linux;

/// <summary>A kernel pipe that carries spliced bytes from one socket to the other.</summary>
internal readonly record struct KernelPipe(int ReadEnd, int WriteEnd, int Capacity)
{
    public void Close()
    {
        Libc.Close(ReadEnd);
        Libc.Close(WriteEnd);
    }
}

/// <summary>
/// Empty pipes of one loop. A direction takes one while bytes are on their way and gives it back, so an idle connection costs
/// no descriptors besides its sockets.
/// </summary>
internal sealed class PipePool : IDisposable
{
    /// <summary>Bytes per pipe: the chunk that saturates a relay (measured; 64 KB costs a tenth).</summary>
    private const int WantedCapacity = 256 * 1024;

    /// <summary>Pipes kept: one per direction that a turn can have in flight at once; more are closed on return.</summary>
    private const int MaxKept = 64;

    private readonly Stack<KernelPipe> _free = new();
    private bool _disposed;

    public int FreeCount => _free.Count;

    public unsafe KernelPipe Rent()
    {
        if (_free.TryPop(out var pipe))
        {
            return pipe;
        }

        const int NonBlockingCloseOnExec = 0x800 | 0x80000;
        const int SetPipeSize = 1031;
        var ends = stackalloc int[2];
        if (Libc.Pipe2(ends, NonBlockingCloseOnExec) != 0)
        {
            throw new LinuxException(Libc.LastError, "make a pipe for splice");
        }

        // Refused when the user's pipes hold too much in total (fs.pipe-user-pages-soft): then the default has to do.
        var capacity = Libc.Fcntl(ends[1], SetPipeSize, WantedCapacity);
        return new KernelPipe(ends[0], ends[1], capacity > 0 ? capacity : 64 * 1024);
    }

    /// <summary>Takes back an empty pipe.</summary>
    public void Return(KernelPipe pipe)
    {
        if (_disposed || _free.Count >= MaxKept)
        {
            pipe.Close();
        }
        else
        {
            _free.Push(pipe);
        }
    }

    public void Dispose()
    {
        _disposed = true;
        while (_free.TryPop(out var pipe))
        {
            pipe.Close();
        }
    }
}
