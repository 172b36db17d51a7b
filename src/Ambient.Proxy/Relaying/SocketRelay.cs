using System.Buffers;
using Ambient.Linux;

namespace Ambient.Proxy.Relaying;

/// <summary>
/// Moves bytes between two sockets of one loop, both ways at once, each direction ending by itself. A direction starts by copying,
/// which is cheaper for the few bytes that most connections carry, and goes on inside the kernel (splice) once it is bulk.
/// </summary>
public static class SocketRelay
{
    /// <summary>One copy's size: larger ones gain nothing until splice takes over.</summary>
    private const int CopySize = 64 * 1024;

    /// <summary>
    /// Bytes after which a direction is bulk. Splice costs a pipe, and 6 to 30 % more for each small message; it halves the cost of
    /// a byte (measured).
    /// </summary>
    private const long BulkAfter = 256 * 1024;

    /// <summary>Copies in a row before the loop's other connections have their turn: 16 of 64 KiB are a megabyte.</summary>
    private const int RoundsPerTurn = 16;

    /// <summary>Relays until both directions have ended. Never throws for what a peer does; the caller owns both sockets.</summary>
    public static async Task<RelayEnd> RunAsync(TcpSocket client, TcpSocket server, IRelayCounter counter)
    {
        var up = PumpAsync(client, server, new Direction(counter, FromClient: true));
        var down = PumpAsync(server, client, new Direction(counter, FromClient: false));
        var upEnd = await up;
        var downEnd = await down;
        return upEnd.Error is null ? downEnd : upEnd;
    }

    private static async Task<RelayEnd> PumpAsync(TcpSocket from, TcpSocket to, Direction direction)
    {
        var moved = 0L;
        for (var rounds = 1; moved < BulkAfter; rounds++)
        {
            await from.WaitReadableAsync();
            // Rented with data at hand and returned before the next wait: an idle connection holds none.
            var buffer = ArrayPool<byte>.Shared.Rent(CopySize);
            try
            {
                var received = from.TryReceive(buffer.AsSpan(0, CopySize));
                if (received.WouldBlock)
                {
                    continue;
                }

                if (!received.Ok)
                {
                    to.Abort();
                    return RelayEnd.Of(received.Error);
                }

                if (received.EndOfStream)
                {
                    to.ShutdownSend();
                    return RelayEnd.Clean;
                }

                for (var sent = 0; sent < received.Count;)
                {
                    var result = to.TrySend(buffer.AsSpan(sent, received.Count - sent));
                    if (result.Ok)
                    {
                        sent += result.Count;
                        direction.Count(result.Count);
                    }
                    else if (result.WouldBlock)
                    {
                        await to.WaitWritableAsync();
                    }
                    else
                    {
                        from.Abort();
                        return RelayEnd.Of(result.Error);
                    }
                }

                moved += received.Count;
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }

            if (rounds % RoundsPerTurn == 0)
            {
                await from.Loop.Yield();
            }
        }

        return await SpliceAsync(from, to, direction);
    }

    private static async Task<RelayEnd> SpliceAsync(TcpSocket from, TcpSocket to, Direction direction)
    {
        var end = await Splice.PumpAsync(from, to, new SpliceCounter(direction.Count));
        if (end.ReceiveError != Errno.None)
        {
            to.Abort();
            return RelayEnd.Of(end.ReceiveError);
        }

        if (end.SendError != Errno.None)
        {
            from.Abort();
        }

        return RelayEnd.Of(end.SendError);
    }

    private sealed record Direction(IRelayCounter Counter, bool FromClient)
    {
        public void Count(int bytes)
        {
            if (FromClient)
            {
                Counter.FromClient(bytes);
            }
            else
            {
                Counter.FromServer(bytes);
            }
        }
    }
}
