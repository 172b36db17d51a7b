using System.Net;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Authority;
using Ambient.ControlPlane.Configuration;
using Ambient.ControlPlane.Entries;
using Ambient.ControlPlane.Gateways;
using Ambient.ControlPlane.Serving;
using Ambient.ControlPlane.Status;
using Ambient.ControlPlane.Waypoints;
using Ambient.Kubernetes;
using Ambient.Telemetry.Logging;
using Ambient.Telemetry.Metrics;
using Ambient.Telemetry.Servers;
using Ambient.Xds.Delta;
using Ambient.Xds.Grpc;
using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane;

/// <summary>
/// The control plane, put together: cluster in, configuration and certificates out.
/// <code>
/// API server ──watch──▶ MeshFeed ──derive──▶ ResourceStore ──delta──▶ node proxies (15012 TLS, 15010 loopback)
///     ▲                                                                   │ certificate requests
///     ├── status, ConfigMaps ◀── leader                                   ▼
///     └── TokenReview, pods ◀──────────────────────────────── CertificateService
/// </code>
/// </summary>
internal sealed class ControlPlaneApp : IAsyncDisposable
{
    private readonly ControlPlaneOptions _options;
    private readonly ILoggerFactory _loggers;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly KubernetesClient _client;
    private readonly CertificateAuthority _authority;
    private readonly AuthorityStore _authorityStore;
    private readonly ServingCertificate _certificate;
    private readonly MeshFeed _feed;
    private readonly RootPublisher _roots;
    private readonly WaypointDeployer _waypoints;
    private readonly AddressAllocator _addresses;
    private readonly Func<CancellationToken, Task>[] _statuses;
    private readonly GrpcServer _secure;
    private readonly GrpcServer? _plaintext;
    private readonly PageServer _monitoring;
    private readonly PageServer _http;

