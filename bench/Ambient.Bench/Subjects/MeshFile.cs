namespace Ambient.Bench.Subjects;

/// <summary>A mesh as ztunnel reads it from a file.</summary>
internal static class MeshFile
{
    public static Task WriteAsync(string path, IEnumerable<(string Name, IReadOnlyList<string> Addresses, string Node)> workloads) =>
        File.WriteAllTextAsync(path, $"""
            workloads:
            {string.Join('\n', workloads.Select(Workload))}
            services: []
            policies: []

            """);

    private static string Workload((string Name, IReadOnlyList<string> Addresses, string Node) workload) => $"""
        - uid: bench//Pod/bench/{workload.Name}
          name: {workload.Name}
          namespace: bench
          serviceAccount: {workload.Name}
          workloadIps: [{string.Join(", ", workload.Addresses.Select(address => $"\"{address}\""))}]
          protocol: HBONE
          node: {workload.Node}
          network: ""
          trustDomain: cluster.local
          canonicalName: {workload.Name}
          canonicalRevision: v1
          workloadName: {workload.Name}
          workloadType: deployment
          clusterId: Kubernetes
          services: {"{}"}
        """;
}
