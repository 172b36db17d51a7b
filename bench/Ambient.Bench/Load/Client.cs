using System.Net.Sockets;
using System.Text.Json;
using Ambient.Linux;

namespace Ambient.Bench.Load;

/// <summary>
/// The client of a subject: lives as long as the subject, so that it is compiled and warm, and does one load after the other. Requests
/// come as lines on its standard input, figures leave as lines on its standard output.
/// </summary>
internal sealed class Client(EventLoop loop, EventLoop background, Destinations target)
{
    public static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    private readonly HeldConnections _held = new(loop, target);
    private readonly BackgroundReaders _readers = new(background, target);

    /// <summary>The addresses are where the loads go, in turn.</summary>
    public static async Task RunAsync(IEnumerable<string> addresses)
    {
        OpenFileLimit.Raise();
        // Two loops: what runs in the background must not wait for what is measured, nor the other way round.
        await using var loop = EventLoop.Start("load");
        await using var background = EventLoop.Start("background");
        var client = new Client(loop, background, new Destinations(addresses));
        while (await Console.In.ReadLineAsync() is { } line)
        {
            var figures = await client.AnswerAsync(JsonSerializer.Deserialize<LoadRequest>(line)!);
            Console.WriteLine(figures.ToLine());
            // Garbage of this load is nobody's business in the next.
            GC.Collect();
        }
    }

    /// <summary>Opens a connection and says what is wanted of it.</summary>
    public static async Task<TcpSocket> OpenAsync(EventLoop loop, Destinations target, params byte[] greeting)
    {
        var socket = TcpSocket.Create(loop, AddressFamily.InterNetwork);
        try
        {
            await socket.ConnectAsync(target.Next(), ConnectTimeout);
            socket.SetNoDelay();
            await Streams.SendAsync(socket, greeting);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<LoadFigures> AnswerAsync(LoadRequest request)
    {
        try
        {
            return request.Kind switch
            {
                LoadKind.Up => await loop.RunAsync(() => BulkLoad.UpAsync(loop, target, request)),
                LoadKind.Down => await loop.RunAsync(() => BulkLoad.DownAsync(loop, target, request)),
                LoadKind.PingPong => await loop.RunAsync(() => MessageLoad.PingPongAsync(loop, target, request)),
                LoadKind.Connect => await loop.RunAsync(() => MessageLoad.ConnectAsync(loop, target, request)),
                LoadKind.Http => await loop.RunAsync(() => HttpLoad.RunAsync(loop, target, request)),
                LoadKind.Grpc => await loop.RunAsync(() => GrpcLoad.RunAsync(loop, target, request)),
                LoadKind.Hold or LoadKind.HoldHttp => await _held.OpenAsync(request),
                LoadKind.Readers => await _readers.StartAsync(request),
                LoadKind.Release => await ReleaseAsync(),
                _ => throw new FormatException($"'{request.Kind}' is no load."),
            };
        }
        catch (Exception failure) when (failure is IOException or InvalidOperationException or TimeoutException or FormatException)
        {
            return new LoadFigures { Error = failure.Message };
        }
    }

    private async Task<LoadFigures> ReleaseAsync()
    {
        await _held.CloseAsync();
        return await _readers.StopAsync();
    }
}
