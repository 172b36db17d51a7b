using Ambient.Hbone;
using Ambient.Identity.Certificates;
using Ambient.Linux;
using Ambient.Mesh.Explanation;
using Ambient.Mesh.State;
using Ambient.Proxy;
using Ambient.Proxy.Configuration;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Discovery;
using Ambient.Proxy.Identities;
using Ambient.Telemetry.Logging;
using Ambient.Telemetry.Metrics;
using Ambient.Telemetry.Servers;
using Ambient.Xds.Delta;
using Ambient.Ztunnel.Admin;
using Ambient.Ztunnel.Configuration;
using Ambient.Ztunnel.Enrolment;
using Ambient.Ztunnel.Identities;
using Ambient.Ztunnel.Pods;
using Microsoft.Extensions.Logging;

namespace Ambient.Ztunnel;

/// <summary>
/// The node proxy, put together; read <see cref="RunAsync"/> from top to bottom. Two kinds of threads: event loops carry connections; everything
/// else (control plane, certificates, node agent, pages) runs on the thread pool.
/// </summary>
internal sealed class ZtunnelApp(ZtunnelConfiguration configuration, LogOutput logs, TimeProvider time, ICertificateAuthority? authority = null) : IProxyApp
{
    private readonly ILogger _logger = logs.Factory.CreateLogger("app");
    private readonly TaskCompletionSource _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Asks the process to end in good order; the page <c>/quitquitquit</c> and signals do.</summary>
    public CancellationTokenSource Quit { get; } = new();

    /// <summary>The mesh as this proxy knows it.</summary>
    public MeshStore Mesh { get; } = new(configuration.NodeName);

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
        Log.Starting(_logger, ThisBuild.Version, configuration.Mode.ToString(), configuration.WorkerThreads);
        OpenFileLimit.Raise();
        using var stopping = new CancellationTokenSource();
        using var drain = new Drain(time);

        // 1. What has to be there before this proxy is ready.
        var meshReady = Readiness.Register("state manager");
        var proxyReady = Readiness.Register("proxy");
        var podsReady = Readiness.Register("workload proxy manager");

        // 2. Metrics and log.
        ProcessMetrics.Register(Registry, "ztunnel", configuration.Version);
        var telemetry = new ConnectionTelemetry(new TrafficMetrics(Registry), new AccessLog(logs.Factory), time);

        // 3. Certificates, fetched for this node's workloads as the mesh tells of them.
        using var authorityChannel = configuration.CaAddress is { } ca ? ControlPlaneChannel.ToAuthority(ca, configuration) : null;
        await using var certificates = new CertificateStore(
            authority ?? (authorityChannel is null
                ? new NoAuthority()
                : new CaClient(authorityChannel, configuration.SecretTtl, configuration.Mode == ProxyMode.Shared, time, configuration.Tls)),
            time,
            logs.Factory.CreateLogger("identity"));
        _ = new CertificatePrefetch(Mesh, certificates);

        // 4. The loops of the data plane, and policies for what is open on them.
        var loops = StartLoops();
        var plane = new DataPlane(
            configuration, Mesh, new LocalWorkloads(Mesh, time), certificates, telemetry, Budget, _logger);
        using var policies = new PolicyWatch(Mesh, loops, time);
        using var pods = new PodProxies(plane, loops, podsReady, new PodMetrics(Registry), logs.Factory.CreateLogger("inpod"));
        var background = new List<Task> { policies.RunAsync(stopping.Token), new QuietCollection(time, [.. loops.Select(data => data.Loop)]).RunAsync(stopping.Token) };

        // 5. Pages for people and probes.
        var dump = new ConfigDump(configuration, Mesh, certificates, pods.Snapshot);
        await using var admin = Admin(dump);
        await using var metrics = MetricsServer.Create(Registry, configuration.Metrics, logs.Factory);
        await using var readiness = ReadinessServer.Create(Readiness, configuration.Readiness, logs.Factory);
        Servers = (admin, metrics, readiness);
        await Task.WhenAll(admin.StartAsync(stopping.Token), metrics.StartAsync(stopping.Token), readiness.StartAsync(stopping.Token));
        _listening.TrySetResult();

