using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Ambient.NodeAgent.Capture;
using Ambient.NodeAgent.Cni;
using Ambient.NodeAgent.Enrolment;
using Ambient.NodeAgent.Zds;
using Ambient.Telemetry.Logging;
using Ambient.Telemetry.Metrics;
using Ambient.Telemetry.Servers;
using Microsoft.Extensions.Logging;

namespace Ambient.NodeAgent;

/// <summary>The node agent, put together; reads like the script of its start.</summary>
internal static class NodeAgentApp
{
    /// <summary>Pods that are brought into the mesh at the same time; each runs a dozen short tools, so more would only queue for the processor.</summary>
    private const int Workers = 4;

    /// <summary>A pod waits at most this long after its cause was repaired (reference: 5 s).</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    /// <summary>Fits into the shortest usual grace period of a pod, 10 s, with room for the rest.</summary>
    private static readonly TimeSpan UninstallDeadline = TimeSpan.FromSeconds(3);

    /// <summary>Runs until SIGTERM or SIGINT. Exit code 0 then, 1 when it cannot start, which is said on standard error.</summary>
    public static async Task<int> RunAsync(Func<string, string?> environment)
    {
        try
        {
            using var stop = new StopSignal();
            await RunAsync(AgentConfiguration.Read(environment), environment, stop.Token);
            return 0;
        }
        catch (Exception failure) when (failure is FormatException or CaptureException or KubernetesException or IOException)
        {
            await Console.Error.WriteLineAsync($"The node agent cannot run: {failure.Message}");
            return 1;
        }
    }

    private static async Task RunAsync(AgentConfiguration configuration, Func<string, string?> environment, CancellationToken stop)
    {
        var time = TimeProvider.System;
        await using var logs = LogOutput.FromEnvironment(environment("RUST_LOG"), environment("LOG_FORMAT"));
        var loggers = logs.Factory;
        var registry = new MetricRegistry(time);
        var metrics = new AgentMetrics(registry);
        var readiness = new Readiness();
        var watching = readiness.Register("pods and namespaces");
        var installing = readiness.Register("CNI plugin");

        var capture = await PodCapture.CreateAsync(configuration.PreferNftables, stop);
        loggers.CreateLogger("agent").Started(configuration.NodeName, capture.Backend);

        using var api = new KubernetesClient(KubeConfig.Default(), time);
        var pods = new PodDirectory(api, configuration.NodeName, time, loggers);
        var queue = new WorkQueue<string>("enrolment", logger: loggers.CreateLogger("enrolment"), time: time) { LongestPause = LongestPause };
        using var probes = capture.CreateProbeExemption(configuration.Capture, configuration.KubeletUser);
        Enrolments? enrolments = null;
        var zds = new ZdsServer(
            configuration.ZdsPath, () => enrolments!.Snapshot(), () => AddAll(queue, pods), time, loggers.CreateLogger<ZdsServer>());
        enrolments = new Enrolments(
            pods,
            new EnablementSelector(configuration.Selectors, configuration.ExcludedNamespaces),
            configuration.Capture,
            capture,
            new PodNamespaceFinder(new ProcessNamespaces(configuration.ProcFolder), configuration.HostRoot),
            new PodRecords(configuration.RunFolder),
            probes,
            new PodReports(api, configuration.NodeName, time, loggers.CreateLogger<PodReports>()),
            metrics,
            loggers.CreateLogger<Enrolments>())
        {
            Ztunnel = zds,
        };
        registry.ObservedGauge("ztunnel_connected", "1 while a ztunnel is connected.", () => zds.Connected ? 1 : 0);
        registry.ObservedGauge("ambient_uncaptured_pods", "Pods whose labels ask for the mesh and that are not captured.", () => enrolments.Uncaptured);

        await using var health = new PageServer("health", configuration.Health, loggers)
            .Get("/healthz", "alive", context => PageServer.AnswerAsync(context, 200, "ok\n"))
            .Get("/readyz", "ready to enrol", context => ReadinessServer.AnswerAsync(context, readiness));
        await using var exposition = MetricsServer.Create(registry, configuration.Metrics, loggers);
        await health.StartAsync(stop);
        await exposition.StartAsync(stop);

        // The snapshot for ztunnel has to be whole before the first ztunnel may connect: what it does not name is dropped.
        pods.Changed += (kind, uid) =>
        {
            metrics.Event(kind);
            queue.Add(uid);
        };
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        List<Task> running = [pods.RunAsync(end.Token)];
        await pods.SyncedAsync(stop);
        watching.Ready();
        await enrolments.RestoreAsync(stop);
        AddAll(queue, pods);

        var installer = new CniInstaller(configuration, metrics, time, loggers.CreateLogger<CniInstaller>());
        await using var plugin = await new PluginListener(configuration.RunFolder, enrolments, metrics, loggers).StartAsync(stop);
        running.Add(zds.RunAsync(end.Token));
        running.Add(queue.RunAsync(enrolments.ReconcileAsync, Workers, end.Token));
        running.Add(LookAfterAsync(enrolments, () => AddAll(queue, pods), configuration.VerifyInterval, time, end.Token));
        if (configuration.InstallPlugin)
        {
            running.Add(installer.RunAsync(end.Token));
            registry.ObservedGauge("istio_cni_install_ready", "1 while the plugin stands in the chain.", () => installer.Installed ? 1 : 0);
        }

        installing.Ready();
        await EndAsync(running, end);
        if (configuration.InstallPlugin && await IsUninstalledAsync(api, configuration.AgentNamespace))
        {
            installer.Uninstall();
            await probes.UninstallAsync(CancellationToken.None);
        }
    }

