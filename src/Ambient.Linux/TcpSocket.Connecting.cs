using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Ambient.Linux;

public sealed partial class TcpSocket
{
    /// <summary>Connections taken in a row before the loop's other work has its turn: setting one up costs up to 50 µs, so this is a few milliseconds.</summary>
    private const int AcceptsPerTurn = 64;

    /// <summary>Binds to a local address; port 0 lets the kernel choose (at connect, see <see cref="SetBindAddressNoPort"/>).</summary>
    public unsafe void Bind(IPEndPoint local)
    {
        var name = stackalloc byte[SocketAddressCodec.MaxSize];
        var length = SocketAddressCodec.Write(new Span<byte>(name, SocketAddressCodec.MaxSize), local, _family);
        if (Libc.Bind(OpenDescriptor(), name, length) != 0)
        {
            throw new LinuxException(Libc.LastError, $"bind {local}");
        }
    }

    /// <summary>Begins to accept connections. On the loop only.</summary>
    /// <param name="backlog">Connections that the kernel holds for us; it caps this at net.core.somaxconn.</param>
    public void Listen(int backlog)
    {
        if (Libc.Listen(OpenDescriptor(), backlog) != 0)
        {
            throw new LinuxException(Libc.LastError, $"listen on {LocalEndPoint}");
        }

        Register(Libc.EpollIn);
    }

    /// <summary>Connections that had to wait because descriptors or memory ran out, since the listener was made.</summary>
    public long AcceptsHeldBack { get; private set; }

    /// <summary>
    /// Takes the next connection, which belongs to this loop too. When descriptors or memory run out the connections wait in the
    /// kernel's backlog, and it is tried again every 100 ms: existing connections end and free some.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The listener was closed.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<TcpSocket> AcceptAsync()
    {
        while (true)
        {
            var exhausted = false;
            try
            {
                if (TryAccept() is { } accepted)
                {
                    return accepted;
                }
            }
            catch (LinuxException failure) when (IsExhaustion(failure.Error))
            {
                AcceptsHeldBack++;
                exhausted = true;
            }

            if (exhausted)
            {
                await Loop.DelayAsync(TimeSpan.FromMilliseconds(100));
            }
            else
            {
                await WaitReadableAsync();
            }
        }
    }

    /// <summary>
    /// Hands every connection to its taker, all that wait at once, until the listener is closed. Out of descriptors or memory it does as
    /// <see cref="AcceptAsync()"/>.
    /// </summary>
    /// <param name="take">Called on the loop; owns the connection, and must not throw.</param>
    /// <exception cref="ObjectDisposedException">The listener was closed.</exception>
    public async Task AcceptAsync(Action<TcpSocket> take)
    {
        while (true)
        {
            var exhausted = false;
            var taken = 0;
            try
            {
                while (taken < AcceptsPerTurn && TryAccept() is { } accepted)
                {
                    taken++;
                    take(accepted);
                }
            }
            catch (LinuxException failure) when (IsExhaustion(failure.Error))
            {
                AcceptsHeldBack++;
                exhausted = true;
            }

            if (exhausted)
            {
                await Loop.DelayAsync(TimeSpan.FromMilliseconds(100));
            }
            else if (taken == AcceptsPerTurn)
            {
                await Loop.Yield();
            }
            else
            {
                await WaitReadableAsync();
            }
        }
    }

    /// <summary>Takes a connection that is waiting, or returns null.</summary>
    /// <exception cref="LinuxException">Out of descriptors or memory; the waiting connections are not lost.</exception>
    public unsafe TcpSocket? TryAccept()
    {
        var peer = stackalloc byte[SocketAddressCodec.MaxSize];
        while (true)
        {
            var length = SocketAddressCodec.MaxSize;
            var accepted = Libc.Accept(OpenDescriptor(), peer, &length);
            if (accepted.Ok)
            {
                var connection = new TcpSocket(Loop, accepted.Count, _family)
                {
                    _remote = SocketAddressCodec.Read(new ReadOnlySpan<byte>(peer, length)),
                };
                connection.Register(ConnectionEvents);
                connection._isWritable = true; // its buffer is empty: no need to wait for the kernel to say so
                return connection;
            }

            switch (accepted.Error)
            {
                case Errno.EAGAIN:
                    _isReadable = false;
                    return null;
                case var error when IsExhaustion(error) || error is Errno.EINVAL or Errno.EBADF:
                    throw new LinuxException(accepted.Error, $"accept on {LocalEndPoint}");
                default:
                    // The connection died while it waited (accept(2) names a dozen network errors for this): take the next.
                    continue;
            }
        }
    }

