using Ambient.Hbone;
using Ambient.Http.Paths;
using Ambient.Identity.Certificates;
using Ambient.Linux;
using Ambient.Mesh.Explanation;
using Ambient.Mesh.Http;
using Ambient.Mesh.State;
using Ambient.Proxy;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Discovery;
using Ambient.Proxy.Identities;
using Ambient.Telemetry.Logging;
using Ambient.Telemetry.Metrics;
using Ambient.Telemetry.Servers;
using Ambient.Waypoint.Admin;
using Ambient.Waypoint.Configuration;
using Ambient.Waypoint.Discovery;
using Ambient.Waypoint.Requests;
using Ambient.Waypoint.Serving;
using Ambient.Xds.Delta;
using Microsoft.Extensions.Logging;

namespace Ambient.Waypoint;

/// <summary>
/// The waypoint, put together; read <see cref="RunAsync"/> from top to bottom. Two kinds of threads: event loops carry connections and requests;
/// everything else (control plane, certificates, pages) runs on the thread pool.
/// </summary>
internal sealed class WaypointApp(WaypointConfiguration configuration, LogOutput logs, TimeProvider time, ICertificateAuthority? authority = null) : IProxyApp
{
    /// <summary>Between looks for a certificate that the authority did not give: the store's own attempts are no closer.</summary>
    private static readonly TimeSpan CertificateRetry = TimeSpan.FromSeconds(1);

    private readonly ILogger _logger = logs.Factory.CreateLogger("app");
    private readonly TaskCompletionSource _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Asks the process to end in good order; the page <c>/quitquitquit</c> and signals do.</summary>
    public CancellationTokenSource Quit { get; } = new();

    /// <summary>Workloads and services, as this waypoint knows them.</summary>
    public MeshStore Mesh { get; } = new(configuration.NodeName);

    /// <summary>Routes and policies.</summary>
    public WaypointStore Waypoint { get; } = new();

    /// <summary>All that is counted.</summary>
    public MetricRegistry Registry { get; } = new(time);

    /// <summary>Bounds what slow readers may make this proxy hold.</summary>
    public ByteBudget Budget { get; } = new(ByteBudget.DefaultLimit);

    /// <summary>What is waited for until this proxy is ready.</summary>
    public Readiness Readiness { get; } = new();

    /// <summary>Completes when the servers for people and probes listen, or fails with <see cref="RunAsync"/>.</summary>
    public Task Listening => _listening.Task;

    /// <summary>Where the servers for people and probes listen.</summary>
    public (PageServer Admin, PageServer Metrics, PageServer Readiness) Servers { get; private set; }