    private ControlPlaneApp(
        ControlPlaneOptions options, LogOutput logs, KubernetesClient client, AuthorityStore authorityStore, Issuer issuer, TimeProvider time)
    {
        _options = options;
        _time = time;
        _client = client;
        _authorityStore = authorityStore;
        _loggers = logs.Factory;
        _logger = _loggers.CreateLogger("controlplane");

        // 1. What is measured, and what has to come before anybody is served.
        var metrics = new MetricRegistry(time);
        logs.Register(metrics);
        var readiness = new Readiness();
        var synced = readiness.Register("the cluster's resources");

        // 2. Cluster to configuration. What waypoints get is pushed from the policies up, so that none serves what it cannot judge yet.
        var store = new ResourceStore(ResourceTypes.Address, ResourceTypes.Authorization, ResourceTypes.WaypointAuthorization, ResourceTypes.WaypointService, ResourceTypes.Waypoint);
        _feed = new MeshFeed(client, options.Mesh, options.Feed, store, new FeedMetrics(metrics, DebugPages.Version, time), _loggers.CreateLogger("feed"), time);
        _feed.Synced += synced.Ready;

        // 3. Certificates.
        var pods = new PodDirectory();
        _feed.Pods.Subscribe(change => pods.Set(Derivation.ResourceKey.Of(change.Object), change.New));
        _authority = new CertificateAuthority(issuer, options.Authority.Lifetimes, time);
        _certificate = new ServingCertificate(_authority, options.AllServingNames, time);
        var callers = new TokenAuthenticator(client, options.TokenAudiences, options.Mesh.TrustDomain, _loggers.CreateLogger("authentication"));
        var certificates = new CertificateService(
            _authority,
            callers,
            new NodeAuthorizer(options.TrustedNodeAccounts, pods),
            new AuthorityMetrics(metrics, () => _authority, time),
            _loggers.CreateLogger("ca"));

        // 4. What is written back, by one replica of all.
        _roots = new RootPublisher(client, _feed.Namespaces, () => _authority.Issuer.RootsPem, _loggers.CreateLogger("roots"));
        _waypoints = new WaypointDeployer(
            client, options.Mesh, _feed.Namespaces, _feed.Gateways, _feed.GatewayClasses, _feed.Services, _loggers.CreateLogger("waypoints"));
        _addresses = new AddressAllocator(client, _feed.ServiceEntries, _loggers.CreateLogger("addresses"));
        var status = _loggers.CreateLogger("status");
        _statuses =
        [
            Write(ResourceKinds.AuthorizationPolicies, Conditions.PolicyManager, _feed.Policies, Conditions.Due, status),
            Write(ResourceKinds.AuthorizationPolicies, Conditions.AttachmentManager, _feed.Attachments, Conditions.Due, status),
            Write(ResourceKinds.Services, Conditions.ServiceManager, _feed.Bindings, Conditions.Due, status),
            Write(ResourceKinds.ServiceEntries, Conditions.ServiceManager, _feed.EntryBindings, Conditions.Due, status),
            Write(ResourceKinds.Gateways, GatewayStatuses.EdgeController, _feed.GatewayStates, GatewayStatusJson.Due, status),
            Write(ResourceKinds.HttpRoutes, GatewayStatuses.EdgeController, _feed.HttpRoutes, GatewayStatusJson.Due, status),
            Write(ResourceKinds.GrpcRoutes, GatewayStatuses.EdgeController, _feed.GrpcRoutes, GatewayStatusJson.Due, status),
            Write(ResourceKinds.VirtualServices, Conditions.NetworkingManager, _feed.VirtualServices, Conditions.Due, status),
            Write(ResourceKinds.DestinationRules, Conditions.NetworkingManager, _feed.DestinationRules, Conditions.Due, status),
        ];

        // 5. Servers.
        var streams = new DeltaServer(
            store,
            _loggers,
            new DeltaServerMetrics(metrics),
            new DeltaServerOptions { IsRelated = (resource, node, names) => XdsService.IsRelated(_feed.Addresses, resource, node, names) },
            time);
        var xds = new XdsService(streams, callers, _feed.Waypoints.Find, options.CheckNodeIdentity, _loggers.CreateLogger("xds"));
        _secure = new GrpcServer([new GrpcListener(options.SecureAddress, _ => ValueTask.FromResult(_certificate.Current()))], _loggers)
            .Duplex(GrpcMethods.DeltaAggregatedResources, xds.ServeAsync, DeltaServer.MaxReceiveBytes)
            .Unary(GrpcMethods.CreateCertificate, certificates.CreateAsync);
        _plaintext = options.PlaintextAddress is { } loopback
            ? new GrpcServer([new GrpcListener(loopback)], _loggers)
                .Duplex(GrpcMethods.DeltaAggregatedResources, xds.ServeLocalAsync, DeltaServer.MaxReceiveBytes)
            : null;
        _monitoring = DebugPages.Add(
            MetricsServer.Create(metrics, ListenAddress.At(options.MonitoringAddress), _loggers), _feed, store, streams);
        _http = new PageServer("readiness", ListenAddress.At(options.HttpAddress), _loggers)
            .Get("/ready", "whether proxies can be served", context => ReadinessServer.AnswerAsync(context, readiness));
    }

    /// <summary>Where xDS and certificates are served over TLS.</summary>
    public IPEndPoint SecureEndPoint => _secure.EndPoints[0];

    /// <summary>Where xDS is served on loopback.</summary>
    public IPEndPoint? PlaintextEndPoint => _plaintext?.EndPoints[0];

    public IPEndPoint MonitoringEndPoint => _monitoring.EndPoints[0];

    public IPEndPoint HttpEndPoint => _http.EndPoints[0];

