using Ambient.Linux;

namespace Ambient.Bench.Load;

/// <summary>
/// Sends and receives that wait. Each wait makes a little garbage, so what is done a hundred thousand times a second waits on the socket
/// itself, which makes none: collections of client or sink would be taken for the proxies' latency.
/// </summary>
internal static class Streams
{
    /// <summary>Sends all of it; false if the connection has ended.</summary>
    public static async ValueTask<bool> SendAsync(TcpSocket socket, ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            var sent = socket.TrySend(data.Span);
            if (sent.Ok)
            {
                data = data[sent.Count..];
            }
            else if (sent.WouldBlock)
            {
                await socket.WaitWritableAsync();
            }
            else
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Receives what comes next; 0 at the end of the stream and after a failure.</summary>
    public static async ValueTask<int> ReceiveSomeAsync(TcpSocket socket, Memory<byte> buffer)
    {
        while (true)
        {
            var got = socket.TryReceive(buffer.Span);
            if (!got.WouldBlock)
            {
                return got.Count;
            }

            await socket.WaitReadableAsync();
        }
    }

    /// <summary>Fills the buffer.</summary>
    /// <exception cref="InvalidOperationException">The connection ended before.</exception>
    public static async ValueTask ReceiveAllAsync(TcpSocket socket, Memory<byte> whole)
    {
        while (!whole.IsEmpty)
        {
            var count = await ReceiveSomeAsync(socket, whole);
            whole = count > 0 ? whole[count..] : throw new InvalidOperationException($"A connection ended with {whole.Length} bytes missing.");
        }
    }
}
