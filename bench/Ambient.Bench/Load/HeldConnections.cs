using Ambient.Linux;

namespace Ambient.Bench.Load;

/// <summary>Connections that have exchanged one byte and then stay idle.</summary>
internal sealed class HeldConnections(EventLoop loop, Destinations target)
{
    /// <summary>Opened at a time: enough to be quick, and no more than listeners' backlogs take.</summary>
    private const int AtATime = 32;

    private readonly List<TcpSocket> _sockets = [];

    public Task<LoadFigures> OpenAsync(LoadRequest request) => loop.RunAsync(async () =>
    {
        var missing = request.Connections - _sockets.Count;
        await Task.WhenAll(Enumerable.Range(0, AtATime).Select(async _ =>
        {
            while (missing-- > 0)
            {
                var http = request.Kind == LoadKind.HoldHttp;
                var socket = await Client.OpenAsync(loop, target, http ? HttpLoad.Request(1) : [Sink.Echo, 1]);
                _sockets.Add(socket);
                await (http ? HttpLoad.ReceiveAsync(socket, new byte[1024]) : Streams.ReceiveAllAsync(socket, new byte[1]));
            }
        }));
        return new LoadFigures { Operations = _sockets.Count };
    });

    public Task CloseAsync() => loop.RunAsync(() =>
    {
        _sockets.ForEach(socket => socket.Dispose());
        _sockets.Clear();
        return Task.CompletedTask;
    });
}