    /// <summary>Connects. After a failure the socket can only be disposed. On the loop only.</summary>
    /// <exception cref="LinuxException">The kernel's reason, as a refusal.</exception>
    /// <exception cref="TimeoutException">Not connected within the time.</exception>
    /// <exception cref="OperationCanceledException">Cancelled by the token.</exception>
    public async ValueTask ConnectAsync(IPEndPoint remote, TimeSpan timeout, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        if (!StartConnect(remote))
        {
            await WaitConnectedAsync(remote, timeout, cancellation);
        }

        _remote = remote.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(remote.Address.MapToIPv4(), remote.Port) : remote;
    }

    /// <returns>Whether the connection stands already, as it may on loopback.</returns>
    private unsafe bool StartConnect(IPEndPoint remote)
    {
        var name = stackalloc byte[SocketAddressCodec.MaxSize];
        var length = SocketAddressCodec.Write(new Span<byte>(name, SocketAddressCodec.MaxSize), remote, _family);
        // A connection within the machine stands, or is refused, when the first call returns: it says only that it has begun. Asking again
        // is cheaper than a wait.
        var error = Connect(name, length);
        error = error == Errno.EINPROGRESS ? Connect(name, length) : error;
        if (error is not (Errno.None or Errno.EALREADY))
        {
            throw new LinuxException(error, $"connect {remote}");
        }

        Register(ConnectionEvents);
        if (error == Errno.EALREADY)
        {
            return false;
        }

        _isWritable = true;
        return true;
    }

    private unsafe Errno Connect(byte* name, int length) =>
        Libc.Connect(OpenDescriptor(), name, length) == 0 ? Errno.None : Libc.LastError;

    private async ValueTask WaitConnectedAsync(IPEndPoint remote, TimeSpan timeout, CancellationToken cancellation)
    {
        var deadline = new ConnectDeadline(this);
        Loop.Arm(deadline, timeout);
        var registration = cancellation.UnsafeRegister(
            static state => ((TcpSocket)state!).Loop.PostContinuation(
                static socket => ((TcpSocket)socket!)._writeWait?.Wake(), state),
            this);
        try
        {
            while (true)
            {
                await WaitWritableAsync();
                var descriptor = OpenDescriptor();
                if (_isWritable)
                {
                    if (_noMoreEdges)
                    {
                        ThrowIfFailed(descriptor, remote);
                    }

                    return;
                }

                cancellation.ThrowIfCancellationRequested();
                if (!deadline.IsArmed)
                {
                    throw new TimeoutException($"connect {remote}: no answer within {timeout.TotalSeconds:0.###} s");
                }
            }
        }
        finally
        {
            Loop.Disarm(deadline);
            registration.Unregister();
        }
    }

    private static bool IsExhaustion(Errno error) => error is Errno.EMFILE or Errno.ENFILE or Errno.ENOBUFS or Errno.ENOMEM;

    private static unsafe void ThrowIfFailed(int descriptor, IPEndPoint remote)
    {
        int error;
        var length = sizeof(int);
        Libc.GetOption(descriptor, SocketLevel, 4, &error, &length); // SO_ERROR
        if (error != 0)
        {
            throw new LinuxException((Errno)error, $"connect {remote}");
        }
    }

    private sealed class ConnectDeadline(TcpSocket socket) : LoopTimer
    {
        public override void Fire() => socket._writeWait?.Wake();

        public override void OnLoopEnding() => socket._writeWait?.Wake();
    }
}
