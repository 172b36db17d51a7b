using System.Net;
using Ambient.Hbone;
using Ambient.Linux;
using Ambient.Mesh.Http;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;
using Ambient.Proxy;
using Ambient.Proxy.Sockets;
using Ambient.Proxy.Transports;
using Ambient.Telemetry.Metrics;
using Ambient.Waypoint.Requests;
using Ambient.Waypoint.Requests.Upstreams;
using Microsoft.Extensions.Logging;

namespace Ambient.Waypoint.Plain;

/// <summary>
/// The request path as a plain reverse proxy: a listener instead of tunnels, one service with one endpoint, a route and policies that are
/// looked at for each request. For comparison with other proxies; it proves nobody's identity.
/// </summary>
internal sealed class ReverseProxy(ReverseProxyOptions options, ILoggerFactory loggers, MetricRegistry registry) : IAsyncDisposable
{
    private static readonly TimeSpan _farewellTime = TimeSpan.FromSeconds(2);

    private readonly ReverseProxyConfiguration _configuration = new(options.Upstream);
    private readonly List<EventLoop> _loops = [];
    private readonly List<Task> _running = [];
    private RequestPlane? _plane;

    /// <summary>Listens on every loop, then serves.</summary>
    /// <exception cref="LinuxException">The address cannot be listened on.</exception>
    public async Task StartAsync()
    {
        var mesh = new MeshStore();
        mesh.Apply(_configuration.Mesh);
        var waypoint = new WaypointStore();
        waypoint.Apply(_configuration.Waypoint);
        var budget = new ByteBudget(ByteBudget.DefaultLimit);
        _plane = new RequestPlane(
            mesh, waypoint, new RequestTelemetry(registry, loggers, TimeProvider.System),
            new RequestSettings { Loops = options.Threads, Budget = budget });
        var group = new ListenerGroup();
        _loops.AddRange(EventLoop.StartSharing(options.Threads, index => $"proxy-{index}"));
        foreach (var loop in _loops)
        {
            var (path, listener) = await loop.RunAsync(() => Task.FromResult(Open(loop, group)));
            _running.Add(loop.RunAsync(() => AcceptAsync(path, listener)));
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var loop in _loops)
        {
            await loop.DisposeAsync();
        }

        await Task.WhenAll(_running);
    }

    private (RequestPath Path, TcpSocket Listener) Open(EventLoop loop, ListenerGroup group)
    {
        var sockets = new ProxySockets(new SocketSettings { KeepSourceAddress = false }, space: null);
        var path = new RequestPath(_plane!, loop, new EndpointDialer(loop, null, sockets, () => _configuration.Self));
        var listener = TcpSocket.Create(loop, options.Listen.AddressFamily);
        listener.SetReusePort();
        listener.SetReuseAddress();
        listener.SetNoDelay();
        listener.Bind(options.Listen);
        listener.Listen(ReverseProxyOptions.Backlog);
        group.Add(listener);
        return (path, listener);
    }

    private async Task AcceptAsync(RequestPath path, TcpSocket listener)
    {
        var connections = new TaskSet();
        try
        {
            await listener.AcceptAsync(socket => connections.Add(ServeAsync(path, socket)));
        }
        catch (Exception failure) when (failure is ObjectDisposedException or LinuxException)
        {
            // The loop has ended, and with it all of this.
        }

        await connections.WhenEmptyAsync();
        await path.DisposeAsync();
    }

    private async Task ServeAsync(RequestPath path, TcpSocket socket)
    {
        using var pipe = new SocketPipe(socket);
        await path.ServeAsync(
            pipe,
            new RequestConnection
            {
                Source = pipe.RemoteEndPoint,
                Destination = options.Listen,
                Service = _configuration.Service,
                Port = ReverseProxyConfiguration.Port,
            },
            options.Http2 ? Http.HttpVersion.Http2 : Http.HttpVersion.Http1);
        await pipe.CloseAsync(_farewellTime);
    }
}

/// <summary>What is set up: one service, one endpoint in plaintext, one route, one policy that allows and one that denies.</summary>
internal sealed class ReverseProxyConfiguration
{
    /// <summary>The service's port.</summary>
    public const ushort Port = 80;

    private const string Key = "bench/server";

    /// <summary>Makes it for an upstream.</summary>
    public ReverseProxyConfiguration(IPEndPoint upstream)
    {
        Self = new Workload { Uid = "bench//Pod/bench/proxy", Name = "proxy", Traits = new WorkloadTraits { Namespace = "bench", ServiceAccount = "proxy" } };
        Service = new Service { Name = "server", Namespace = "bench", Hostname = "server", Ports = [new PortMapping(Port, (ushort)upstream.Port, AppProtocol.Http11)] };
        Mesh.Services.Add(Service);
        Mesh.Workloads.Add(new Workload
        {
            Uid = "bench//Pod/bench/server",
            Name = "server",
            Addresses = [upstream.Address],
            Traits = new WorkloadTraits
            {
                Namespace = "bench",
                ServiceAccount = "server",
                WorkloadName = "server",
                Protocol = TunnelProtocol.Tcp,
                Memberships = [new ServiceMembership(Key, [new PortMapping(Port, (ushort)upstream.Port)])],
            },
        });
        Waypoint.Waypoint = new WaypointConfig("bench/proxy", []);
        Waypoint.Policies.Add(Policy("bench/allow", HttpPolicyAction.Allow, StringMatchKind.Prefix, "/"));
        Waypoint.Policies.Add(Policy("bench/deny", HttpPolicyAction.Deny, StringMatchKind.Prefix, "/denied"));
        Waypoint.Services.Add(new HttpService
        {
            Key = Key,
            Bound = true,
            Policies = ["bench/allow", "bench/deny"],
            Routes =
            [
                new HttpRoute
                {
                    Source = "HTTPRoute bench/all",
                    Rule = "0",
                    Matches = [new RouteMatch { Path = new PathMatcher(PathMatchKind.Segments, "/") }],
                    Forward = new ForwardAction { Backends = [new Backend { Service = Key, Port = Port }], TotalWeight = 1 },
                },
            ],
        });
    }

    /// <summary>The proxy's own workload.</summary>
    public Workload Self { get; }

    /// <summary>The service that everything is for.</summary>
    public Service Service { get; }

    /// <summary>Service and endpoint.</summary>
    public MeshUpdate Mesh { get; } = new();

    /// <summary>Route and policies.</summary>
    public WaypointUpdate Waypoint { get; } = new();

    private static HttpPolicy Policy(string key, HttpPolicyAction action, StringMatchKind kind, string path) => new()
    {
        Key = key,
        Action = action,
        Rules = [new HttpRule { To = [new HttpOperation { Paths = [new PathPattern(new StringMatch(kind, path), null)] }], NeedsHttp = true }],
    };
}
