using Ambient.Identity.Tls;
using Ambient.Hbone;
using Ambient.Linux;
using Ambient.Proxy;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Sockets;
using Ambient.Proxy.Tunnels;
using Ambient.Waypoint.Requests;
using Ambient.Waypoint.Requests.Upstreams;
using Ambient.Waypoint.Tcp;

namespace Ambient.Waypoint.Serving;

/// <summary>
/// The waypoint on one loop: its listener, the tunnels that it opens, and what they carry. Each loop has a listener on the port
/// (SO_REUSEPORT), which share connections evenly; a connection stays on its loop. On its loop only.
/// </summary>
internal sealed class WaypointLoop : IAsyncDisposable
{
    private readonly WaypointPlane _plane;
    private readonly TunnelPool _pool;
    private readonly Deadlines _deadlines;
    private readonly TunnelServer _server;
    private readonly FirstWords _words;
    private readonly RequestPath _requests;
    private readonly ConnectPath _path;
    private readonly TaskSet _serving = new();
    private Task? _running;

    private WaypointLoop(WaypointPlane plane, EventLoop loop, ProxySockets sockets, TcpSocket listener)
    {
        _plane = plane;
        Loop = loop;
        _pool = new TunnelPool(loop, plane.Configuration.PoolUnusedReleaseTimeout, plane.Configuration.PoolMaxStreams);
        _deadlines = new Deadlines(loop, TunnelSettings.ResponseTimeout);
        var tunnels = new TunnelClient(loop, sockets, _pool, _deadlines, plane.Certificates, plane.Limits.Client, plane.Budget);
        Connections = new TcpConnections(loop);
        _words = new FirstWords(loop);
        _requests = new RequestPath(plane.Requests, loop, new EndpointDialer(loop, tunnels, sockets, plane.Self));
        _path = new ConnectPath(
            plane, _words, new TcpPath(plane, _words, Connections, new RecentPairs(loop), new PeerConnector(loop, tunnels, sockets, default)), _requests);
        var socketsOpen = plane.Telemetry.Metrics.SocketsOpen.With("waypoint");
        _server = new TunnelServer(
            listener,
            ContextAsync,
            new TunnelServerOptions(plane.Limits.Server, plane.Budget, TunnelSettings.HandshakeTimeout, change => socketsOpen.Add(change)),
            (tunnel, stream) => _serving.Add(ServeAsync(tunnel, stream)),
            Report);
    }

    /// <summary>The loop.</summary>
    public EventLoop Loop { get; }

    /// <summary>Connections that pass as bytes.</summary>
    public TcpConnections Connections { get; }

    /// <summary>Listens, or throws and leaves nothing behind. On the loop.</summary>
    /// <exception cref="LinuxException">The port is taken.</exception>
    public static WaypointLoop Open(WaypointPlane plane, EventLoop loop, ProxySockets sockets) =>
        new(plane, loop, sockets, sockets.Listen(loop, plane.Configuration.HbonePort));

    /// <summary>Begins to serve.</summary>
    public void Start() => _running = _server.RunAsync();

    /// <summary>Takes nothing new; peers are told. What is open goes on.</summary>
    public void Stop()
    {
        _server.Stop();
        _words.Stop();
        _requests.Drain();
    }

    /// <summary>Cuts what is open.</summary>
    public void Abort() => _server.Abort();

    /// <summary>Completes when, after a stop, everything has ended.</summary>
    public async ValueTask DisposeAsync()
    {
        await (_running ?? Task.CompletedTask);
        await _serving.WhenEmptyAsync();
        _words.Dispose();
        await _requests.DisposeAsync();
        await Connections.DisposeAsync();
        await _pool.DisposeAsync();
        _deadlines.Dispose();
        _server.Dispose();
    }

    private async ValueTask<TlsContext> ContextAsync(CancellationToken cancellation) =>
        (await _plane.Certificates.GetAsync(_plane.Configuration.Identity, cancellation: cancellation)).Server;

    /// <summary>A request that fails for no reason of its peer's is reset, and told here: nobody else would.</summary>
    private async Task ServeAsync(Tunnel tunnel, Http2Stream stream)
    {
        try
        {
            await _path.ServeAsync(tunnel, stream);
        }
        catch (Exception failure)
        {
            Log.ServingFailed(_plane.Logger, failure);
            stream.Dispose();
        }
    }

    /// <summary>A peer that did not get as far as a tunnel: who it was stays unknown, so the line has its address only.</summary>
    private void Report(TcpSocket socket, Exception failure)
    {
        if (failure is not OperationCanceledException)
        {
            ConnectionReport.Refuse(
                _plane.Telemetry, new ConnectionParties { Inbound = true, SourceAddress = socket.RemoteEndPoint }, failure.Message);
        }
    }
}
