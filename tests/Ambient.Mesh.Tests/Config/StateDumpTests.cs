using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.Mesh.Config;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Tests.Config;

/// <summary>Local configuration in, <c>/config_dump</c> out.</summary>
public sealed class StateDumpTests
{
    [Fact]
    public void The_dump_of_the_recorded_state_equals_the_recorded_dump()
    {
        var store = new MeshStore();
        store.Apply(LocalConfig.Parse(Golden.Text("ztunnel/state.yaml")));
        var recorded = JsonNode.Parse(Golden.Text("ztunnel/config_dump.json"))!.AsObject();
        var ours = Dump(store.Current);
        foreach (var part in new[] { "workloads", "services", "policies", "stagedServices" })
        {
            Assert.True(JsonNode.DeepEquals(recorded[part], ours[part]), $"{part}: {ours[part]!.ToJsonString()}");
        }
    }

    [Fact]
    public void A_dump_can_be_read_back_as_local_configuration()
    {
        var first = new MeshStore();
        first.Apply(LocalConfig.Parse(Everything));
        var dumped = Dump(first.Current);
        dumped.Remove("stagedServices");
        var second = new MeshStore();
        second.Apply(LocalConfig.Parse(dumped.ToJsonString()));
        Assert.True(JsonNode.DeepEquals(Dump(first.Current), Dump(second.Current)), Dump(second.Current).ToJsonString());
    }

    private const string Everything = """
        workloads:
        - uid: c//Pod/a/w
          name: w
          namespace: a
          workloadIps: [10.0.0.1, "fd00::1"]
          protocol: HBONE
          networkMode: HostNetwork
          network: n1
          hostname: w.example
          workloadType: cronjob
          workloadName: job
          nativeTunnel: true
          waypoint: {destination: "a/wp.a.svc", hboneMtlsPort: 15008}
          networkGateway: {destination: "n2/10.9.9.9", hboneMtlsPort: 15009}
          applicationTunnel: {protocol: PROXY, port: 15088}
          authorizationPolicies: [a/p]
          status: Unhealthy
          locality: {region: r, zone: z, subzone: s}
          capacity: 7
          services: {"a/s.a.svc": {80: 8080}}
        services:
        - name: s
          namespace: a
          hostname: s.a.svc
          vips: [n1/10.1.0.1]
          cidrVips: [{network: n1, cidr: 10.2.0.0/16}]
          ports: {80: 8080}
          subjectAltNames: ["spiffe://x/ns/a/sa/b"]
          weightedWaypoints: [{destination: {destination: "a/wp.a.svc", hboneMtlsPort: 15008}, weight: 3}]
          loadBalancer: {routingPreferences: [Network, Region, Zone, Subzone, Node, Cluster], mode: Failover, healthPolicy: AllowAll}
          ipFamilies: IPv4
          canonical: true
          visibility: Namespace
        policies:
        - name: p
          namespace: a
          scope: WorkloadSelector
          action: Allow
          dryRun: true
          rules:
          - - - namespaces: [{Exact: a}, {Prefix: b}, {Suffix: c}, {Presence: []}]
                notNamespaces: [{Exact: d}]
                principals: [{Prefix: cluster.local/}]
                notPrincipals: [{Presence: []}]
                serviceAccounts: [{namespace: a, serviceAccount: b}]
                notServiceAccounts: [{namespace: a, serviceAccount: c}]
                sourceIps: [10.0.0.0/8]
                notSourceIps: ["fd00::/8"]
                destinationIps: [10.1.0.0/16]
                notDestinationIps: [10.2.0.0/16]
                destinationPorts: [80]
                notDestinationPorts: [81]
        """;

    private static JsonObject Dump(MeshSnapshot mesh)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            StateDump.Write(json, mesh);
            json.WriteEndObject();
        }

        return JsonNode.Parse(Encoding.UTF8.GetString(bytes.ToArray()))!.AsObject();
    }
}
