using Ambient.Api;
using Ambient.Hbone;
using Ambient.Identity.Tls;
using Ambient.Linux;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Sockets;
using Ambient.Proxy.Tunnels;
using Ambient.Telemetry.Metrics;
using Ambient.Ztunnel.Paths;

namespace Ambient.Ztunnel.Pods;

/// <summary>
/// One pod on one loop: its three listeners, the tunnels that its connections share, and what they carry. Each loop has a listener on each
/// port (SO_REUSEPORT); the kernel spreads connections over them, and a connection stays on its loop. On its loop only.
/// </summary>
internal sealed class PodShare : IAsyncDisposable
{
    private readonly TunnelPool _pool;
    private readonly CaptureListener _outbound;
    private readonly CaptureListener _plaintext;
    private readonly TunnelServer _tunnels;
    private readonly ConnectionSet _tunnelled;
    private Task? _running;

    private PodShare(DataPlane plane, DataLoop data, PodIdentity pod, ProxySockets sockets, Listeners listeners)
    {
        _pool = new TunnelPool(data.Loop, plane.Configuration.PoolUnusedReleaseTimeout, plane.Configuration.PoolMaxStreams);
        // Asked for late: a series appears with its first socket.
        var socketsOpen = plane.Telemetry.Metrics.SocketsOpen;
        Gauge? source = null, destination = null;
        void OpenAsSource(int change) => (source ??= socketsOpen.With("source")).Add(change);
        void OpenAsDestination(int change) => (destination ??= socketsOpen.With("destination")).Add(change);
        var outbound = pod.Show(new ConnectionSet(data.Live, OpenAsSource));
        var plaintext = pod.Show(new ConnectionSet(data.Live, OpenAsDestination));
        _tunnelled = pod.Show(new ConnectionSet(data.Live, static _ => { })); // their tunnel is the socket that counts
        var client = new TunnelClient(data.Loop, sockets, _pool, data.Deadlines, plane.Certificates, plane.Limits.Client, plane.Budget);
        var peers = new PeerConnector(data.Loop, client, sockets, pod.NamespaceId);
        _outbound = new CaptureListener(
            listeners.Outbound, outbound, new OutboundPath(plane, data, pod, peers).ServeAsync, Trouble(Ports.Outbound));
        _plaintext = new CaptureListener(
            listeners.Plaintext, plaintext, new InboundPlaintextPath(plane, data, pod, sockets).ServeAsync, Trouble(Ports.InboundPlaintext));
        var inbound = new InboundHbonePath(plane, data, pod, sockets);
        _tunnels = new TunnelServer(
            listeners.Tunnels,
            cancellation => ContextAsync(plane, pod, cancellation),
            new TunnelServerOptions(plane.Limits.Server, plane.Budget, TunnelSettings.HandshakeTimeout, OpenAsDestination),
            (tunnel, stream) => { _ = ServeAsync(tunnel, stream, _tunnelled.Add(null, stream)); }, // the set waits for it
            (socket, failure) => Report(plane, socket, failure));

        // A request that fails for no reason of its peer's is reset, and told here: nobody else would.
        async Task ServeAsync(Tunnel tunnel, Http2Stream stream, CarriedConnection connection)
        {
            try
            {
                await inbound.ServeAsync(tunnel, stream, connection);
            }
            catch (Exception failure)
            {
                Log.ServingFailed(plane.Logger, failure, pod.Uid);
                connection.Close();
            }
        }

        Action<Exception> Trouble(int port) => failure =>
        {
            if (failure is LinuxException)
            {
                Log.ListenerTrouble(plane.Logger, port, pod.Uid, failure.Message);
            }
            else
            {
                Log.ServingFailed(plane.Logger, failure, pod.Uid);
            }
        };
    }

    /// <summary>Listens on all three ports, or throws and leaves nothing behind. On the loop.</summary>
    /// <exception cref="LinuxException">A port is taken.</exception>
    public static PodShare Open(DataPlane plane, DataLoop data, PodIdentity pod, ProxySockets sockets)
    {
        var opened = new List<TcpSocket>();
        try
        {
            foreach (var port in new[] { Ports.Hbone, Ports.InboundPlaintext, Ports.Outbound })
            {
                opened.Add(sockets.Listen(data.Loop, port));
            }
        }
        catch
        {
            opened.ForEach(listener => listener.Dispose());
            throw;
        }

        return new PodShare(plane, data, pod, sockets, new Listeners(opened[2], opened[1], opened[0]));
    }

    /// <summary>Begins to serve.</summary>
    public void Start() => _running = Task.WhenAll(_outbound.RunAsync(), _plaintext.RunAsync(), _tunnels.RunAsync());

    /// <summary>Takes nothing new; peers are told. What is open goes on.</summary>
    public void Stop()
    {
        _outbound.Stop();
        _plaintext.Stop();
        _tunnels.Stop();
    }

    /// <summary>Cuts what is open.</summary>
    public void Abort()
    {
        _outbound.Abort();
        _plaintext.Abort();
        _tunnels.Abort();
    }

    /// <summary>Completes when, after a stop, everything has ended.</summary>
    public async ValueTask DisposeAsync()
    {
        await (_running ?? Task.CompletedTask);
        await _tunnelled.WhenEmptyAsync();
        await _pool.DisposeAsync();
        _tunnels.Dispose();
    }

    /// <summary>A peer that did not get as far as a tunnel: who it was stays unknown, so the line has its address only.</summary>
    private static void Report(DataPlane plane, TcpSocket socket, Exception failure)
    {
        if (failure is not OperationCanceledException)
        {
            ConnectionReport.Refuse(
                plane.Telemetry, new ConnectionParties { Inbound = true, SourceAddress = socket.RemoteEndPoint }, failure.Message);
        }
    }

    private static async ValueTask<TlsContext> ContextAsync(DataPlane plane, PodIdentity pod, CancellationToken cancellation)
    {
        var workload = await plane.Workloads.FindAsync(pod.Key, cancellation)
            ?? throw new IOException($"failed to fetch information about local workload: {pod.Key} is not known");
        return (await plane.Certificates.GetAsync(workload.Identity, cancellation: cancellation)).Server;
    }

    private sealed record Listeners(TcpSocket Outbound, TcpSocket Plaintext, TcpSocket Tunnels);
}
