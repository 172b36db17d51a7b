using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Ambient.Sandbox.Cni;
using Ambient.Sandbox.Images;
using Ambient.Sandbox.Network;
using Ambient.Sandbox.Processes;
using Ambient.Sandbox.Runs;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox.Kubelet;

/// <summary>What the workers of one node share.</summary>
internal sealed record NodeServices(
    NodeContext Node, KubernetesClient Client, ImageTable Images, CniChain Chain, Prober Prober, ILogger Logger, TimeProvider Time);

/// <summary>
/// One pod from its arrival on the node to its removal: network, files, init containers, containers, status, end. Its owner awaits
/// <see cref="RunAsync"/> and hands it every new state of the pod.
/// </summary>
internal sealed class PodWorker : IPodRuntime, IDisposable
{
    /// <summary>Pauses between attempts to make the pod's network and files double from a quarter of a second to two.</summary>
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>Tokens live an hour; configuration maps may change at any time. Kubelets renew once a minute.</summary>
    private static readonly TimeSpan RenewalPeriod = TimeSpan.FromSeconds(60);

    /// <summary>32 MB: days of access log at a sandbox's pace, and a hundred containers still fit into a laptop's memory.</summary>
    private const long LongestLog = 32 * 1024 * 1024;

    private readonly NodeServices _services;
    private readonly PodFolder _folder;
    private readonly CancellationTokenSource _ending = new();
    private readonly DateTimeOffset _startedAt;
    private readonly List<ContainerRunner> _init;
    private readonly List<ContainerRunner> _containers;

    // One pending wish to publish is enough: it publishes the newest state.
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private volatile Pod _pod;
    private volatile bool _abandoned;
    private IReadOnlyList<string> _addresses = [];
    private ContainerProcess? _pause;
    private PodStatus? _published;
    private string? _trouble;

    /// <summary>Prepares a worker; nothing happens until it runs.</summary>
    public PodWorker(Pod pod, NodeServices services)
    {
        _pod = pod;
        _services = services;
        _folder = new PodFolder(pod, services.Node, services.Client);
        _startedAt = services.Time.GetUtcNow();
        _published = pod.Status;
        _init = [.. (pod.Spec?.InitContainers ?? []).Select(container => new ContainerRunner(container, this))];
        _containers = [.. (pod.Spec?.Containers ?? []).Select(container => new ContainerRunner(container, this))];
    }

    string IPodRuntime.Address => _addresses.Count > 0 ? _addresses[0] : _services.Node.Address;
    string IPodRuntime.RestartPolicy => _pod.Spec?.RestartPolicy ?? "Always";
    Prober IPodRuntime.Prober => _services.Prober;
    TimeProvider IPodRuntime.Time => _services.Time;

    private NodeContext Node => _services.Node;
    private bool HostNetwork => _pod.Spec?.HostNetwork == true;
    private string NamespaceName => HostNetwork
        ? Node.NetworkNamespace
        : Names.Pod(Node.SandboxId, _pod.Metadata.Namespace ?? "", _pod.Metadata.Name, _pod.Metadata.Uid ?? "");

    /// <summary>Takes a newer state of the pod; one that is being deleted ends the worker.</summary>
    public void Update(Pod pod)
    {
        _pod = pod;
        if (pod.Metadata.DeletionTimestamp is not null)
        {
            End();
        }
    }

    /// <summary>Ends the pod.</summary>
    public void End() => _ending.Cancel();

    /// <summary>Ends the pod's processes at once and leaves the rest as it is: the whole sandbox is being taken away.</summary>
    public void Abandon()
    {
        _abandoned = true;
        End();
    }

    /// <summary>Runs the pod to its end and takes it away.</summary>
    public async Task RunAsync()
    {
        using var publishing = new CancellationTokenSource();
        var publisher = PublishAsync(publishing.Token);
        try
        {
            if (await SetUpAsync(_ending.Token))
            {
                Log.PodStarted(_services.Logger, Node.Name, _pod.Metadata.Namespace, _pod.Metadata.Name);
                await RunContainersAsync();
            }

            // A pod whose containers have ended stays until it is deleted.
            await UntilEndingAsync();
        }
        finally
        {
            await publishing.CancelAsync();
            await publisher;
        }

        if (_abandoned)
        {
            return;
        }

        await TearDownAsync();
        Log.PodEnded(_services.Logger, Node.Name, _pod.Metadata.Namespace, _pod.Metadata.Name);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _pause?.Dispose();
        _ending.Dispose();
    }

