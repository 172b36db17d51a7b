using System.Net;
using System.Net.Sockets;

namespace Ambient.Linux;

public sealed partial class TcpSocket
{
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
