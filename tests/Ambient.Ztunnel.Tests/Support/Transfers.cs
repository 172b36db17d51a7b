using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using Ambient.Linux;

namespace Ambient.Ztunnel.Tests.Support;

/// <summary>How one end of a transfer came out.</summary>
internal enum Outcome
{
    /// <summary>All bytes, the right ones, and then the end; and all of its own were taken.</summary>
    Exact,

    /// <summary>The connection was refused or reset: the application knows.</summary>
    Failed,

    /// <summary>An end in good order before all bytes had come: data lost without a word.</summary>
    Short,

    /// <summary>Other bytes than were sent, or more.</summary>
    Wrong,

    /// <summary>Nothing, for longer than anything takes.</summary>
    Hung,
}

/// <summary>
/// Transfers of known bytes both ways at once. The client's first 24 bytes say which: an identifier and both lengths. Each end sends its
/// bytes, ends its direction, and checks each byte of the other's.
/// </summary>
internal sealed class Transfers
{
    private const int HeaderSize = 24;

    private readonly ConcurrentDictionary<long, Outcome> _served = [];

    /// <summary>How the server's end of each transfer came out; what it never heard of is missing.</summary>
    public IReadOnlyDictionary<long, Outcome> Served => _served;

    /// <summary>The server's end.</summary>
    public async Task ServeAsync(TcpSocket connection)
    {
        var header = new byte[HeaderSize];
        for (var have = 0; have < HeaderSize;)
        {
            await connection.WaitReadableAsync();
            var received = connection.TryReceive(header.AsSpan(have));
            if (received.EndOfStream || (!received.Ok && !received.WouldBlock))
            {
                return; // which one it was stays unknown: the client has to have failed
            }

            have += received.Count;
        }

        var (id, up, down) = Read(header);
        _served[id] = await RunAsync(connection, id, sent: down, expected: up, []);
    }

    /// <summary>The client's end. On the socket's loop.</summary>
    public static async Task<Outcome> CallAsync(TcpSocket socket, IPEndPoint destination, long id, long up, long down)
    {
        try
        {
            await socket.ConnectAsync(destination, TimeSpan.FromSeconds(30));
        }
        catch (LinuxException)
        {
            return Outcome.Failed;
        }

        var header = new byte[HeaderSize];
        BinaryPrimitives.WriteInt64LittleEndian(header, id);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(8), up);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(16), down);
        return await RunAsync(socket, id, up, down, header);
    }

    private static async Task<Outcome> RunAsync(TcpSocket socket, long id, long sent, long expected, byte[] header)
    {
        // The two ends' bytes differ: the direction is part of the pattern.
        var (mine, theirs) = header.Length > 0 ? (id * 2, (id * 2) + 1) : ((id * 2) + 1, id * 2);
        var sending = SendAsync(socket, mine, sent, header);
        var received = await ReceiveAsync(socket, theirs, expected);
        if (received == Outcome.Short && sending is { IsCompletedSuccessfully: true, Result: false })
        {
            received = Outcome.Failed; // Linux tells of a reset once: the sender has had it, and the receiver reads an end
        }

        if (received != Outcome.Exact)
        {
            socket.Abort(); // as an application does that has met an error: nobody else waits for it
        }

        var taken = await sending;
        return received != Outcome.Exact ? received : taken ? Outcome.Exact : Outcome.Failed;
    }

    private static async Task<bool> SendAsync(TcpSocket socket, long pattern, long count, byte[] header)
    {
        var buffer = new byte[64 * 1024];
        for (var at = -(long)header.Length; at < count;)
        {
            var part = at < 0 ? header.AsMemory(header.Length + (int)at) : buffer.AsMemory(0, (int)Math.Min(count - at, buffer.Length));
            for (var index = 0; at >= 0 && index < part.Length; index++)
            {
                buffer[index] = Byte(pattern, at + index);
            }

            await socket.WaitWritableAsync();
            var result = socket.TrySend(part.Span);
            if (!result.Ok && !result.WouldBlock)
            {
                return false;
            }

            at += result.Count;
        }

        socket.ShutdownSend();
        return true;
    }

    private static async Task<Outcome> ReceiveAsync(TcpSocket socket, long pattern, long expected)
    {
        var buffer = new byte[256 * 1024];
        for (var at = 0L; ;)
        {
            await socket.WaitReadableAsync();
            var result = socket.TryReceive(buffer);
            if (result.WouldBlock)
            {
                continue;
            }

            if (!result.Ok)
            {
                return Outcome.Failed;
            }

            if (result.EndOfStream)
            {
                return at == expected ? Outcome.Exact : Outcome.Short;
            }

            for (var index = 0; index < result.Count; index++, at++)
            {
                if (at >= expected || buffer[index] != Byte(pattern, at))
                {
                    return Outcome.Wrong;
                }
            }
        }
    }

    /// <summary>Differs between patterns, and between places a block, a record or a window apart.</summary>
    private static byte Byte(long pattern, long at) => (byte)((at * 31) + (at >> 8) + (at >> 14) + (at >> 20) + (pattern * 101));

    private static (long Id, long Up, long Down) Read(byte[] header) => (
        BinaryPrimitives.ReadInt64LittleEndian(header),
        BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(8)),
        BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(16)));
}
