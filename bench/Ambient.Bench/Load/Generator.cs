using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Ambient.Linux;

namespace Ambient.Bench.Load;

/// <summary>The client of every load: one event loop, so that it costs what a client has to cost and no more.</summary>
internal static class Generator
{
    /// <summary>One send of a bulk stream.</summary>
    private const int ChunkSize = 256 * 1024;

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Puts a load on an address: KIND CONNECTIONS MESSAGE-BYTES SECONDS ADDRESS; prints the figures as JSON.</summary>
    public static async Task<string> RunAsync(string[] arguments)
    {
        var load = new Request(
            arguments[0],
            int.Parse(arguments[1], CultureInfo.InvariantCulture),
            int.Parse(arguments[2], CultureInfo.InvariantCulture),
            TimeSpan.FromSeconds(double.Parse(arguments[3], CultureInfo.InvariantCulture)),
            new IPEndPoint(IPAddress.Parse(arguments[4]), Sink.Port));
        await using var loop = EventLoop.Start("load");
        var outcome = await loop.RunAsync(() => load.Kind switch
        {
            "bulk" => BulkAsync(loop, load),
            "pingpong" => PingPongAsync(loop, load),
            "connect" => ConnectAsync(loop, load),
            var other => throw new FormatException($"'{other}' is no load: bulk, pingpong or connect"),
        });
        return JsonSerializer.Serialize(outcome);
    }

    private static async Task<LoadFigures> BulkAsync(EventLoop loop, Request load)
    {
        var sockets = await OpenAsync(loop, load, Sink.Swallow);
        var watch = Stopwatch.StartNew();
        var counts = await Task.WhenAll(sockets.Select(socket => PourAsync(socket, watch, load.Duration)));
        var elapsed = watch.Elapsed.TotalSeconds;
        return new LoadFigures { Seconds = elapsed, Bytes = counts.Sum(), PerStream = [.. counts.Select(count => (double)count)] };
    }

    /// <summary>Sends until the time is over, then asks how much arrived: only that counts.</summary>
    private static async Task<long> PourAsync(TcpSocket socket, Stopwatch watch, TimeSpan duration)
    {
        using (socket)
        {
            var chunk = new byte[ChunkSize];
            while (watch.Elapsed < duration)
            {
                var sent = socket.TrySend(chunk);
                if (sent.WouldBlock)
                {
                    await socket.WaitWritableAsync();
                }
                else if (!sent.Ok)
                {
                    throw new LinuxException(sent.Error, "send");
                }
                else
                {
                    await socket.Loop.Yield();
                }
            }

            socket.ShutdownSend();
            var answer = new byte[8];
            await ReceiveAsync(socket, answer);
            return System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(answer);
        }
    }

    private static async Task<LoadFigures> PingPongAsync(EventLoop loop, Request load)
    {
        var sockets = await OpenAsync(loop, load, Sink.Echo);
        var watch = Stopwatch.StartNew();
        var times = await Task.WhenAll(sockets.Select(socket => PlayAsync(socket, load.MessageSize, watch, load.Duration)));
        return Figures(watch, times);
    }

    private static async Task<List<double>> PlayAsync(TcpSocket socket, int size, Stopwatch watch, TimeSpan duration)
    {
        using (socket)
        {
            var message = new byte[size];
            var times = new List<double>();
            while (watch.Elapsed < duration)
            {
                var began = Stopwatch.GetTimestamp();
                await Sink.SendAsync(socket, message);
                await ReceiveAsync(socket, message);
                times.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
            }

            return times;
        }
    }

    private static async Task<LoadFigures> ConnectAsync(EventLoop loop, Request load)
    {
        var watch = Stopwatch.StartNew();
        var times = await Task.WhenAll(Enumerable.Range(0, load.Connections).Select(async _ =>
        {
            var times = new List<double>();
            var hello = new byte[] { Sink.Echo, 1 };
            var answer = new byte[1];
            while (watch.Elapsed < load.Duration)
            {
                var began = Stopwatch.GetTimestamp();
                using var socket = TcpSocket.Create(loop, AddressFamily.InterNetwork);
                await socket.ConnectAsync(load.Target, ConnectTimeout);
                await Sink.SendAsync(socket, hello);
                await ReceiveAsync(socket, answer);
                times.Add(Stopwatch.GetElapsedTime(began).TotalMicroseconds);
            }

            return times;
        }));
        return Figures(watch, times);
    }

    private static LoadFigures Figures(Stopwatch watch, List<double>[] times)
    {
        var all = times.SelectMany(list => list).Order().ToList();
        double At(double share) => all.Count == 0 ? 0 : all[(int)((all.Count - 1) * share)];
        return new LoadFigures { Seconds = watch.Elapsed.TotalSeconds, Operations = all.Count, P50 = At(0.5), P99 = At(0.99) };
    }

    private static async Task<List<TcpSocket>> OpenAsync(EventLoop loop, Request load, byte mode)
    {
        var sockets = new List<TcpSocket>();
        for (var i = 0; i < load.Connections; i++)
        {
            var socket = TcpSocket.Create(loop, AddressFamily.InterNetwork);
            await socket.ConnectAsync(load.Target, ConnectTimeout);
            socket.SetNoDelay();
            await Sink.SendAsync(socket, new[] { mode });
            sockets.Add(socket);
        }

        return sockets;
    }

    private static async Task ReceiveAsync(TcpSocket socket, Memory<byte> whole)
    {
        while (!whole.IsEmpty)
        {
            var got = socket.TryReceive(whole.Span);
            if (got.WouldBlock)
            {
                await socket.WaitReadableAsync();
            }
            else if (!got.Ok || got.EndOfStream)
            {
                throw new InvalidOperationException($"The connection ended with {whole.Length} bytes missing: {got.Error}.");
            }
            else
            {
                whole = whole[got.Count..];
            }
        }
    }

    private sealed record Request(string Kind, int Connections, int MessageSize, TimeSpan Duration, IPEndPoint Target);
}

/// <summary>What one load measured.</summary>
internal sealed record LoadFigures
{
    public double Seconds { get; init; }
    public long Bytes { get; init; }
    public long Operations { get; init; }

    /// <summary>Microseconds.</summary>
    public double P50 { get; init; }

    /// <summary>Microseconds.</summary>
    public double P99 { get; init; }

    /// <summary>Bytes of each stream, for fairness.</summary>
    public double[] PerStream { get; init; } = [];
}
