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

    protected override async Task StartProxiesAsync()
    {
        var mesh = Surroundings.File($"{Name}.yaml");
        (string Name, string Address, string Space)[] pods = [("client", ClientAddress, ClientSpace), ("server", ServerAddress, ServerSpace)];
        await MeshFile.WriteAsync(mesh, pods.Where(InMesh).Select(pod => (pod.Name, pod.Address, NodeName(pod.Name))));
        foreach (var pod in pods.Where(InMesh).Reverse())
        {
            await CaptureAsync(pod.Space);
            await StartNodeAsync(pod.Name, pod.Space, mesh);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    /// <summary>Whether a pod is captured and known to the mesh.</summary>
    protected virtual bool InMesh((string Name, string Address, string Space) pod) => true;

    private static async Task CaptureAsync(string space)
    {
        using var handle = NetworkNamespace.Open($"/var/run/netns/{space}");
        await new PodCapture(new NftablesBackend()).ApplyAsync(handle, new CaptureOptions { IPv6 = false }, default);
    }

    private async Task StartNodeAsync(string pod, string podSpace, string mesh)
    {
        var space = Space($"{pod[0]}n");
        await AddSpaceAsync(space);
        Run(space, null, $"{pod}-ca", Children.Self, "ca", Surroundings.Folder);
        var node = new ZtunnelNode(NodeName(pod), Surroundings);
        _nodes.Add(node);
        node.Add(pod, podSpace);
        var environment = node.Environment(mesh);
        foreach (var (name, value) in settings)
        {
            environment[name] = value;
        }

        RunProxy(space, environment, pod, Surroundings.Ztunnel);
    }

    private string NodeName(string pod) => $"{Name}-{pod}";
}

/// <summary>One of our node proxies; the server is outside the mesh, so what it carries stays plaintext.</summary>
internal sealed class PassthroughSubject(SubjectEntry entry, Surroundings surroundings) : ZtunnelSubject(entry, surroundings)
{
    protected override bool InMesh((string Name, string Address, string Space) pod) => pod.Name == "client";
}
