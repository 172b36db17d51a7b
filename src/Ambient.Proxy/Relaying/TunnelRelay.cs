using System.Buffers;
using System.IO.Pipelines;
using Ambient.Hbone;
using Ambient.Linux;

namespace Ambient.Proxy.Relaying;

/// <summary>
/// Moves bytes between an application's socket and a tunnel's stream, both ways at once. Each direction ends by itself
/// (half-close); the relay ends when both have. Bytes are received straight into the tunnel's memory and sent straight from what
/// the tunnel received: nothing is copied, allocated or handed to another thread for a chunk.
/// </summary>
public static class TunnelRelay
{
    /// <summary>Receives in a row before the loop's other connections have their turn: a few quanta of a stream.</summary>
    private const int RoundsPerTurn = 4;

    /// <summary>One record: what a connection that sends little asks memory for.</summary>
    private const int LeastReceive = 16_375;

    /// <summary>A stream's quantum, in one receive.</summary>
    private const int MostReceive = 256 * 1024;

    /// <summary>Relays until both directions have ended. Never throws for what a peer does; the caller owns socket and stream.</summary>
    /// <param name="application">The application's socket.</param>
    /// <param name="tunnel">The stream to its peer.</param>
    /// <param name="applicationIsClient">Which way <paramref name="counter"/> counts.</param>
    /// <param name="counter">Told of each chunk that was passed on.</param>
    /// <returns>The first error of the two directions, or a clean end.</returns>
    public static async Task<RelayEnd> RunAsync(
        TcpSocket application, Http2Stream tunnel, bool applicationIsClient, IRelayCounter counter)
    {
        tunnel.WritesDirectly = true;
        tunnel.Receiver = new SocketReceiver(application, applicationIsClient, counter);
        var sending = SendAsync(application, tunnel, applicationIsClient, counter);
        var receiving = ReceiveAsync(application, tunnel, applicationIsClient, counter);
        var sent = await sending;
        var received = await receiving;
        return sent.Error is null ? received : sent;
    }

    /// <summary>Application to tunnel.</summary>
    private static async Task<RelayEnd> SendAsync(TcpSocket from, Http2Stream tunnel, bool fromClient, IRelayCounter counter)
    {
        var to = tunnel.Output;
        var rounds = 0;
        var wanted = LeastReceive;
        try
        {
            while (true)
            {
                // Memory is asked for only once there is something to put into it: an idle connection holds none.
                await from.WaitReadableAsync();
                var places = tunnel.Lend(wanted);
                if (!places.IsEmpty)
                {
                    var result = from.TryReceive(places.Memory.Span, places.First, places.Each, places.Gap);
                    tunnel.Commit(result.Count);
                    if (result.WouldBlock)
                    {
                        continue;
                    }

                    if (!result.Ok)
                    {
                        tunnel.Reset(Http2ErrorCode.Cancel);
                        return RelayEnd.Of(result.Error);
                    }

                    if (result.EndOfStream)
                    {
                        await to.CompleteAsync();
                        return RelayEnd.Clean;
                    }

                    Count(counter, fromClient, result.Count);
                    wanted = result.Count == wanted ? MostReceive : Math.Clamp(2 * result.Count, LeastReceive, MostReceive);
                }

                if ((await to.FlushAsync()).IsCompleted)
                {
                    return RelayEnd.Clean; // the peer does not want the rest
                }

                if (++rounds % RoundsPerTurn == 0)
                {
                    await from.Loop.Yield();
                }
            }
        }
        catch (Exception failure) when (failure is IOException or InvalidOperationException)
        {
            // The stream ended under us: the application learns it as a reset, because its peer did not end in good order.
            from.Abort();
            return EndOf(failure);
        }
    }

    /// <summary>Tunnel to application.</summary>
    private static async Task<RelayEnd> ReceiveAsync(TcpSocket to, Http2Stream tunnel, bool toClient, IRelayCounter counter)
    {
        var from = tunnel.Input;
        try
        {
            while (true)
            {
                var read = await from.ReadAsync();
                var buffer = read.Buffer;
                if (buffer.IsEmpty)
                {
                    from.AdvanceTo(buffer.End);
                    if (!read.IsCompleted)
                    {
                        continue;
                    }

                    await from.CompleteAsync();
                    if (tunnel.ResetCode is null)
                    {
                        to.ShutdownSend();
                    }
                    else
                    {
                        // The peer wants nothing more either: an application that keeps its side open would hold the
                        // connection for ever. It gets what was received, then the end; what it still sends is refused.
                        to.Dispose();
                    }

                    return RelayEnd.Clean;
                }

                var result = to.TrySend(buffer);
                // Consumed as far as it was sent: only that much credit goes back to the peer.
                var consumed = buffer.GetPosition(result.Ok ? result.Count : 0);
                from.AdvanceTo(consumed, consumed);
                if (result.Ok)
                {
                    Count(counter, !toClient, result.Count);
                }
                else if (result.WouldBlock)
                {
                    await to.WaitWritableAsync();
                }
                else
                {
                    tunnel.Reset(Http2ErrorCode.Cancel);
                    return RelayEnd.Of(result.Error);
                }
            }
        }
        catch (Exception failure) when (failure is IOException or InvalidOperationException)
        {
            to.Abort();
            return EndOf(failure);
        }
    }

    private static RelayEnd EndOf(Exception failure) => failure is Http2StreamException stream
        ? RelayEnd.Of(stream.Code, stream.Message)
        : new RelayEnd(failure.Message);

    private static void Count(IRelayCounter counter, bool fromClient, int bytes)
    {
        if (fromClient)
        {
            counter.FromClient(bytes);
        }
        else
        {
            counter.FromServer(bytes);
        }
    }

    /// <summary>
    /// While the application takes bytes as fast as they come, they go to its socket from the memory they were decrypted in.
    /// What it does not take at once is queued for <see cref="ReceiveAsync"/>, which also meets the errors.
    /// </summary>
    private sealed class SocketReceiver(TcpSocket to, bool toClient, IRelayCounter counter) : IStreamReceiver
    {
        public long Receive(in ReadOnlySequence<byte> bytes)
        {
            // A send takes sixteen records at most, a pass may bring more.
            var taken = 0L;
            while (taken < bytes.Length)
            {
                var result = to.TrySend(bytes.Slice(taken));
                if (!result.Ok)
                {
                    break;
                }

                Count(counter, !toClient, result.Count);
                taken += result.Count;
            }

            return taken;
        }
    }
}
