using System.Text.Json.Nodes;
using Ambient.Kubernetes;
using Ambient.Sandbox.Cni;
using Ambient.Sandbox.Components;
using Ambient.Sandbox.Controllers;
using Ambient.Sandbox.Dns;
using Ambient.Sandbox.Images;
using Ambient.Sandbox.Kubelet;
using Ambient.Sandbox.Network;
using Ambient.Sandbox.Runs;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox;

/// <summary>
/// A running sandbox: a whole cluster on this machine. Start makes network, API server, kubelets and controllers, then the mesh; disposing
/// takes all of it away.
/// </summary>
public sealed class SandboxHost : IAsyncDisposable
{
    private readonly RunDirectory _run;
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Task> _tasks = [];
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private ClusterServer? _server;
    private ClusterDns? _dns;
    private SandboxConnection? _connection;

    private SandboxHost(RunDirectory run, TimeProvider time)
    {
        _run = run;
        _loggers = RunLog.Create(run.Path, time);
        _logger = _loggers.CreateLogger("sandbox");
        _time = time;
    }

    /// <summary>The sandbox's name.</summary>
    public string Id => _run.Record.Id;

    /// <summary>The sandbox as its users see it.</summary>
    public SandboxConnection Connection => _connection ?? throw new InvalidOperationException("The sandbox has not started.");

    private KubernetesClient Client => Connection.Client;

    /// <summary>Starts a sandbox and waits until everything in it is ready.</summary>
    /// <param name="options">What it is to be.</param>
    /// <param name="progress">Is told each step in a few words.</param>
    /// <param name="time">The clock.</param>
    /// <param name="ct">Ends the attempt; what was made is taken away.</param>
    /// <exception cref="SandboxException">Something is missing or wrong; the message names it and the remedy.</exception>
    public static async Task<SandboxHost> StartAsync(
        SandboxOptions options, Action<string> progress, TimeProvider time, CancellationToken ct)
    {
        var images = new ImageTable(options.Images);
        var manifests = options.Manifests.SelectMany(SandboxChecks.Load).ToArray();
        SandboxChecks.Check(options);
        var run = await RunDirectory.TakeAsync(options.Name, options.Nodes, time, ct);
        var host = new SandboxHost(run, time);
        try
        {
            await host.StartAsync(options, images, manifests, progress, ct);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Completes when a part of the sandbox has failed for good, with what happened.</summary>
    public async Task FailureAsync() => await await Task.WhenAny(_tasks);

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_tasks.Select(task => task.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default)));
        _connection?.Dispose();
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        if (_dns is not null)
        {
            await _dns.DisposeAsync();
        }

        _loggers.Dispose();
        await Leftovers.CleanAsync(Id, CancellationToken.None);
        _run.Dispose();
        RunDirectory.RemoveParentIfLast();
        _stopping.Dispose();
    }

    private async Task StartAsync(SandboxOptions options, ImageTable images, IReadOnlyList<JsonObject> manifests, Action<string> progress, CancellationToken ct)
    {
        var plan = new AddressPlan(_run.Record.Slot);
        var nodes = Enumerable.Range(1, options.Nodes).Select(index => $"node-{index}").ToArray();
        progress($"network: {options.Nodes} nodes, pods 10.{plan.Slot}.NODE.0/24");
        SecretsMountPoint.Ensure();
        await NodeNetwork.CreateFabricAsync(Id, plan, nodes.Length, ct);
        await Task.WhenAll(nodes.Select((node, index) => NodeNetwork.CreateNodeAsync(Id, plan, node, index + 1, nodes.Length, ct)));

        progress("API server");
        _server = await ClusterServer.StartAsync(
            Id, plan, new PodStreams(Id, Path.Combine(RunDirectory.PathOf(Id), "logs"), () => Client), _loggers, _time, ct);
        _run.Write(_run.Record with { ApiServer = _server.Url.ToString() });
        _connection = new SandboxConnection(_run.Record);
        var state = new ClusterState(Client, _logger, _time);
        _dns = new ClusterDns(plan.Host4, new ClusterNames(state), _logger);
        await ClusterObjects.CreateAsync(Client, plan, _server, _dns.EndPoint, ct);
        StartControllers(state, nodes);

        var contexts = nodes.Select((node, index) => new NodeContext
        {
            SandboxId = Id,
            Name = node,
            Addresses = plan.Node(index + 1),
            ApiServerHost = plan.Host4.ToString(),
            ApiServerPort = _server.Url.Port,
            ApiServerRoots = _server.Roots,
            DnsAddress = ClusterObjects.DnsAddress(plan),
            RequiredPlugins = options.Mesh ? [PtpPlugin.Type, MeshComponents.Plugin] : [PtpPlugin.Type],
        }).ToArray();
        foreach (var context in contexts)
        {
            NodePlugins.Install(context);
            Own(new NodeKubelet(context, Client, images, _logger, _time).RunAsync(_stopping.Token));
        }

        await state.SyncedAsync().WaitAsync(ct);
        if (options.Mesh)
        {
            progress("mesh: control plane, and on every node a ztunnel and an agent");
            await UnlessFailedAsync(Connection.ApplyAsync(MeshComponents.Manifests(RunDirectory.PathOf(Id)), options.ReadyTimeout, ct));
        }

        if (manifests.Count > 0)
        {
            progress($"manifests: {manifests.Count} objects");
            await UnlessFailedAsync(Connection.ApplyAsync(manifests, options.ReadyTimeout, ct));
        }

        _run.Write(_run.Record with { Ready = true });
    }

    private void StartControllers(ClusterState state, string[] nodes)
    {
        Own(state.RunAsync(_stopping.Token));
        Own(_dns!.RunAsync(_stopping.Token));
        Own(new DeploymentController(Client, state, _logger, _time).RunAsync(_stopping.Token));
        Own(new ReplicaSetController(Client, state, _logger, _time).RunAsync(_stopping.Token));
        Own(new DaemonSetController(Client, state, _logger, _time).RunAsync(_stopping.Token));
        Own(new Scheduler(Client, state, _logger, _time).RunAsync(_stopping.Token));
        Own(new EndpointSliceController(Client, state, _logger, _time).RunAsync(_stopping.Token));
        Own(new ServiceProxy(state, [.. nodes.Select(node => (node, Names.Node(Id, node)))], _logger, _time).RunAsync(_stopping.Token));
    }

    /// <summary>Waits for a step, but no longer than until a part of the sandbox fails.</summary>
    private async Task UnlessFailedAsync(Task step) => await await Task.WhenAny(_tasks.Prepend(step));

    /// <summary>Takes a task that runs as long as the sandbox; disposing awaits it.</summary>
    private void Own(Task task) => _tasks.Add(task);
}
