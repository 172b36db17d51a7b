using System.Diagnostics;
using System.Net.Sockets;
using Ambient.Linux;

namespace Ambient.Bench.Load;

/// <summary>Messages that are answered, and connections that carry one.</summary>
internal static class MessageLoad
{
    /// <summary>More than any way manages in a second, so that the list of times does not grow while it counts.</summary>
    private const int ExpectedTimes = 1 << 18;

    /// <summary>Each connection sends a message, waits for all of it to come back, and sends the next.</summary>
    public static async Task<LoadFigures> PingPongAsync(EventLoop loop, Destinations target, LoadRequest load)
    {
        var sockets = new List<TcpSocket>();
        for (var i = 0; i < load.Connections; i++)
        {
            sockets.Add(await Client.OpenAsync(loop, target, Sink.Echo));
        }

        var window = new Window(load);
        var times = new List<double>(ExpectedTimes);
        var players = sockets.Select(socket => PlayAsync(socket, load.MessageSize, window, times)).ToList();
        await window.RunAsync(loop);
        await Task.WhenAll(players);
        return LoadFigures.Of(window, times);
    }

    /// <summary>Connect, a byte there and back, close; so many at a time.</summary>
    public static async Task<LoadFigures> ConnectAsync(EventLoop loop, Destinations target, LoadRequest load)
    {
        var window = new Window(load);
        var times = new List<double>(ExpectedTimes);
        var callers = Enumerable.Range(0, load.Connections).Select(_ => CallAsync(loop, target, window, times)).ToList();
        await window.RunAsync(loop);
        await Task.WhenAll(callers);
        return LoadFigures.Of(window, times);
    }

    private static async Task PlayAsync(TcpSocket socket, int size, Window window, List<double> times)
    {
        using var owned = socket;
        var message = new byte[size];
        while (!window.IsOver)
        {
            var began = Stopwatch.GetTimestamp();
            if (socket.TrySend(message) is var sent && sent.Count < size)
            {
                await Streams.SendAsync(socket, message.AsMemory(sent.Count));
            }

            for (var have = 0; have < size;)
            {
                var got = socket.TryReceive(message.AsSpan(have));
                if (got.WouldBlock)
                {
                    await socket.WaitReadableAsync();
                    continue;
                }

                have += got.Count > 0 ? got.Count : throw new InvalidOperationException($"A connection ended with {size - have} bytes missing.");
            }

            if (window.IsOpen)
            {
                times.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
            }
        }
    }

    private static async Task CallAsync(EventLoop loop, Destinations target, Window window, List<double> times)
    {
        var hello = new byte[] { Sink.Echo, 1 };
        var answer = new byte[1];
        while (!window.IsOver)
        {
            var began = Stopwatch.GetTimestamp();
            using var socket = TcpSocket.Create(loop, AddressFamily.InterNetwork);
            await socket.ConnectAsync(target.Next(), Client.ConnectTimeout);
            await Streams.SendAsync(socket, hello);
            await Streams.ReceiveAllAsync(socket, answer);
            if (window.IsOpen)
            {
                times.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
            }
        }
    }
}
