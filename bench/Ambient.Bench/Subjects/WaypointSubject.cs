using Ambient.Api;
using Ambient.Bench.Load;
using Ambient.Linux;
using Ambient.NodeAgent.Capture;

namespace Ambient.Bench.Subjects;

/// <summary>
/// The whole way as in production: the client's node proxy, our waypoint in a namespace of its own, the server's node proxy. The client calls
/// a service's address; its requests are routed, authorized and counted in between.
/// </summary>
internal sealed class WaypointSubject(SubjectEntry entry, Surroundings surroundings) : Subject(entry, surroundings)
{
    private readonly List<ZtunnelNode> _nodes = [];

    protected override IEnumerable<string> Targets => [Service];

    private string WaypointSpace => Space("w");

    private string WaypointAddress => $"10.219.{Entry.Number}.3";

    private string Service => $"10.220.{Entry.Number}.1:{Sink.Port}";

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
        await AddSpaceAsync(WaypointSpace);
        await JoinAsync(ClientSpace, ClientAddress, "eth0");
        await JoinAsync(ServerSpace, ServerAddress, "eth1");
        foreach (var (name, space) in new[] { ("server", ServerSpace), ("client", ClientSpace) })
        {
            using var pod = NetworkNamespace.Open($"/var/run/netns/{space}");
            await new PodCapture(new NftablesBackend()).ApplyAsync(pod, new CaptureOptions { IPv6 = false }, default);
            var own = Space($"{name[0]}n");
            await AddSpaceAsync(own);
            RunNeighbours(own, name);
            var node = new ZtunnelNode(name, Surroundings);
            _nodes.Add(node);
            node.Add(name, space);
            RunProxy(own, name, node.Launch(("XDS_ADDRESS", $"http://127.0.0.1:{WaypointMesh.Port}")));
        }

        RunNeighbours(WaypointSpace, WaypointMesh.Gateway);
        RunProxy(WaypointSpace, WaypointMesh.Gateway, Waypoint());
    }

    /// <summary>Another pair of interfaces: the waypoint's address is on both of its ends.</summary>
    private async Task JoinAsync(string space, string address, string name)
    {
        await Children.RunAsync("ip", "-n", space, "link", "add", "eth1", "type", "veth", "peer", "name", name, "netns", WaypointSpace);
        await Children.RunAsync("ip", "-n", space, "link", "set", "eth1", "up");
        await Children.RunAsync("ip", "-n", space, "route", "add", WaypointAddress, "dev", "eth1", "src", address);
        await Children.RunAsync("ip", "-n", WaypointSpace, "addr", "add", $"{WaypointAddress}/32", "dev", name);
        await Children.RunAsync("ip", "-n", WaypointSpace, "link", "set", name, "up");
        await Children.RunAsync("ip", "-n", WaypointSpace, "route", "add", address, "dev", name, "src", WaypointAddress);
    }

    /// <summary>What a proxy asks for certificates and for the mesh, on its own loopback.</summary>
    private void RunNeighbours(string space, string name)
    {
        Run(space, null, $"{name}-ca", Children.Self, "ca", Surroundings.Folder);
        Run(space, null, $"{name}-mesh", Children.Self, "waypoint-mesh", ClientAddress, ServerAddress, WaypointAddress, Service);
    }

    private Launch Waypoint() => new(Surroundings.Waypoint, [], "version", Ports.Readiness)
    {
        ReadyPage = "/healthz/ready",
        Environment = new Dictionary<string, string>
        {
            ["POD_NAME"] = WaypointMesh.Gateway,
            ["POD_NAMESPACE"] = "bench",
            ["SERVICE_ACCOUNT"] = WaypointMesh.Gateway,
            ["GATEWAY_NAME"] = WaypointMesh.Gateway,
            ["INSTANCE_IP"] = WaypointAddress,
            ["CA_ADDRESS"] = $"https://localhost:{CertificateAuthority.Port}",
            ["CA_ROOT_CA"] = Surroundings.File("root.pem"),
            ["XDS_ADDRESS"] = $"http://127.0.0.1:{WaypointMesh.Port}",
            ["AUTH_TOKEN"] = "bench",
        },
    };
}
