using System.Runtime.InteropServices;
using Ambient.Linux.Faults;

namespace Ambient.Linux;

internal static unsafe partial class Libc
{
    public const int FamilyUnix = 1;
    public const int FamilyV4 = 2;
    public const int FamilyV6 = 10;

    public const int TypeStream = 1;
    public const int TypeSeqPacket = 5;
    public const int NonBlockingCloseOnExec = 0x800 | CloseOnExec;

    public const int MessageNoSignal = 0x4000;
    public const int MessageTruncated = 0x20;
    public const int MessageControlTruncated = 0x8;
    public const int MessageCloseOnExec = 0x40000000;

    private static readonly delegate* unmanaged[SuppressGCTransition]<int, byte*, nuint, int, nint> _recv =
        (delegate* unmanaged[SuppressGCTransition]<int, byte*, nuint, int, nint>)Export("recv");

    private static readonly delegate* unmanaged[SuppressGCTransition]<int, byte*, nuint, int, nint> _send =
        (delegate* unmanaged[SuppressGCTransition]<int, byte*, nuint, int, nint>)Export("send");

    private static readonly delegate* unmanaged[SuppressGCTransition]<int, MessageHeader*, int, nint> _sendMessage =
        (delegate* unmanaged[SuppressGCTransition]<int, MessageHeader*, int, nint>)Export("sendmsg");

    private static readonly delegate* unmanaged[SuppressGCTransition]<int, MessageHeader*, int, nint> _receiveMessage =
        (delegate* unmanaged[SuppressGCTransition]<int, MessageHeader*, int, nint>)Export("recvmsg");

    private static readonly delegate* unmanaged[SuppressGCTransition]<int, Segment*, int, nint> _readVector =
        (delegate* unmanaged[SuppressGCTransition]<int, Segment*, int, nint>)Export("readv");

    private static readonly delegate* unmanaged[SuppressGCTransition]<int, void*, void*, int, int> _accept =
        (delegate* unmanaged[SuppressGCTransition]<int, void*, void*, int, int>)Export("accept4");

    private static readonly delegate* unmanaged[SuppressGCTransition]<int, long*, int, long*, nuint, uint, nint> _splice =
        (delegate* unmanaged[SuppressGCTransition]<int, long*, int, long*, nuint, uint, nint>)Export("splice");

    [LibraryImport(Library, EntryPoint = "bind", SetLastError = true)]
    public static partial int Bind(int socket, byte* address, int length);

    [LibraryImport(Library, EntryPoint = "listen", SetLastError = true)]
    public static partial int Listen(int socket, int backlog);

    [LibraryImport(Library, EntryPoint = "connect", SetLastError = true)]
    public static partial int ConnectItself(int socket, byte* address, int length);

    [LibraryImport(Library, EntryPoint = "shutdown", SetLastError = true)]
    public static partial int Shutdown(int socket, int how);

    [LibraryImport(Library, EntryPoint = "setsockopt", SetLastError = true)]
    public static partial int SetOption(int socket, int level, int option, void* value, int length);

    [LibraryImport(Library, EntryPoint = "getsockopt", SetLastError = true)]
    public static partial int GetOption(int socket, int level, int option, void* value, int* length);

    [LibraryImport(Library, EntryPoint = "getsockname", SetLastError = true)]
    public static partial int GetLocalName(int socket, byte* address, int* length);

    [LibraryImport(Library, EntryPoint = "getpeername", SetLastError = true)]
    public static partial int GetPeerName(int socket, byte* address, int* length);

    [LibraryImport(Library, EntryPoint = "socketpair", SetLastError = true)]
    public static partial int SocketPair(int family, int type, int protocol, int* descriptors);

    public static int Connect(int socket, byte* address, int length)
    {
        if (FaultInjection.Calls is { } faults && faults.RefusesConnect(*(ushort*)address))
        {
            Marshal.SetLastPInvokeError((int)Errno.ECONNREFUSED);
            return -1;
        }

        return ConnectItself(socket, address, length);
    }

    public static IoResult Receive(int socket, byte* buffer, int length)
    {
        if (FaultInjection.Calls is { } faults && faults.Stalls("recv", socket, ref length))
        {
            return new IoResult(0, Errno.EAGAIN);
        }

        var count = _recv(socket, buffer, (nuint)length, 0);
        var error = Volatile.Read(ref *ErrnoLocation());
        return count >= 0 ? new IoResult((int)count, Errno.None) : new IoResult(0, (Errno)error);
    }

    /// <summary>Takes bytes off a stream socket without copying them anywhere.</summary>
    public static IoResult Discard(int socket, int length)
    {
        if (FaultInjection.Calls is { } faults && faults.Stalls("recv", socket, ref length))
        {
            return new IoResult(0, Errno.EAGAIN);
        }

        var count = _recv(socket, null, (nuint)length, MessageTruncated);
        var error = Volatile.Read(ref *ErrnoLocation());
        return count >= 0 ? new IoResult((int)count, Errno.None) : new IoResult(0, (Errno)error);
    }

