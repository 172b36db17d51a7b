using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Ambient.Linux;

namespace Ambient.Bench.Load;

/// <summary>
/// Requests of HTTP/1.1: each connection sends one, waits for all of its answer, and sends the next. As the other loads it makes no garbage
/// for each request.
/// </summary>
internal static class HttpLoad
{
    /// <summary>More than any way manages in a second, so that the list of times does not grow while it counts.</summary>
    private const int ExpectedTimes = 1 << 18;

    /// <summary>Room for an answer's head: the sink's has 120 bytes, and proxies add a few fields.</summary>
    private const int MaxHead = 4096;

    public static async Task<LoadFigures> RunAsync(EventLoop loop, Destinations target, LoadRequest load)
    {
        var request = Request(load.MessageSize);
        var window = new Window(load);
        var times = new List<double>(ExpectedTimes);
        var players = new List<Task>();
        for (var i = 0; i < load.Connections; i++)
        {
            players.Add(PlayAsync(await Client.OpenAsync(loop, target), request, load.MessageSize, window, times));
        }

        await window.RunAsync(loop);
        await Task.WhenAll(players);
        return LoadFigures.Of(window, times);
    }

    /// <summary>What a client that is no browser sends; the answer's body is to have so many bytes.</summary>
    public static byte[] Request(int size) => Encoding.ASCII.GetBytes(string.Create(
        CultureInfo.InvariantCulture, $"GET /{size} HTTP/1.1\r\nHost: server.bench\r\nUser-Agent: ambient-bench\r\nAccept: */*\r\n\r\n"));

    /// <summary>Receives one answer, and nothing beyond it.</summary>
    /// <exception cref="InvalidOperationException">It is not 200 with a length, or the connection has ended.</exception>
    public static async ValueTask ReceiveAsync(TcpSocket socket, byte[] buffer)
    {
        for (var (have, whole) = (0, int.MaxValue); have != whole;)
        {
            var got = socket.TryReceive(buffer.AsSpan(have));
            if (got.WouldBlock)
            {
                await socket.WaitReadableAsync();
                continue;
            }

            have += got.Count > 0 ? got.Count : throw new InvalidOperationException($"A connection ended inside an answer, after {have} bytes.");
            whole = LengthOf(buffer.AsSpan(0, have));
        }
    }

    private static async Task PlayAsync(TcpSocket socket, byte[] request, int size, Window window, List<double> times)
    {
        using var owned = socket;
        var buffer = new byte[MaxHead + size];
        while (!window.IsOver)
        {
            var began = Stopwatch.GetTimestamp();
            if (socket.TrySend(request) is var sent && sent.Count < request.Length)
            {
                await Streams.SendAsync(socket, request.AsMemory(sent.Count));
            }

            await ReceiveAsync(socket, buffer);
            if (window.IsOpen)
            {
                times.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
            }
        }
    }

    /// <summary>Bytes of the answer that begins here, as far as its head is there.</summary>
    private static int LengthOf(ReadOnlySpan<byte> answer)
    {
        var end = answer.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return int.MaxValue;
        }

        var head = answer[..(end + 2)];
        if (!head.StartsWith("HTTP/1.1 200 "u8))
        {
            throw new InvalidOperationException($"The answer begins '{Encoding.Latin1.GetString(head[..head.IndexOf((byte)'\r')])}'.");
        }

        for (var rest = head; !rest.IsEmpty; rest = rest[(rest.IndexOf((byte)'\n') + 1)..])
        {
            const int Name = 15; // of "content-length:"
            if (rest.Length > Name && Ascii.EqualsIgnoreCase(rest[..Name], "content-length:"u8)
                && Utf8Parser.TryParse(rest[Name..].TrimStart((byte)' '), out int length, out _))
            {
                return end + 4 + length;
            }
        }

        throw new InvalidOperationException("An answer has no length.");
    }
}
