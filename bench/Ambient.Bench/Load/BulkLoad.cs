using System.Buffers.Binary;
using Ambient.Linux;

namespace Ambient.Bench.Load;

/// <summary>Streams as fast as they go.</summary>
internal static class BulkLoad
{
    /// <summary>One send or receive of a stream.</summary>
    private const int ChunkSize = 256 * 1024;

    private static readonly byte[] Chunk = new byte[ChunkSize];

    /// <summary>From client to server. At the end the server says how much has arrived, which has to be all.</summary>
    public static Task<LoadFigures> UpAsync(EventLoop loop, Destinations target, LoadRequest load) =>
        RunAsync(loop, target, load, Sink.Swallow, SendAsync);

    /// <summary>From server to client.</summary>
    public static Task<LoadFigures> DownAsync(EventLoop loop, Destinations target, LoadRequest load) =>
        RunAsync(loop, target, load, Sink.Download, ReceiveAsync);

    private static async Task<LoadFigures> RunAsync(
        EventLoop loop, Destinations target, LoadRequest load, byte mode, Func<TcpSocket, Window, Task<double>> stream)
    {
        var sockets = new List<TcpSocket>();
        for (var i = 0; i < load.Connections; i++)
        {
            sockets.Add(await Client.OpenAsync(loop, target, mode));
        }

        var window = new Window(load);
        var streams = sockets.Select(socket => stream(socket, window)).ToList();
        await window.RunAsync(loop);
        var counts = await Task.WhenAll(streams);
        return new LoadFigures
        {
            Seconds = window.Seconds,
            Bytes = (long)counts.Sum(),
            PerStream = counts,
            ProcessorSeconds = window.ProcessorSeconds,
        };
    }

    private static async Task<double> SendAsync(TcpSocket socket, Window window)
    {
        using var owned = socket;
        var (counted, all) = (0L, 0L);
        while (!window.IsOver)
        {
            var sent = socket.TrySend(Chunk);
            if (sent.WouldBlock)
            {
                await socket.WaitWritableAsync();
                continue;
            }

            if (!sent.Ok)
            {
                throw new LinuxException(sent.Error, "send");
            }

            all += sent.Count;
            counted += window.IsOpen ? sent.Count : 0;
            await socket.Loop.Yield();
        }

        socket.ShutdownSend();
        var answer = new byte[8];
        await Streams.ReceiveAllAsync(socket, answer);
        return BinaryPrimitives.ReadInt64BigEndian(answer) is var arrived && arrived == all
            ? counted
            : throw new InvalidOperationException($"{all} bytes were sent and {arrived} arrived.");
    }

    private static async Task<double> ReceiveAsync(TcpSocket socket, Window window)
    {
        using var owned = socket;
        var counted = 0L;
        while (!window.IsOver)
        {
            var gone = socket.TryDiscard(4 * ChunkSize);
            if (gone.WouldBlock)
            {
                await socket.WaitReadableAsync();
                continue;
            }

            if (!gone.Ok || gone.EndOfStream)
            {
                throw new InvalidOperationException($"A download ended: {gone.Error}.");
            }

            counted += window.IsOpen ? gone.Count : 0;
            await socket.Loop.Yield();
        }

        return counted;
    }
}
