using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Ambient.Linux;

namespace Ambient.Bench.Load;

/// <summary>The sink's HTTP/1.1: <c>GET /128</c> is answered with 128 bytes. It reads no more of a request than that, and where it ends.</summary>
internal static class HttpSink
{
    /// <summary>The buffer is shared by all connections of the loop: nothing stays in it over a wait.</summary>
    /// <param name="socket">Has sent the beginning of a request.</param>
    /// <param name="buffer">Holds it.</param>
    /// <param name="count">How much that is.</param>
    public static async Task AnswerAsync(TcpSocket socket, byte[] buffer, int count)
    {
        var (answer, size) = (Array.Empty<byte>(), -1);
        while (count > 0)
        {
            // Nobody sends a head as small as these in pieces.
            var requests = buffer.AsSpan(0, count).Count("\r\n\r\n"u8);
            if (SizeOf(buffer.AsSpan(0, count)) is var asked && asked != size)
            {
                (answer, size) = (Answer(asked), asked);
            }

            for (; requests > 0; requests--)
            {
                if (socket.TrySend(answer) is var sent && sent.Count < answer.Length
                    && !await Streams.SendAsync(socket, answer.AsMemory(sent.Count)))
                {
                    return;
                }
            }

            var got = socket.TryReceive(buffer);
            while (got.WouldBlock)
            {
                await socket.WaitReadableAsync();
                got = socket.TryReceive(buffer);
            }

            count = got.Count;
        }
    }

    private static int SizeOf(ReadOnlySpan<byte> request) =>
        request.StartsWith("GET /"u8) && request.EndsWith("\r\n\r\n"u8) && Utf8Parser.TryParse(request[5..], out int size, out _)
            ? size
            : throw new FormatException($"'{Encoding.Latin1.GetString(request[..Math.Min(request.Length, 40)])}' asks for no number of bytes, or not whole.");

    private static byte[] Answer(int size) =>
    [
        .. Encoding.ASCII.GetBytes(string.Create(
            CultureInfo.InvariantCulture,
            $"HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n")),
        .. Enumerable.Repeat((byte)'x', size),
    ];
}