    /// <summary>Runs until <see cref="Quit"/>, then drains.</summary>
    public async Task RunAsync()
    {
        Log.Starting(_logger, ThisBuild.Version, $"{configuration.Pod.Namespace}/{configuration.Gateway}", configuration.Identity.ToString(), configuration.WorkerThreads);
        OpenFileLimit.Raise();
        using var stopping = new CancellationTokenSource();
        using var drain = new Drain(time);

        // 1. What has to be there before this proxy is ready.
        var configurationReady = Readiness.Register("configuration");
        var certificateReady = Readiness.Register("certificate");
        var proxyReady = Readiness.Register("proxy");

        // 2. Metrics and log.
        ProcessMetrics.Register(Registry, "waypoint", configuration.Version);
        var telemetry = new ConnectionTelemetry(new TrafficMetrics(Registry), new AccessLog(logs.Factory), time);

        // 3. The certificate of the waypoint's own service account.
        using var authorityChannel = configuration.CaAddress is { } ca ? ControlPlaneChannel.ToAuthority(ca, configuration) : null;
        await using var certificates = new CertificateStore(
            authority ?? (authorityChannel is null
                ? new NoAuthority()
                : new CaClient(authorityChannel, configuration.SecretTtl, impersonate: false, time, configuration.Tls)),
            time,
            logs.Factory.CreateLogger("identity"));
        certificates.Prefetch(configuration.Identity);

        // 4. The loops of the data plane.
        var loops = EventLoop.StartSharing(configuration.WorkerThreads, index => $"data-{index}", failure => Log.LoopFailed(_logger, failure));
        var requests = new RequestPlane(
            Mesh, Waypoint, new RequestTelemetry(Registry, logs.Factory, time), new RequestSettings { Loops = loops.Length, Budget = Budget });
        var plane = new WaypointPlane(
            configuration, Mesh, Waypoint, new LocalWorkloads(Mesh, time), certificates, telemetry, requests, Budget, _logger);
        WaypointLoops? serving = null;

        // 5. Pages for people and probes.
        var dump = new ConfigDump(configuration, Mesh, Waypoint, certificates, requests.Upstreams, () => Volatile.Read(ref serving));
        await using var admin = Admin(dump);
        await using var metrics = MetricsServer.Create(Registry, configuration.Metrics, logs.Factory);
        await using var readiness = ReadinessServer.Create(Readiness, configuration.Readiness, logs.Factory);
        Servers = (admin, metrics, readiness);
        await Task.WhenAll(admin.StartAsync(stopping.Token), metrics.StartAsync(stopping.Token), readiness.StartAsync(stopping.Token));
        _listening.TrySetResult();

        // 6. Workloads, services, routes and policies from the control plane.
        using var discoveryChannel = configuration.XdsAddress is { } xds ? ControlPlaneChannel.ToDiscovery(xds, configuration) : null;
        var discovery = discoveryChannel is null ? null : new DeltaClient(
            discoveryChannel,
            WaypointNode.Of(configuration),
            [
                new DeltaSubscription(ResourceTypes.Address, new AddressSink(Mesh)),
                new DeltaSubscription(ResourceTypes.WaypointAuthorization, WaypointSink.OfPolicies(Waypoint)),
                new DeltaSubscription(ResourceTypes.WaypointService, WaypointSink.OfServices(Waypoint)),
                new DeltaSubscription(ResourceTypes.Waypoint, WaypointSink.OfWaypoint(Waypoint)),
            ],
            logs.Factory,
            new DeltaClientMetrics(Registry),
            time: time);
        var background = new List<Task> { new QuietCollection(time, loops).RunAsync(stopping.Token) };
        if (discovery is not null)
        {
            background.Add(discovery.RunAsync(stopping.Token));
        }

        // 7. Serves once all of it has come, until the end is asked for.
        try
        {
            await UntilAsync(discovery?.Synced ?? Task.CompletedTask, background);
            configurationReady.Ready();
            await UntilAsync(CertificateAsync(certificates), background);
            certificateReady.Ready();
            Volatile.Write(ref serving, await WaypointLoops.StartAsync(plane, loops));
            proxyReady.Ready();
            Log.Ready(_logger);
            await UntilAsync(Task.Delay(Timeout.InfiniteTimeSpan, time, Quit.Token), background);
        }
        catch (OperationCanceledException) when (Quit.IsCancellationRequested)
        {
            // the end was asked for
        }

        // 8. The end: nothing new is taken, what is open goes on up to the deadline, and is cut then.
        proxyReady.NotReady();
        Log.Draining(_logger, configuration.TerminationDeadline);
        var cutting = drain.StartAsync(configuration.TerminationDeadline);
        await (serving?.DrainAsync(drain.Forced) ?? Task.CompletedTask);
        serving?.Dispose();
        await drain.ForceAsync();
        await cutting;
        await stopping.CancelAsync();
        await Task.WhenAll(background.Select(IgnoreCancellationAsync));
        await Task.WhenAll(loops.Select(loop => loop.DisposeAsync().AsTask()));
        Log.Stopped(_logger);
    }

    private static async Task IgnoreCancellationAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (OperationCanceledException)
        {
            // that is how background work ends
        }
    }

    /// <summary>Waits for a step; not beyond the wish to end, nor beyond a failure of the background work, which it has only by mistake.</summary>
    private async Task UntilAsync(Task step, List<Task> background) =>
        await (await Task.WhenAny([step.WaitAsync(Quit.Token), .. background]));

    /// <summary>Waits for the first certificate, however often it takes.</summary>
    private async Task CertificateAsync(CertificateStore certificates)
    {
        while (true)
        {
            try
            {
                await certificates.GetAsync(configuration.Identity, cancellation: Quit.Token);
                return;
            }
            catch (CertificateException failure)
            {
                Log.NoCertificate(_logger, configuration.Identity.ToString(), failure.Message);
                await Task.Delay(CertificateRetry, time, Quit.Token);
            }
        }
    }

    private PageServer Admin(ConfigDump dump)
    {
        var admin = AdminServer.Create("waypoint", logs, configuration.Admin);
        admin.Get("/config_dump", "everything that this proxy knows", async context =>
        {
            if (await context.BeginAsync("application/json") is { } body)
            {
                await body.WriteAsync(await dump.WriteAsync(), context.Aborted);
            }
        });
        admin.Get(ExplainPage.Path, ExplainPage.Description, context => ExplainPage.AnswerAsync(
            context, question => new WaypointHop(Mesh.Current, Waypoint.Current, PathText.Normalize).Explain(question, Random.Shared)));
        admin.Post("/quitquitquit", "ends the process in good order", async context =>
        {
            await PageServer.AnswerAsync(context, 200, "shutdown now\n");
            await Quit.CancelAsync();
        });
        return admin;
    }
}