    void IPodRuntime.Changed() => _changes.Writer.TryWrite(true);

    void IPodRuntime.Ended(Container container, int exitCode) =>
        Log.ContainerEnded(_services.Logger, Node.Name, _pod.Metadata.Namespace, _pod.Metadata.Name, container.Name, exitCode);

    ContainerProcess IPodRuntime.Start(Container container)
    {
        var variables = ContainerEnvironment.Build(_pod, container, _addresses, Node);
        return ContainerProcess.Start(new ContainerStart
        {
            SandboxId = Node.SandboxId,
            PodUid = _pod.Metadata.Uid ?? "",
            NetworkNamespace = Names.NamespacePath(NamespaceName),
            HostName = HostNetwork ? null : _pod.Metadata.Name,
            CommandLine = ContainerEnvironment.CommandLine(container, _services.Images, variables),
            Variables = variables,
            Mounts = _folder.MountsOf(container),
            WorkingDirectory = container.WorkingDir,
            LogFile = LogFileOf(container),
        });
    }

    private string LogFileOf(Container container) =>
        Path.Combine(Node.LogFolder, $"{_pod.Metadata.Namespace}_{_pod.Metadata.Name}_{container.Name}.log");

    /// <summary>Makes network and files, again and again until it works; false if the pod ended meanwhile.</summary>
    private async Task<bool> SetUpAsync(CancellationToken ct)
    {
        var pause = FirstPause;
        while (!ct.IsCancellationRequested)
        {
            try
            {
                if (_addresses.Count == 0)
                {
                    _addresses = HostNetwork ? [Node.Address] : await ConnectAsync(ct);
                    ((IPodRuntime)this).Changed();
                }

                await _folder.WriteAsync(_addresses, ct);
                _trouble = null;
                return true;
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e) when (e is IOException or SandboxException or JsonException or HttpRequestException or OperationCanceledException)
            {
                _trouble = e.Message;
                Log.PodNotStarted(_services.Logger, Node.Name, _pod.Metadata.Namespace, _pod.Metadata.Name, e.Message);
                ((IPodRuntime)this).Changed();
            }

            await QuietlyAsync(Task.Delay(pause, _services.Time, ct));
            pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks));
        }

        return false;
    }

    private async Task<IReadOnlyList<string>> ConnectAsync(CancellationToken ct)
    {
        var missing = Node.RequiredPlugins.Except(_services.Chain.PluginTypes()).ToArray();
        if (missing.Length > 0)
        {
            throw new SandboxException($"the node's network is not ready: CNI plugin {string.Join(", ", missing)} is not installed yet");
        }

        var name = NamespaceName;
        await Command.ScriptAsync($"ip netns add {name}", ct);
        try
        {
            await Command.ScriptInAsync(name, NodeNetwork.Settings, ct);
            _pause = ContainerProcess.Start(PauseProcess());
            return await _services.Chain.AddAsync(CniPod(_pause.Id), ct);
        }
        catch (Exception)
        {
            // As a runtime does: the next attempt gets a new namespace.
            await DisconnectAsync();
            throw;
        }
    }

    /// <summary>It keeps the pod findable by its process while its containers come and go.</summary>
    private ContainerStart PauseProcess() => new()
    {
        SandboxId = Node.SandboxId,
        PodUid = _pod.Metadata.Uid ?? "",
        NetworkNamespace = Names.NamespacePath(NamespaceName),
        CommandLine = ["sleep", "infinity"],
        Variables = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin" },
        Mounts = [],
        LogFile = "/dev/null",
    };

    private CniPod CniPod(string container) =>
        new(_pod.Metadata.Namespace ?? "", _pod.Metadata.Name, _pod.Metadata.Uid ?? "", container, Names.NamespacePath(NamespaceName));

    private async Task RunContainersAsync()
    {
        var ending = _ending.Token;
        var sidecars = new List<Task>();
        foreach (var runner in _init)
        {
            if (runner.Container.RestartPolicy == "Always")
            {
                sidecars.Add(runner.RunAsync("Always", Grace, ending));
                continue;
            }

            await runner.RunAsync(_pod.Spec?.RestartPolicy == "Never" ? "Never" : "OnFailure", Grace, ending);
            if (!runner.Succeeded)
            {
                await Task.WhenAll(sidecars);
                return;
            }
        }

        using var renewal = CancellationTokenSource.CreateLinkedTokenSource(ending);
        var renewing = RenewAsync(renewal.Token);
        var policy = ((IPodRuntime)this).RestartPolicy;
        await Task.WhenAll(_containers.Select(runner => runner.RunAsync(policy, Grace, ending)).Concat(sidecars));
        await renewal.CancelAsync();
        await renewing;
    }

    private TimeSpan Grace() => _abandoned ? TimeSpan.Zero : TimeSpan.FromSeconds(_pod.Metadata.DeletionGracePeriodSeconds ?? _pod.Spec?.TerminationGracePeriodSeconds ?? 30);

    private async Task RenewAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            await QuietlyAsync(Task.Delay(RenewalPeriod, _services.Time, ct));
            try
            {
                ct.ThrowIfCancellationRequested();
                LimitLogs();
                await _folder.RenewAsync(ct);
            }
            catch (OperationCanceledException)
            {
                // The pod ends, or the API server did not answer: the next period is soon enough.
            }
            catch (Exception e) when (e is IOException or SandboxException or HttpRequestException)
            {
                Log.Retrying(_services.Logger, $"renewing the files of pod {_pod.Metadata.Namespace}/{_pod.Metadata.Name}", e.Message);
            }
        }
    }

    /// <summary>Logs lie in memory (/run): one that has grown too long begins anew. The writer appends, so it need not know.</summary>
    private void LimitLogs()
    {
        foreach (var runner in _containers)
        {
            var log = new FileInfo(LogFileOf(runner.Container));
            if (log.Exists && log.Length > LongestLog)
            {
                using var file = log.Open(FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
                file.SetLength(0);
            }
        }
    }

    private async Task UntilEndingAsync()
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = _ending.Token.Register(() => over.TrySetResult());
        await over.Task;
    }

    private async Task DisconnectAsync()
    {
        if (_pause is not null)
        {
            try
            {
                await _services.Chain.DeleteAsync(CniPod(_pause.Id), CancellationToken.None);
            }
            catch (Exception e) when (e is IOException or SandboxException)
            {
                Log.Retrying(_services.Logger, $"disconnecting pod {_pod.Metadata.Namespace}/{_pod.Metadata.Name}", e.Message);
            }

            await _pause.StopAsync(TimeSpan.Zero);
            _pause.Dispose();
            _pause = null;
        }

        await Command.TryRunAsync("ip", ["netns", "delete", NamespaceName]);
    }

    /// <summary>Network, control group, files, and last the object: whoever sees it gone can rely on the rest being gone.</summary>
    private async Task TearDownAsync()
    {
        if (!HostNetwork)
        {
            await DisconnectAsync();
        }

        await ControlGroups.EndAsync(ControlGroups.PodPath(Node.SandboxId, _pod.Metadata.Uid ?? ""), TimeSpan.FromSeconds(5), CancellationToken.None);
        _folder.Delete();
        try
        {
            await _services.Client.DeleteAsync(
                ResourceKinds.Pods, _pod.Metadata.Namespace, _pod.Metadata.Name,
                new DeleteOptions(GracePeriodSeconds: 0, Uid: _pod.Metadata.Uid));
        }
        catch (KubernetesException e) when (e.IsNotFound || e.IsConflict)
        {
            // Deleted by force, or a namesake has taken its place.
        }
    }

    private async Task PublishAsync(CancellationToken ct)
    {
        try
        {
            await foreach (var _ in _changes.Reader.ReadAllAsync(ct))
            {
                await PublishOnceAsync(ct);
            }
        }
        catch (OperationCanceledException)
        {
            // The pod is being taken away.
        }
    }

    private async Task PublishOnceAsync(CancellationToken ct)
    {
        var status = PodStatusBuilder.Build(_pod, Node, _addresses, _init, _containers, _startedAt, _trouble, _published, _services.Time.GetUtcNow());
        var patch = new JsonObject { ["status"] = JsonSerializer.SerializeToNode(status, ResourceJson.Default.PodStatus) };
        patch["status"]!.AsObject().TryAdd("message", null); // a merge patch takes a field away by null
        try
        {
            await _services.Client.PatchAsync(
                ResourceKinds.Pods, _pod.Metadata.Namespace, _pod.Metadata.Name, patch, PatchType.Merge, new PatchOptions("status"), ct);
            _published = status;
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            End();
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            Log.Retrying(_services.Logger, $"status of pod {_pod.Metadata.Namespace}/{_pod.Metadata.Name}", e.Message);
            await Task.Delay(FirstPause, _services.Time, ct);
            _changes.Writer.TryWrite(true);
        }
    }

    private static Task QuietlyAsync(Task delay) =>
        delay.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
