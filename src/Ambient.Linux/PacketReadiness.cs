using Microsoft.Win32.SafeHandles;

namespace Ambient.Linux;

/// <summary>A socket's descriptor that cannot be closed, and its number given to another, while a call uses it.</summary>
internal sealed class SafeSocketDescriptor : SafeHandleMinusOneIsInvalid
{
    public SafeSocketDescriptor(int descriptor)
        : base(ownsHandle: true) => SetHandle(descriptor);

    public int Number => (int)handle;

    public Lease Use()
    {
        var taken = false;
        DangerousAddRef(ref taken);
        return new Lease(this);
    }

    protected override bool ReleaseHandle() => Libc.Close((int)handle) == 0;

    /// <summary>The right to use the number.</summary>
    public readonly ref struct Lease(SafeSocketDescriptor owner)
    {
        public int Number => owner.Number;

        public void Dispose() => owner.DangerousRelease();
    }
}

/// <summary>
/// Readiness of a unix socket as tasks for code on any thread, reported by one loop that all such sockets of the process share.
/// Each edge completes the task of its direction and puts a fresh one in its place; whoever took the task before trying and
/// failing therefore misses nothing.
/// </summary>
internal sealed class PacketReadiness : IEpollTarget, IDisposable
{
    private static readonly Lazy<EventLoop> _loop = new(static () => EventLoop.Start("packets"));

    private readonly SafeSocketDescriptor _socket;
    private readonly Lock _lock = new();
    private TaskCompletionSource _readable = Fresh();
    private TaskCompletionSource _writable = Fresh();
    private bool _disposed;
    private bool _registered;

    public PacketReadiness(SafeSocketDescriptor socket)
    {
        _socket = socket;
        _loop.Value.Post(static state => ((PacketReadiness)state!).Register(), this);
    }

    public Task Readable
    {
        get
        {
            lock (_lock)
            {
                return _readable.Task;
            }
        }
    }

    public Task Writable
    {
        get
        {
            lock (_lock)
            {
                return _writable.Task;
            }
        }
    }

    public void OnReady(uint events)
    {
        TaskCompletionSource? readable = null;
        TaskCompletionSource? writable = null;
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            if ((events & ~Libc.EpollOut) != 0)
            {
                (readable, _readable) = (_readable, Fresh());
            }

            if ((events & ~Libc.EpollIn) != 0)
            {
                (writable, _writable) = (_writable, Fresh());
            }
        }

        readable?.SetResult();
        writable?.SetResult();
    }

    public void OnLoopEnding() => Dispose();

    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        // Closed on the loop, after it has forgotten the number: the kernel may give that to the next socket at once.
        _loop.Value.Post(static state => ((PacketReadiness)state!).Close(), this);
    }

    private static TaskCompletionSource Fresh() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Register()
    {
        lock (_lock)
        {
            if (_disposed)
            {
                return;
            }

            using var use = _socket.Use();
            _loop.Value.Register(use.Number, Libc.EpollIn | Libc.EpollOut | Libc.EpollPeerClosed, this);
            _registered = true;
        }
    }

    private void Close()
    {
        if (_registered)
        {
            _loop.Value.Unregister(_socket.Number);
        }

        _socket.Dispose();
        // Waiters try again, and find the descriptor closed.
        _readable.TrySetResult();
        _writable.TrySetResult();
    }
}
