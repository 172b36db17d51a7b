using Ambient.Linux;
using Ambient.NodeAgent.Capture;

namespace Ambient.Bench.Subjects;

/// <summary>
/// Two of our node proxies, each in the namespace of its pod (dedicated mode), with the rules that the node agent installs, static
/// configuration, and a certificate authority on each side's loopback.
/// </summary>
internal sealed class ZtunnelSubject(string folder) : Subject("ztunnel pair", 3)
{
    protected override async Task StartProxiesAsync()
    {
        var state = Path.Combine(folder, "state.yaml");
        await File.WriteAllTextAsync(state, $"""
            workloads:
            {Workload("client", ClientAddress)}
            {Workload("server", ServerAddress)}
            services: []
            policies: []

            """);
        foreach (var (space, name) in new[] { (ServerSpace, "server"), (ClientSpace, "client") })
        {
            using var handle = NetworkNamespace.Open($"/var/run/netns/{space}");
            await new PodCapture(new NftablesBackend()).ApplyAsync(handle, new CaptureOptions { IPv6 = false }, default);
            Run(space, null, Children.Self, "ca", folder);
            RunProxy(space, Environment(state, name), Program());
        }
    }

    private Dictionary<string, string> Environment(string state, string name) => new()
    {
        ["PROXY_MODE"] = "dedicated",
        ["PROXY_WORKLOAD_INFO"] = $"bench/{name}/{name}",
        ["PACKET_MARK"] = "1337",
        ["NODE_NAME"] = name,
        ["XDS_ADDRESS"] = "",
        ["LOCAL_XDS_PATH"] = state,
        ["CA_ADDRESS"] = $"https://localhost:{CertificateAuthority.Port}",
        ["CA_ROOT_CA"] = Path.Combine(folder, "root.pem"),
        ["AUTH_TOKEN"] = "bench",
        ["IPV6_ENABLED"] = "false",
        ["ZTUNNEL_WORKER_THREADS"] = "0",
    };

    private static string Workload(string name, string address) => $"""
        - uid: bench//Pod/bench/{name}
          name: {name}
          namespace: bench
          serviceAccount: {name}
          workloadIps: ["{address}"]
          protocol: HBONE
          node: {name}
          network: ""
          trustDomain: cluster.local
          canonicalName: {name}
          canonicalRevision: v1
          workloadName: {name}
          workloadType: deployment
          clusterId: Kubernetes
          services: {"{}"}
        """;

    /// <summary>Beside this program's own folder, where the build puts it.</summary>
    private static string Program()
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        var path = Path.Combine(own.Parent!.Parent!.FullName, "Ambient.Ztunnel", own.Name, "Ambient.Ztunnel");
        return File.Exists(path) ? path : throw new InvalidOperationException($"{path} is missing: build bench/Ambient.Bench, which builds it too.");
    }
}
