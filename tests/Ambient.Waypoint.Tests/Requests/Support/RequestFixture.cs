using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ambient.Api;
using Ambient.Hbone;
using Ambient.Linux;
using Ambient.Mesh.Http;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;
using Ambient.Proxy;
using Ambient.Proxy.Sockets;
using Ambient.Proxy.Transports;
using Ambient.Telemetry.Logging;
using Ambient.Telemetry.Metrics;
using Ambient.Waypoint.Requests;
using Ambient.Waypoint.Requests.Upstreams;
using HttpVersion = Ambient.Http.HttpVersion;

namespace Ambient.Waypoint.Tests.Requests;

/// <summary>A request path on a real loop behind a real listener, before upstreams that a test brings along.</summary>
public abstract class RequestFixture : IAsyncLifetime
{
    internal const string Shop = "shop/web.shop.svc.cluster.local";
    internal static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    internal static readonly SpiffeId Client = new("cluster.local", "shop", "client");

    private readonly MemoryStream _log = new();
    private readonly LogOutput _output;
    private TcpSocket _listener = null!;
    private TcpSocket _listener2 = null!;
    private readonly List<IAsyncDisposable> _owned = [];
    private Task _serving = Task.CompletedTask;
    private int _workloads;

    protected RequestFixture() => _output = LogOutput.FromEnvironment("info", "plain", Stream.Synchronized(_log));

    internal EventLoop Loop { get; } = EventLoop.Start("requests-test");

    internal MeshStore Mesh { get; } = new();

    internal WaypointStore Waypoint { get; } = new();

    internal MetricRegistry Registry { get; } = new();

    internal RequestPlane Plane { get; private set; } = null!;

    internal RequestPath Path { get; private set; } = null!;

    /// <summary>Where HTTP/1.1 is taken.</summary>
    internal IPEndPoint Address { get; private set; } = null!;

    /// <summary>Where HTTP/2 is taken, with prior knowledge.</summary>
    internal IPEndPoint Address2 { get; private set; } = null!;

    internal Workload Self { get; } = new()
    {
        Uid = "cluster1//Pod/shop/waypoint",
        Name = "waypoint",
        Traits = new WorkloadTraits { Namespace = "shop", ServiceAccount = "waypoint" },
    };

    internal Service Web { get; set; } = null!;

    /// <summary>Limits of the path; changed before the test uses it.</summary>
    internal virtual RequestSettings Settings => new() { Loops = 1, Budget = new ByteBudget(ByteBudget.DefaultLimit) };

    /// <summary>Reaches endpoints: in plaintext, unless a test has tunnels.</summary>
    internal virtual EndpointDialer Dialer() =>
        new(Loop, null, new ProxySockets(new SocketSettings { KeepSourceAddress = false }, null), () => Self);

    public async Task InitializeAsync()
    {
        await PrepareAsync();
        Plane = new RequestPlane(Mesh, Waypoint, new RequestTelemetry(Registry, _output.Factory, TimeProvider.System), Settings);
        Waypoint.Apply(new WaypointUpdate { Waypoint = new WaypointConfig("shop/waypoint", []) });
        await Loop.RunAsync(() =>
        {
            Path = new RequestPath(Plane, Loop, Dialer());
            _listener = Listen();
            _listener2 = Listen();
            Address = _listener.LocalEndPoint;
            Address2 = _listener2.LocalEndPoint;
            return Task.FromResult(true);
        });
        _serving = Loop.RunAsync(() => Task.WhenAll(AcceptAsync(_listener, HttpVersion.Http1), AcceptAsync(_listener2, HttpVersion.Http2)));
    }

    public async Task DisposeAsync()
    {
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            await owned.DisposeAsync();
        }