    private static void AddAll(WorkQueue<string> queue, PodDirectory pods)
    {
        foreach (var pod in pods.All)
        {
            queue.Add(pod.Metadata.Uid!);
        }
    }

    /// <summary>
    /// Whether the agent goes for good. It stays installed over restarts and upgrades, and when that cannot be told: a node
    /// without the plugin starts its pods uncaptured.
    /// </summary>
    private static async Task<bool> IsUninstalledAsync(KubernetesClient api, string ns)
    {
        using var bound = new CancellationTokenSource(UninstallDeadline);
        try
        {
            var agents = await api.FindAsync(ResourceKinds.DaemonSets, ns, "istio-cni-node", bound.Token);
            return agents is null or { Metadata.DeletionTimestamp: not null };
        }
        catch (Exception failure) when (failure is IOException or HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>One that ends takes the others with it: half an agent would enrol pods that nobody verifies.</summary>
    private static async Task EndAsync(List<Task> running, CancellationTokenSource end)
    {
        var first = await Task.WhenAny(running);
        await end.CancelAsync();
        try
        {
            await Task.WhenAll(running);
        }
        catch (OperationCanceledException)
        {
            // by the line above, or by a signal
        }

        if (first.IsFaulted)
        {
            await first;
        }
    }

    /// <summary>
    /// Verifies and reconciles everything again and again. Reading the rules of a pod back costs some processes, so the pauses grow with
    /// the rounds: nine times as long, which is a tenth of a core at most, but never more than five intervals.
    /// </summary>
    private static async Task LookAfterAsync(
        Enrolments enrolments, Action reconcile, TimeSpan interval, TimeProvider time, CancellationToken cancellation)
    {
        const int RestPerWork = 9;
        const int LongestRest = 5;
        var rest = interval;
        while (true)
        {
            await Task.Delay(rest, time, cancellation);
            var start = time.GetTimestamp();
            await enrolments.VerifyAsync(cancellation);
            reconcile();
            var wanted = (time.GetElapsedTime(start) * RestPerWork).Ticks;
            rest = TimeSpan.FromTicks(Math.Clamp(wanted, interval.Ticks, interval.Ticks * LongestRest));
        }
    }
}
