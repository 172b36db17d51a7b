using System.Net;
using System.Runtime.CompilerServices;

namespace Ambient.Linux;

public sealed partial class TcpSocket
{
    /// <summary>Connections taken in a row before the loop's other work has its turn: setting one up costs up to 50 µs, so this is a few milliseconds.</summary>
    private const int AcceptsPerTurn = 64;

    /// <summary>Of a listener: its own. Of a connection: the one that counts it.</summary>
    internal ListenerGroup.Member? Place { get; set; }

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
    /// Hands every connection to its taker, all that wait at once, until the listener is closed; one of a group may hand them to the taker
    /// of another. Out of descriptors or memory it does as <see cref="AcceptAsync()"/>.
    /// </summary>
    /// <param name="take">Called on the loop; owns the connection, and must not throw.</param>
    /// <exception cref="ObjectDisposedException">The listener was closed.</exception>
    public async Task AcceptAsync(Action<TcpSocket> take)
    {
        var place = Place ??= new ListenerGroup.Member(this, null);
        place.Taker = take;
        while (true)
        {
            var exhausted = false;
            var taken = 0;
            try
            {
                while (taken < AcceptsPerTurn && TryAcceptDescriptor(out var remote) is >= 0 and var descriptor)
                {
                    taken++;
                    Hand(descriptor, remote, place);
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
    public TcpSocket? TryAccept() =>
        TryAcceptDescriptor(out var remote) is >= 0 and var descriptor ? Accepted(descriptor, remote) : null;

    private unsafe int TryAcceptDescriptor(out IPEndPoint remote)
    {
        var peer = stackalloc byte[SocketAddressCodec.MaxSize];
        while (true)
        {
            var length = SocketAddressCodec.MaxSize;
            var accepted = Libc.Accept(OpenDescriptor(), peer, &length);
            if (accepted.Ok)
            {
                remote = SocketAddressCodec.Read(new ReadOnlySpan<byte>(peer, length));
                return accepted.Count;
            }

            switch (accepted.Error)
            {
                case Errno.EAGAIN:
                    _isReadable = false;
                    remote = null!;
                    return -1;
                case var error when IsExhaustion(error) || error is Errno.EINVAL or Errno.EBADF:
                    throw new LinuxException(accepted.Error, $"accept on {LocalEndPoint}");
                default:
                    // The connection died while it waited (accept(2) names a dozen network errors for this): take the next.
                    continue;
            }
        }
    }

    private TcpSocket Accepted(int descriptor, IPEndPoint remote)
    {
        var connection = new TcpSocket(Loop, descriptor, _family) { _remote = remote };
        connection.Register(ConnectionEvents);
        connection._isWritable = true; // its buffer is empty: no need to wait for the kernel to say so
        return connection;
    }

    /// <summary>To our own taker, or to that of the group's least busy listener.</summary>
    private void Hand(int descriptor, IPEndPoint remote, ListenerGroup.Member own)
    {
        var to = own.Least();
        to.Opened();
        if (to != own)
        {
            try
            {
                to.Listener.Loop.Post(
                    static state => ((ListenerGroup.Handover)state!).To.Listener.TakeOver((ListenerGroup.Handover)state),
                    new ListenerGroup.Handover(to, descriptor, remote));
                return;
            }
            catch (ObjectDisposedException)
            {
                // That loop has ended; the connection is ours.
                to.Closed();
                own.Opened();
            }
        }

        Take(descriptor, remote, own);
    }

    /// <summary>On the other loop. A listener that was closed meanwhile takes no more: the connection ends as one in its backlog does.</summary>
    private void TakeOver(ListenerGroup.Handover handover)
    {
        if (IsClosed)
        {
            handover.To.Closed();
            Libc.Close(handover.Descriptor);
            return;
        }

        Take(handover.Descriptor, handover.Remote, handover.To);
    }

    private void Take(int descriptor, IPEndPoint remote, ListenerGroup.Member place)
    {
        var connection = Accepted(descriptor, remote);
        connection.Place = place;
        place.Taker!(connection);
    }
}