        // 6. The mesh, from a file or from the control plane; connections are taken once it is known.
        await LoadLocalMeshAsync();
        using var discoveryChannel = configuration.XdsAddress is { } xds ? ControlPlaneChannel.ToDiscovery(xds, configuration) : null;
        var discovery = discoveryChannel is null ? null : new DeltaClient(
            discoveryChannel,
            XdsNode.Of(configuration, "ztunnel"),
            [new DeltaSubscription(AddressSink.TypeUrl, new AddressSink(Mesh)), new DeltaSubscription(PolicySink.TypeUrl, new PolicySink(Mesh))],
            logs.Factory,
            new DeltaClientMetrics(Registry),
            time: time);
        if (discovery is not null)
        {
            background.Add(discovery.RunAsync(stopping.Token));
        }

        // 7. Pods: those that the node agent tells of, or the one of a dedicated proxy. Until the end is asked for.
        PodProxy? dedicated = null;
        try
        {
            await Task.WhenAny(discovery?.Synced ?? Task.CompletedTask, Task.Delay(Timeout.Infinite, Quit.Token), FailureAsync(background));
            if (!Quit.IsCancellationRequested)
            {
                meshReady.Ready();
                dedicated = await StartPodsAsync(plane, loops, pods, background, podsReady, stopping.Token);
                proxyReady.Ready();
                await (await Task.WhenAny([Task.Delay(Timeout.Infinite, Quit.Token), .. background]));
            }
        }
        catch (OperationCanceledException) when (Quit.IsCancellationRequested)
        {
            // the end was asked for
        }

        // 8. The end: nothing new is taken, what is open goes on up to the deadline, and is cut then.
        Log.Draining(_logger, configuration.TerminationDeadline);
        var cutting = drain.StartAsync(configuration.TerminationDeadline);
        await Task.WhenAll(pods.DrainAsync(drain.Forced), dedicated?.DrainAsync(drain.Forced) ?? Task.CompletedTask);
        await drain.ForceAsync();
        await cutting;
        await stopping.CancelAsync();
        await Task.WhenAll(background.Select(IgnoreCancellationAsync));
        await Task.WhenAll(loops.Select(data => data.Loop.DisposeAsync().AsTask()));
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

    /// <summary>Completes when background work fails, which it does only by mistake.</summary>
    private static Task FailureAsync(IEnumerable<Task> background) => Task.WhenAny(background);

    private List<DataLoop> StartLoops() =>
        [.. EventLoop.StartSharing(configuration.WorkerThreads, index => $"data-{index}", failure => Log.LoopFailed(_logger, failure)).Select(loop => new DataLoop(loop))];

    private async Task<PodProxy?> StartPodsAsync(
        DataPlane plane, List<DataLoop> loops, PodProxies pods, List<Task> background, ReadinessTask podsReady, CancellationToken stopping)
    {
        if (configuration.Mode == ProxyMode.Shared && configuration.Proxy)
        {
            var client = new ZdsClient(configuration.InpodSocket, pods, time, logs.Factory.CreateLogger("inpod"));
            background.Add(client.RunAsync(stopping));
            background.Add(pods.RetryAsync(time, stopping));
            return null;
        }

        podsReady.Ready();
        return configuration is { Proxy: true, DedicatedWorkload: { } workload }
            ? await PodProxy.StartAsync(plane, loops, "", workload, null)
            : null;
    }

    private PageServer Admin(ConfigDump dump)
    {
        var admin = AdminServer.Create("ztunnel", logs, configuration.Admin);
        admin.Get("/config_dump", "everything that this proxy knows", async context =>
        {
            if (await context.BeginAsync("application/json") is { } body)
            {
                await body.WriteAsync(dump.Write(), context.Aborted);
            }
        });
        admin.Get(ExplainPage.Path, ExplainPage.Description, context =>
            ExplainPage.AnswerAsync(context, question => NodeHops.Explain(Mesh.Current, question, Random.Shared)));
        admin.Post("/quitquitquit", "ends the process in good order", async context =>
        {
            await PageServer.AnswerAsync(context, 200, "shutdown now\n");
            await Quit.CancelAsync();
        });
        return admin;
    }

    private async Task LoadLocalMeshAsync()
    {
        var text = configuration.LocalXds;
        var source = "LOCAL_XDS";
        if (configuration.LocalXdsPath is { } path)
        {
            (text, source) = (await File.ReadAllTextAsync(path), path);
        }

        if (text is null)
        {
            return;
        }

        try
        {
            var update = Ambient.Mesh.Config.LocalConfig.Parse(text);
            Log.LocalMesh(_logger, update.Workloads.Count, update.Services.Count, update.Policies.Count, source);
            Mesh.Apply(update);
        }
        catch (Ambient.Mesh.Config.MeshConfigException wrong)
        {
            throw new ConfigurationException([$"{source}: {wrong.Message}"]);
        }
    }
}
