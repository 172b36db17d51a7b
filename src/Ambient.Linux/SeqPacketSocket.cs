using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ambient.Linux;

/// <summary>One received packet.</summary>
/// <param name="Payload">Its bytes, in the buffer that was handed to the receive.</param>
/// <param name="Descriptors">Descriptors that came along; the receiver owns and disposes them.</param>
public readonly record struct SeqPacket(ReadOnlyMemory<byte> Payload, IReadOnlyList<SafeFileHandle> Descriptors)
{
    /// <summary>The peer has closed. (An empty packet looks the same; protocols over this socket do not use any.)</summary>
    public bool IsEndOfStream => Payload.IsEmpty && Descriptors.Count == 0;
}

/// <summary>Who is at the other end of a unix socket, as the kernel noted when it connected.</summary>
/// <param name="ProcessId">Process id in our PID namespace; 0 if it is not visible.</param>
/// <param name="UserId">Effective user.</param>
/// <param name="GroupId">Effective group.</param>
public readonly record struct PeerCredentials(int ProcessId, uint UserId, uint GroupId);

/// <summary>
/// A connected unix socket of type SOCK_SEQPACKET: whole packets, in order, with descriptors attached (SCM_RIGHTS). For
/// control traffic from any thread; continuations run on the thread pool. One receive and one send at a time.
/// </summary>
public sealed class SeqPacketSocket : IDisposable
{
    /// <summary>Descriptors per packet that the kernel allows (SCM_MAX_FD, linux/net/scm.h).</summary>
    public const int MaxDescriptors = 253;

    private readonly PacketReadiness _readiness;
    private readonly SafeSocketDescriptor _socket;

    internal SeqPacketSocket(int descriptor)
    {
        _socket = new SafeSocketDescriptor(descriptor);
        _readiness = new PacketReadiness(_socket);
    }

    /// <summary>The peer's process and user.</summary>
    public unsafe PeerCredentials Peer
    {
        get
        {
            using var use = _socket.Use();
            var values = stackalloc int[3];
            var length = 12;
            return Libc.GetOption(use.Number, 1, 17, values, &length) == 0 // SO_PEERCRED
                ? new PeerCredentials(values[0], (uint)values[1], (uint)values[2])
                : throw new LinuxException(Libc.LastError, "read the peer of a unix socket");
        }
    }

    /// <summary>Connects to a listener's path.</summary>
    /// <exception cref="LinuxException">Nobody listens there, or its backlog is full (EAGAIN).</exception>
    public static unsafe SeqPacketSocket Connect(string path)
    {
        var made = Libc.Socket(Libc.FamilyUnix, Libc.TypeSeqPacket | Libc.NonBlockingCloseOnExec);
        if (!made.Ok)
        {
            throw new LinuxException(made.Error, "make a unix socket");
        }

        var name = stackalloc byte[UnixSocketPath.Size];
        if (Libc.Connect(made.Count, name, UnixSocketPath.Write(name, path)) != 0)
        {
            var error = new LinuxException(Libc.LastError, $"connect {path}");
            Libc.Close(made.Count);
            throw error;
        }

        return new SeqPacketSocket(made.Count);
    }

    /// <summary>Two sockets connected to each other.</summary>
    public static unsafe (SeqPacketSocket First, SeqPacketSocket Second) CreatePair()
    {
        var ends = stackalloc int[2];
        return Libc.SocketPair(Libc.FamilyUnix, Libc.TypeSeqPacket | Libc.NonBlockingCloseOnExec, 0, ends) == 0
            ? (new SeqPacketSocket(ends[0]), new SeqPacketSocket(ends[1]))
            : throw new LinuxException(Libc.LastError, "socketpair");
    }

