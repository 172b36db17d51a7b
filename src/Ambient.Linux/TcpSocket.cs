using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Ambient.Linux;

/// <summary>
/// A non-blocking TCP socket of one event loop, and used only there. It may live in another network namespace than
/// the process. Readiness is edge-triggered: a receive or send that would block, or that moved less than asked, marks
/// its direction as not ready, and the kernel's next edge marks it ready again.
/// </summary>
public sealed partial class TcpSocket : IDisposable, IEpollTarget
{
    private const uint ConnectionEvents = Libc.EpollIn | Libc.EpollOut | Libc.EpollPeerClosed;

    private readonly AddressFamily _family;
    private ReadinessSource? _readWait;
    private ReadinessSource? _writeWait;
    private ISocketEvents? _events;
    private int _descriptor;
    private bool _registered;
    private bool _noMoreEdges;
    private bool _isReadable;
    private bool _isWritable;
    private IPEndPoint? _remote;

    private TcpSocket(EventLoop loop, int descriptor, AddressFamily family)
    {
        Loop = loop;
        _descriptor = descriptor;
        _family = family;
    }

    /// <summary>The loop that this socket belongs to.</summary>
    public EventLoop Loop { get; }

    /// <summary>IPv4, or IPv6, which carries v4-mapped connections too when dual-stack.</summary>
    public AddressFamily Family => _family;

    /// <summary>Whether the socket was disposed or aborted, or its loop has ended.</summary>
    public bool IsClosed => _descriptor < 0;

    /// <summary>The local address; v4-mapped addresses are returned as IPv4. Of a TPROXY connection it is the original destination.</summary>
    public IPEndPoint LocalEndPoint => ReadName(remote: false);

    /// <summary>The peer's address; v4-mapped addresses are returned as IPv4. It is remembered when the connection ends.</summary>
    public IPEndPoint RemoteEndPoint => _remote ??= ReadName(remote: true);

    internal int Descriptor => _descriptor;

    /// <summary>A receive is worth trying: data, an end or an error may be there.</summary>
    public bool IsReadable => _isReadable;

    /// <summary>A send is worth trying.</summary>
    public bool IsWritable => _isWritable;

    /// <summary>Makes an unbound socket.</summary>
    /// <param name="loop">The loop that will own it.</param>
    /// <param name="family">IPv4 or IPv6; an IPv6 socket is dual-stack unless told otherwise.</param>
    /// <param name="space">The namespace to make it in; null means the process's own.</param>
    public static TcpSocket Create(EventLoop loop, AddressFamily family, NetworkNamespace? space = null)
    {
        var number = family switch
        {
            AddressFamily.InterNetwork => Libc.FamilyV4,
            AddressFamily.InterNetworkV6 => Libc.FamilyV6,
            _ => throw new ArgumentOutOfRangeException(nameof(family), family, "A TCP socket is IPv4 or IPv6."),
        };
        const int Type = Libc.TypeStream | Libc.NonBlockingCloseOnExec;
        if (space is not null)
        {
            return new TcpSocket(loop, space.Socket(number, Type), family);
        }

        var made = Libc.Socket(number, Type);
        return made.Ok
            ? new TcpSocket(loop, made.Count, family)
            : throw new LinuxException(made.Error, $"make an {family} socket");
    }

    /// <summary>Receives what is there, at most the buffer's length.</summary>
    public unsafe IoResult TryReceive(Span<byte> buffer)
    {
        Debug.Assert(Loop.IsCurrent, "A socket is used on its loop only.");
        if (_descriptor < 0)
        {
            return new IoResult(0, Errno.EBADF);
        }

        IoResult result;
        fixed (byte* start = buffer)
        {
            result = Libc.Receive(_descriptor, start, buffer.Length);
        }

        OnReceived(result, buffer.Length);
        return result;
    }

    /// <summary>
    /// The same into several places of a memory, with equal gaps between them: a first one of <paramref name="first"/> bytes, then
    /// ones of <paramref name="each"/>; the last ends with the memory, if it has not to end after 32.
    /// </summary>
    public unsafe IoResult TryReceive(Span<byte> memory, int first, int each, int gap)
    {
        if (memory.Length <= first)
        {
            return TryReceive(memory);
        }

        Debug.Assert(Loop.IsCurrent, "A socket is used on its loop only.");
        if (_descriptor < 0)
        {
            return new IoResult(0, Errno.EBADF);
        }

        const int Most = 32;
        var segments = stackalloc Libc.Segment[Most];
        var count = 0;
        var wanted = 0;
        IoResult result;
        fixed (byte* start = memory)
        {
            for (var (offset, room) = (0, first); offset < memory.Length && count < Most; (offset, room) = (offset + room + gap, each))
            {
                var length = Math.Min(room, memory.Length - offset);
                segments[count++] = new Libc.Segment { Start = start + offset, Length = (nuint)length };
                wanted += length;
            }

            result = Libc.ReadVector(_descriptor, segments, count);
        }

        OnReceived(result, wanted);
        return result;
    }

    private void OnReceived(IoResult result, int wanted)
    {
        // Less than asked means drained, and the next byte makes an edge. Not so once the peer has sent its end: data and FIN
        // may have come with one edge, and nothing will report the FIN again. Then only the kernel's word counts.
        if (result.WouldBlock || (result.Ok && result.Count < wanted && !_noMoreEdges))
        {
            _isReadable = false;
        }
    }