    public static IoResult Send(int socket, byte* buffer, int length)
    {
        if (FaultInjection.Calls is { } faults && faults.Stalls("send", socket, ref length))
        {
            return new IoResult(0, Errno.EAGAIN);
        }

        var count = _send(socket, buffer, (nuint)length, MessageNoSignal);
        var error = Volatile.Read(ref *ErrnoLocation());
        return count >= 0 ? new IoResult((int)count, Errno.None) : new IoResult(0, (Errno)error);
    }

    public static IoResult ReadVector(int socket, Segment* segments, int count)
    {
        if (FaultInjection.Calls is { } faults)
        {
            var left = (nuint)count;
            if (faults.StallsVector("readv", socket, segments, ref left))
            {
                return new IoResult(0, Errno.EAGAIN);
            }

            count = (int)left;
        }

        var received = _readVector(socket, segments, count);
        var error = Volatile.Read(ref *ErrnoLocation());
        return received >= 0 ? new IoResult((int)received, Errno.None) : new IoResult(0, (Errno)error);
    }

    public static IoResult SendMessage(int socket, MessageHeader* message)
    {
        if (FaultInjection.Calls is { } faults
            && faults.StallsVector("sendmsg", socket, message->Segments, ref message->SegmentCount))
        {
            return new IoResult(0, Errno.EAGAIN);
        }

        var count = _sendMessage(socket, message, MessageNoSignal);
        var error = Volatile.Read(ref *ErrnoLocation());
        return count >= 0 ? new IoResult((int)count, Errno.None) : new IoResult(0, (Errno)error);
    }

    public static IoResult ReceiveMessage(int socket, MessageHeader* message)
    {
        if (FaultInjection.Calls is { } faults
            && faults.StallsVector("recvmsg", socket, message->Segments, ref message->SegmentCount))
        {
            return new IoResult(0, Errno.EAGAIN);
        }

        var count = _receiveMessage(socket, message, MessageCloseOnExec);
        var error = Volatile.Read(ref *ErrnoLocation());
        return count >= 0 ? new IoResult((int)count, Errno.None) : new IoResult(0, (Errno)error);
    }

    /// <summary>Takes a pending connection; <see cref="IoResult.Count"/> is its descriptor.</summary>
    /// <param name="socket">The listener.</param>
    /// <param name="peer">Room for the peer's address, or null.</param>
    /// <param name="peerLength">In: the room; out: the address's length.</param>
    public static IoResult Accept(int socket, byte* peer, int* peerLength)
    {
        if (FaultInjection.Calls is { } faults && faults.RefusesAccept(socket) is { } refusal)
        {
            return new IoResult(0, refusal);
        }

        return AcceptItself(socket, peer, peerLength);
    }

    public static IoResult AcceptItself(int socket, byte* peer, int* peerLength)
    {
        var descriptor = _accept(socket, peer, peerLength, NonBlockingCloseOnExec);
        var error = Volatile.Read(ref *ErrnoLocation());
        return descriptor >= 0 ? new IoResult(descriptor, Errno.None) : new IoResult(0, (Errno)error);
    }

    /// <summary>Moves bytes between a socket and a pipe without copying them to user space; never blocks.</summary>
    public static IoResult Splice(int from, int to, int length)
    {
        if (FaultInjection.Calls is { } faults && faults.StallsSplice(from, to, ref length))
        {
            return new IoResult(0, Errno.EAGAIN);
        }

        const uint MoveNonBlocking = 0x1 | 0x2;
        var count = _splice(from, null, to, null, (nuint)length, MoveNonBlocking);
        var error = Volatile.Read(ref *ErrnoLocation());
        return count >= 0 ? new IoResult((int)count, Errno.None) : new IoResult(0, (Errno)error);
    }

    /// <summary>Segments that were sent and not acknowledged (<c>tcpi_unacked</c> of tcp(7)); 0 for what is no TCP connection.</summary>
    public static uint Unacknowledged(int socket)
    {
        const int TcpLevel = 6;
        const int TcpInfo = 11;
        const int UnackedAt = 6; // in words of four bytes: eight of one, then four of four
        var information = stackalloc uint[UnackedAt + 1];
        var length = (UnackedAt + 1) * sizeof(uint);
        return GetOption(socket, TcpLevel, TcpInfo, information, &length) == 0 ? information[UnackedAt] : 0;
    }

    /// <summary><c>struct iovec</c>.</summary>
    public struct Segment
    {
        public byte* Start;
        public nuint Length;
    }

    /// <summary><c>struct msghdr</c> of 64-bit glibc.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public Segment* Segments;
        public nuint SegmentCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