    /// <summary>Receives the next packet.</summary>
    /// <param name="buffer">Must hold the largest packet of the protocol.</param>
    /// <param name="maxDescriptors">Most descriptors that a packet may carry; 0 to <see cref="MaxDescriptors"/>.</param>
    /// <param name="cancellation">Ends the wait; the socket stays usable.</param>
    /// <exception cref="LinuxException">
    /// A packet was larger than the buffer, or carried more descriptors than allowed (EMSGSIZE); the packet is lost and its
    /// descriptors are closed. Or the connection broke.
    /// </exception>
    public async ValueTask<SeqPacket> ReceiveAsync(
        Memory<byte> buffer, int maxDescriptors, CancellationToken cancellation = default)
    {
        while (true)
        {
            // Taken before the attempt: an edge that comes after the attempt completes this very task.
            var readable = _readiness.Readable;
            if (TryReceive(buffer, maxDescriptors, out var packet))
            {
                return packet;
            }

            await readable.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Sends one packet, with descriptors that stay the caller's.</summary>
    /// <exception cref="LinuxException">The peer is gone (EPIPE, ECONNRESET), or the packet is too large (EMSGSIZE).</exception>
    public async ValueTask SendAsync(
        ReadOnlyMemory<byte> payload, IReadOnlyList<SafeHandle>? descriptors = null, CancellationToken cancellation = default)
    {
        while (true)
        {
            var writable = _readiness.Writable;
            if (TrySend(payload.Span, descriptors ?? []))
            {
                return;
            }

            await writable.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Closes the socket; a waiting receive or send ends with <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose() => _readiness.Dispose();

    private unsafe bool TryReceive(Memory<byte> buffer, int maxDescriptors, out SeqPacket packet)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxDescriptors, MaxDescriptors);
        using var use = _socket.Use();
        var controlLength = ControlMessage.Space(maxDescriptors);
        var control = stackalloc byte[controlLength];
        Libc.MessageHeader message;
        IoResult result;
        fixed (byte* start = buffer.Span)
        {
            var segment = new Libc.Segment { Start = start, Length = (nuint)buffer.Length };
            message = new Libc.MessageHeader
            {
                Segments = &segment,
                SegmentCount = 1,
                Control = control,
                ControlLength = (nuint)controlLength,
            };
            result = Libc.ReceiveMessage(use.Number, &message);
        }

        if (result.WouldBlock)
        {
            packet = default;
            return false;
        }

        if (!result.Ok)
        {
            throw new LinuxException(result.Error, "receive a packet");
        }

        var descriptors = ControlMessage.ReadDescriptors(control, (int)message.ControlLength);
        if ((message.Flags & (Libc.MessageTruncated | Libc.MessageControlTruncated)) != 0)
        {
            foreach (var descriptor in descriptors)
            {
                descriptor.Dispose();
            }

            var limit = $"receive a packet of at most {buffer.Length} bytes and {maxDescriptors} descriptors";
            throw new LinuxException(Errno.EMSGSIZE, limit);
        }

        packet = new SeqPacket(buffer[..result.Count], descriptors);
        return true;
    }

    private unsafe bool TrySend(ReadOnlySpan<byte> payload, IReadOnlyList<SafeHandle> descriptors)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(descriptors.Count, MaxDescriptors);
        using var use = _socket.Use();
        var held = 0;
        var control = stackalloc byte[ControlMessage.Space(descriptors.Count)];
        try
        {
            var numbers = stackalloc int[descriptors.Count];
            for (; held < descriptors.Count; held++)
            {
                var taken = false;
                descriptors[held].DangerousAddRef(ref taken);
                numbers[held] = (int)descriptors[held].DangerousGetHandle();
            }

            fixed (byte* start = payload)
            {
                var segment = new Libc.Segment { Start = start, Length = (nuint)payload.Length };
                var message = new Libc.MessageHeader { Segments = &segment, SegmentCount = 1 };
                if (held > 0)
                {
                    message.Control = control;
                    message.ControlLength = (nuint)ControlMessage.WriteDescriptors(control, numbers, held);
                }

                var result = Libc.SendMessage(use.Number, &message);
                return result.Ok || (result.WouldBlock ? false : throw new LinuxException(result.Error, "send a packet"));
            }
        }
        finally
        {
            while (held > 0)
            {
                descriptors[--held].DangerousRelease();
            }
        }
    }
}