    /// <summary>Sends as much as the kernel takes.</summary>
    public unsafe IoResult TrySend(ReadOnlySpan<byte> data)
    {
        Debug.Assert(Loop.IsCurrent, "A socket is used on its loop only.");
        if (_descriptor < 0)
        {
            return new IoResult(0, Errno.EBADF);
        }

        IoResult result;
        fixed (byte* start = data)
        {
            result = Libc.Send(_descriptor, start, data.Length);
        }

        if (result.WouldBlock || (result.Ok && result.Count < data.Length))
        {
            _isWritable = false;
        }

        return result;
    }

    /// <summary>Sends as much as the kernel takes of up to 64 segments (a megabyte of 16 KB records) in one call.</summary>
    public unsafe IoResult TrySend(in ReadOnlySequence<byte> data)
    {
        if (data.IsSingleSegment)
        {
            return TrySend(data.FirstSpan);
        }

        Debug.Assert(Loop.IsCurrent, "A socket is used on its loop only.");
        if (_descriptor < 0)
        {
            return new IoResult(0, Errno.EBADF);
        }

        var segments = stackalloc Libc.Segment[MaxSegments];
        var result = SendSegments(segments, 0, data.GetEnumerator(), 0);
        if (result.WouldBlock)
        {
            _isWritable = false;
        }

        return result;
    }

    /// <summary>
    /// Completes when a receive is worth trying: data, end of stream, an error, or the socket's end. One waiter at a time;
    /// it is continued inline on the loop. Allocates nothing.
    /// </summary>
    public ValueTask WaitReadableAsync() =>
        _descriptor < 0 || _isReadable ? default : (_readWait ??= new ReadinessSource()).WaitAsync();

    /// <summary>Completes when a send is worth trying, or the socket has ended. As <see cref="WaitReadableAsync"/>.</summary>
    public ValueTask WaitWritableAsync() =>
        _descriptor < 0 || _isWritable ? default : (_writeWait ??= new ReadinessSource()).WaitAsync();

    /// <summary>
    /// Tells somebody of readiness from now on instead of keeping waiters, which an idle connection then does not need. What is ready
    /// already is in <see cref="IsReadable"/> and <see cref="IsWritable"/>. Nobody may be waiting.
    /// </summary>
    public void Attach(ISocketEvents events)
    {
        _events = events;
        _readWait = _writeWait = null;
    }

    /// <summary>Sends FIN after what was sent before. The other direction goes on.</summary>
    public void ShutdownSend()
    {
        if (_descriptor >= 0)
        {
            Libc.Shutdown(_descriptor, 1);
        }
    }

    /// <summary>
    /// Closes the socket; waiters wake and see <see cref="Errno.EBADF"/>. From another thread it is closed by the loop's next
    /// turn.
    /// </summary>
    public void Dispose()
    {
        if (!Loop.IsCurrent)
        {
            try
            {
                Loop.Post(static state => ((TcpSocket)state!).Close(), this);
                return;
            }
            catch (ObjectDisposedException)
            {
                // The ended loop has closed what was registered; a socket that was never used is closed here.
            }
        }

        Close();
    }

    void IEpollTarget.OnReady(uint events)
    {
        if ((events & (Libc.EpollPeerClosed | Libc.EpollHangUp | Libc.EpollError)) != 0)
        {
            _noMoreEdges = true;
        }

        if ((events & ~Libc.EpollOut) != 0)
        {
            SignalReadable();
        }

        // The reader may have closed the socket; a disposed socket has woken its writer already.
        if ((events & (Libc.EpollOut | Libc.EpollHangUp | Libc.EpollError)) != 0 && _descriptor >= 0)
        {
            SignalWritable();
        }
    }

    void IEpollTarget.OnLoopEnding() => Close();

    private void Register(uint events)
    {
        Loop.Register(_descriptor, events, this);
        _registered = true;
    }

    private void Close()
    {
        var descriptor = _descriptor;
        if (descriptor < 0)
        {
            return;
        }

        _descriptor = -1;
        if (_registered)
        {
            Loop.Forget(descriptor);
        }

        CloseOrReset(descriptor);
        if (Place?.Listener == this)
        {
            Place.Leave();
        }
        else
        {
            Place?.Closed();
        }

        if (_events is { } events)
        {
            _events = null;
            events.OnClosed();
            return;
        }

        SignalReadable();
        SignalWritable();
    }

    private void SignalReadable()
    {
        _isReadable = true;
        _events?.OnReadable();
        _readWait?.Wake();
    }

    private void SignalWritable()
    {
        _isWritable = true;
        _events?.OnWritable();
        _writeWait?.Wake();
    }

    private int OpenDescriptor() => _descriptor >= 0 ? _descriptor : throw new ObjectDisposedException(nameof(TcpSocket));

    private unsafe IPEndPoint ReadName(bool remote)
    {
        var name = stackalloc byte[SocketAddressCodec.MaxSize];
        var length = SocketAddressCodec.MaxSize;
        var result = remote
            ? Libc.GetPeerName(OpenDescriptor(), name, &length)
            : Libc.GetLocalName(OpenDescriptor(), name, &length);
        return result == 0
            ? SocketAddressCodec.Read(new ReadOnlySpan<byte>(name, length))
            : throw new LinuxException(Libc.LastError, remote ? "getpeername" : "getsockname");
    }
}