    /// <summary>Finds or makes the authority, and listens. Waits for the API server as long as it takes.</summary>
    public static async Task<ControlPlaneApp> StartAsync(ControlPlaneOptions options, LogOutput logs, TimeProvider time, CancellationToken cancellation)
    {
        var logger = logs.Factory.CreateLogger("controlplane");
        var client = new KubernetesClient(ConfigOf(options), time);
        var authorityStore = new AuthorityStore(client, options.Authority, logs.Factory.CreateLogger("ca"), time);
        var issuer = await LoadAsync(authorityStore, logger, time, cancellation);
        var app = new ControlPlaneApp(options, logs, client, authorityStore, issuer, time);
        try
        {
            await app._secure.StartAsync(cancellation);
            await (app._plaintext?.StartAsync(cancellation) ?? Task.CompletedTask);
            await app._monitoring.StartAsync(cancellation);
            await app._http.StartAsync(cancellation);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        Log.Started(logger, client.Config.Server, options.Mesh.ClusterId, options.Mesh.TrustDomain, app.SecureEndPoint);
        return app;
    }

    /// <summary>Works until cancelled, or until a part fails that must not.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task[] parts =
        [
            _feed.RunAsync(stop.Token),
            _roots.WatchAsync(stop.Token),
            _waypoints.WatchAsync(stop.Token),
            _authorityStore.KeepAsync(_authority, _roots.Refresh, stop.Token),
            LeadAsync("istio-namespace-controller-election", _roots.WriteAsync, stop.Token),
            LeadAsync("istio-gateway-deployment", _waypoints.DeployAsync, stop.Token),
            LeadAsync("istio-ip-autoallocate", _addresses.WriteAsync, stop.Token),
            LeadAsync("istio-status-leader", token => Task.WhenAll(_statuses.Select(write => write(token))), stop.Token),
        ];
        await Task.WhenAny(parts);
        await stop.CancelAsync();
        try
        {
            await Task.WhenAll(parts);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            Log.Stopping(_logger);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _http.DisposeAsync();
        await _secure.DisposeAsync();
        await (_plaintext?.DisposeAsync() ?? ValueTask.CompletedTask);
        await _monitoring.DisposeAsync();
        _certificate.Dispose();
        _client.Dispose();
    }

    /// <summary>Writes back what the derivation says of a kind's objects.</summary>
    private Func<CancellationToken, Task> Write<T, TState>(
        ResourceKind<T> kind, string fieldManager, Latest<TState> states, Func<TState, DateTimeOffset, StatusPatch?> due, ILogger logger)
        where T : class, IResource
        where TState : class
    {
        var writer = new StatusWriter<T>(
            _client, kind, fieldManager, () => states.Items.Keys, (key, now) => states.Find(key) is { } state ? due(state, now) : null, logger, _time);
        states.Changed += writer.Refresh;
        return writer.WriteAsync;
    }

    private static KubeConfig ConfigOf(ControlPlaneOptions options) =>
        options.KubeConfig is { } path ? KubeConfig.Load(path)
        : KubeConfig.IsInCluster() ? KubeConfig.InCluster()
        : throw new SettingException("There is no API server to follow: set --kubeconfig / KUBECONFIG to a kubeconfig file, or run in a pod.");

    /// <summary>Asks for the authority until the API server answers; an authority that is broken ends the start.</summary>
    private static async Task<Issuer> LoadAsync(AuthorityStore store, ILogger logger, TimeProvider time, CancellationToken cancellation)
    {
        var pause = TimeSpan.FromMilliseconds(250);
        while (true)
        {
            try
            {
                return await store.LoadAsync(cancellation);
            }
            catch (Exception error) when (error is IOException or HttpRequestException || (error is TaskCanceledException && !cancellation.IsCancellationRequested))
            {
                Log.Waiting(logger, pause, error.Message);
                await Task.Delay(pause, time, cancellation);
                pause = pause < TimeSpan.FromSeconds(2) ? pause * 2 : pause;
            }
        }
    }

    private Task LeadAsync(string lease, Func<CancellationToken, Task> work, CancellationToken cancellation)
    {
        if (!_options.LeaderElection)
        {
            return work(cancellation);
        }

        var election = new LeaderElectionOptions { Namespace = _options.Namespace, Name = lease, Identity = _options.Name };
        return new LeaderElection(_client, election, _loggers.CreateLogger("leader"), _time).RunAsync(work, cancellation);
    }
}
