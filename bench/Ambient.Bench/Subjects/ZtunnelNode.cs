using Ambient.Api;
using Ambient.Linux;
using Ambient.NodeAgent.Zds;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Bench.Subjects;

/// <summary>
/// What a node proxy has around it on a node: the node agent's own server, which hands over pods, and a certificate authority on the
/// node's loopback.
/// </summary>
internal sealed class ZtunnelNode : IAsyncDisposable
{
    private readonly List<ZdsPod> _pods = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly ZdsServer _agent;
    private readonly string _name;
    private readonly string _socket;
    private readonly Surroundings _surroundings;
    private readonly Task _running;

    /// <param name="name">Its own among the nodes of a run.</param>
    /// <param name="surroundings">The run's folder holds its socket.</param>
    public ZtunnelNode(string name, Surroundings surroundings)
    {
        _name = name;
        _surroundings = surroundings;
        _socket = surroundings.File($"{name}.sock");
        _agent = new ZdsServer(_socket, () => [.. _pods], () => { }, TimeProvider.System, NullLogger<ZdsServer>.Instance);
        _running = _agent.RunAsync(_stop.Token);
    }

    /// <summary>Adds a pod to what ztunnel is told when it connects. Before it starts.</summary>
    public void Add(string name, string space) => _pods.Add(Pod(name, name, space));

    /// <summary>Hands a pod over to the running ztunnel.</summary>
    public Task HandOverAsync(string name, string account, string space)
    {
        var pod = Pod(name, account, space);
        _pods.Add(pod);
        return _agent.AddAsync(pod, _stop.Token);
    }

    /// <summary>How the node's ztunnel is started; as in production, but for what the settings say.</summary>
    public Launch Launch(params IEnumerable<(string Name, string Value)> settings)
    {
        var environment = new Dictionary<string, string>
        {
            ["NODE_NAME"] = _name,
            ["INPOD_UDS"] = _socket,
            ["CA_ADDRESS"] = $"https://localhost:{CertificateAuthority.Port}",
            ["CA_ROOT_CA"] = _surroundings.File("root.pem"),
            ["AUTH_TOKEN"] = "bench",
            ["IPV6_ENABLED"] = "false",
            ["ZTUNNEL_WORKER_THREADS"] = "0",
        };
        foreach (var (name, value) in settings)
        {
            environment[name] = value;
        }

        return new Launch(_surroundings.Ztunnel, [], "version", Ports.Readiness) { Environment = environment, ReadyPage = "/healthz/ready" };
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _pods.ForEach(pod => pod.Namespace?.Dispose());
        _stop.Dispose();
    }

    private static ZdsPod Pod(string name, string account, string space) =>
        new($"uid-{name}", name, "bench", account, NetworkNamespace.Open($"/var/run/netns/{space}"));
}
