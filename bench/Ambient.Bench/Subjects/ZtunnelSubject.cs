using Ambient.Linux;
using Ambient.NodeAgent.Capture;

namespace Ambient.Bench.Subjects;

/// <summary>
/// Two of our node proxies as in production: each serves its node from a namespace of its own, is handed its pod by the node agent's
/// server, and captures it with the node agent's rules.
/// </summary>
internal class ZtunnelSubject(SubjectEntry entry, Surroundings surroundings, params (string Name, string Value)[] settings)
    : Subject(entry, surroundings)
{
    private readonly List<ZtunnelNode> _nodes = [];

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    protected override async Task StartProxiesAsync()
    {
        var mesh = Surroundings.File($"{Name}.yaml");
        await MeshFile.WriteAsync(mesh, Pods.Select(pod => (pod.Name, pod.Addresses, NodeName(pod.Name))));
        foreach (var pod in Pods.Reverse())
        {
            using (var space = NetworkNamespace.Open($"/var/run/netns/{pod.Space}"))
            {
                await new PodCapture(new NftablesBackend()).ApplyAsync(space, new CaptureOptions { IPv6 = false }, default);
            }

            await StartNodeAsync(pod, mesh);
        }
    }

    /// <summary>Who is captured and known to the mesh.</summary>
    protected virtual IReadOnlyList<Pod> Pods =>
        [new("client", ClientSpace, [ClientAddress]), new("server", ServerSpace, [ServerAddress])];

    private async Task StartNodeAsync(Pod pod, string mesh)
    {
        var space = Space($"{pod.Name[0]}n");
        await AddSpaceAsync(space);
        Run(space, null, $"{pod.Name}-ca", Children.Self, "ca", Surroundings.Folder);
        var node = new ZtunnelNode(NodeName(pod.Name), Surroundings);
        _nodes.Add(node);
        node.Add(pod.Name, pod.Space);
        RunProxy(space, pod.Name, node.Launch([("XDS_ADDRESS", ""), ("LOCAL_XDS_PATH", mesh), .. settings]));
    }

    private string NodeName(string pod) => $"{Name}-{pod}";

    /// <summary>A pod of the mesh.</summary>
    protected sealed record Pod(string Name, string Space, IReadOnlyList<string> Addresses);
}

/// <summary>One of our node proxies; the server is outside the mesh, so what it carries stays plaintext.</summary>
internal sealed class PassthroughSubject(SubjectEntry entry, Surroundings surroundings) : ZtunnelSubject(entry, surroundings)
{
    protected override IReadOnlyList<Pod> Pods => [new("client", ClientSpace, [ClientAddress])];
}

/// <summary>
/// A pair whose every connection goes to another address of the server, and tunnels are per address: so each makes a tunnel, with a
/// handshake, as when a client calls one new peer after the other. Unused tunnels are let go before their address comes again.
/// </summary>
internal sealed class ManyPeersSubject(SubjectEntry entry, Surroundings surroundings)
    : ZtunnelSubject(entry, surroundings, ("POOL_MAX_STREAMS_PER_CONNECTION", "1"), ("POOL_UNUSED_RELEASE_TIMEOUT", "100ms"))
{
    /// <summary>4,096 addresses: at 4,000 connections a second each comes again after a second.</summary>
    private string Range => $"10.{100 + Entry.Number}.0.0/20";

    protected override IEnumerable<string> Targets => [$"{Range}:{Load.Sink.Port}"];

    protected override IReadOnlyList<Pod> Pods =>
    [
        new("client", ClientSpace, [ClientAddress]),
        new("server", ServerSpace, [ServerAddress, .. Enumerable.Range(0, 4096).Select(i => $"10.{100 + Entry.Number}.{i / 256}.{i % 256}")]),
    ];

    protected override async Task StartProxiesAsync()
    {
        await Children.RunAsync("ip", "-n", ServerSpace, "route", "add", "local", Range, "dev", "lo");
        await Children.RunAsync("ip", "-n", ClientSpace, "route", "add", Range, "via", ServerAddress);
        await base.StartProxiesAsync();
    }
}