        await Loop.RunAsync(async () =>
        {
            _listener.Dispose();
            _listener2.Dispose();
            await Path.DisposeAsync();
            return true;
        }).WaitAsync(Limit);
        await _serving.WaitAsync(Limit);
        await Loop.DisposeAsync();
        await _output.DisposeAsync();
    }

    protected virtual Task PrepareAsync() => Task.CompletedTask;

    internal T Own<T>(T owned)
        where T : IAsyncDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    /// <summary>The service before the upstreams, with what a test wants of it.</summary>
    internal void Serve(
        HttpService? http = null, AppProtocol protocol = AppProtocol.Unknown, string service = Shop, params IReadOnlyList<IPEndPoint> endpoints)
    {
        var update = new MeshUpdate();
        var parts = service.Split('/');
        var model = new Service
        {
            Name = parts[1].Split('.')[0],
            Namespace = parts[0],
            Hostname = parts[1],
            Ports = [new PortMapping(80, 0, protocol)],
        };
        if (service == Shop)
        {
            Web = model;
        }

        update.Services.Add(model);
        update.Workloads.AddRange(endpoints.Select(endpoint => Endpoint(service, endpoint)));
        Mesh.Apply(update);
        Configure((http ?? new HttpService { Key = service }) with { Key = service, Bound = true });
    }

    internal void Configure(HttpService http) => Waypoint.Apply(new WaypointUpdate { Services = { http } });

    internal Workload Endpoint(string service, IPEndPoint endpoint, string? name = null)
    {
        name ??= $"pod-{Interlocked.Increment(ref _workloads)}";
        return new Workload
        {
            Uid = $"cluster1//Pod/shop/{name}",
            Name = name,
            Addresses = [endpoint.Address],
            Traits = new WorkloadTraits
            {
                Namespace = "shop",
                ServiceAccount = "web",
                WorkloadName = "web",
                CanonicalName = "web",
                Memberships = [new ServiceMembership(service, [new PortMapping(80, (ushort)endpoint.Port)])],
            },
        };
    }

    internal static HttpService Routes(params HttpRoute[] routes) => new() { Key = Shop, Routes = [.. routes] };

    internal static HttpRoute To(string path, params Backend[] backends)
    {
        Backend[] all = backends.Length == 0 ? [new Backend { Service = Shop, Port = 80 }] : backends;
        return new HttpRoute
        {
            Source = "HTTPRoute shop/test",
            Rule = path,
            Matches = [new RouteMatch { Path = new PathMatcher(PathMatchKind.Segments, path) }],
            Forward = new ForwardAction { Backends = [.. all], TotalWeight = (ulong)all.Sum(backend => backend.Weight) },
        };
    }

    internal static HttpPolicy Policy(string key, HttpPolicyAction action, HttpOperation operation, bool dryRun = false) => new()
    {
        Key = key,
        Action = action,
        DryRun = dryRun,
        Rules = [new HttpRule { To = [operation], NeedsHttp = true }],
    };

    /// <summary>One request on a connection of its own; the whole answer as text.</summary>
    internal async Task<string> AskAsync(string request)
    {
        await using var client = await RawClient.ConnectAsync(Address);
        await client.SendAsync(request);
        return await client.ReadAnswerAsync(isHead: request.StartsWith("HEAD ", StringComparison.Ordinal));
    }

    internal Task<string> GetAsync(string path, string fields = "") => AskAsync($"GET {path} HTTP/1.1\r\nHost: web\r\n{fields}\r\n");

    internal static int StatusOf(string answer) => int.Parse(answer.Split(' ')[1]);

    internal static string BodyOf(string answer) => answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];

    /// <summary>Log lines of requests; waits until there are so many.</summary>
    internal async Task<string[]> LogAsync(int least = 1)
    {
        for (var waited = 0; ; waited += 10)
        {
            string text;
            lock (_log)
            {
                text = Encoding.UTF8.GetString(_log.ToArray());
            }

            var lines = text.Split('\n').Where(line => line.Contains("request complete", StringComparison.Ordinal)).ToArray();
            if (lines.Length >= least)
            {
                return lines;
            }

            Assert.True(waited < 10_000, $"{lines.Length} of {least} lines: {text}");
            await Task.Delay(10);
        }
    }

    internal async Task<string> MetricsAsync()
    {
        using var stream = new MemoryStream();
        await Registry.WriteAsync(stream, ExpositionFormat.PrometheusText);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    internal static async Task UntilAsync(Func<bool> condition, string what)
    {
        for (var waited = 0; !condition(); waited += 5)
        {
            Assert.True(waited < 10_000, what);
            await Task.Delay(5);
        }
    }

    internal Task<T> OnLoopAsync<T>(Func<Task<T>> work) => Loop.RunAsync(work).WaitAsync(Limit);

    private TcpSocket Listen()
    {
        var listener = TcpSocket.Create(Loop, AddressFamily.InterNetwork);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(64);
        return listener;
    }

    private async Task AcceptAsync(TcpSocket listener, HttpVersion version)
    {
        var connections = new TaskSet();
        try
        {
            await listener.AcceptAsync(socket => connections.Add(ServeAsync(socket, version)));
        }
        catch (Exception failure) when (failure is ObjectDisposedException or LinuxException)
        {
            // the test is over
        }

        await connections.WhenEmptyAsync();
    }

    private async Task ServeAsync(TcpSocket socket, HttpVersion version)
    {
        using var pipe = new SocketPipe(socket);
        await Path.ServeAsync(pipe, Connection(pipe.RemoteEndPoint), version);
        await pipe.CloseAsync(TimeSpan.FromSeconds(1));
    }

    internal virtual RequestConnection Connection(IPEndPoint source) => new()
    {
        SourceIdentity = Client,
        Source = source,
        Destination = new IPEndPoint(IPAddress.Parse("10.0.0.1"), 80),
        Service = Web,
        Port = 80,
        MutualTls = true,
    };
}
