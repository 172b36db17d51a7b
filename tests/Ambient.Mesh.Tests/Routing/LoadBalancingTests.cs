namespace Ambient.Mesh.Tests.Routing;

/// <summary>Which endpoint a service's connection gets.</summary>
public sealed class LoadBalancingTests
{
    private const string Endpoints = """
        workloads:
        - {uid: c, name: c, namespace: a, workloadIps: [10.0.0.1], network: n1, clusterId: k1, node: node1, locality: {region: r1, zone: z1, subzone: s1}}
        - {uid: node, name: e, namespace: a, workloadIps: [10.0.1.1], network: n1, clusterId: k1, node: node1, locality: {region: r1, zone: z1, subzone: s1}, services: {a/s.a.svc: {80: 80}}}
        - {uid: zone, name: e, namespace: a, workloadIps: [10.0.1.2], network: n1, clusterId: k1, node: node2, locality: {region: r1, zone: z1, subzone: s2}, services: {a/s.a.svc: {80: 80}}}
        - {uid: region, name: e, namespace: a, workloadIps: [10.0.1.3], network: n1, clusterId: k2, node: node3, locality: {region: r1, zone: z2, subzone: s1}, services: {a/s.a.svc: {80: 80}}}
        - {uid: other, name: e, namespace: a, workloadIps: [10.0.1.4], network: n1, clusterId: k2, node: node4, locality: {region: r2, zone: z1, subzone: s1}, services: {a/s.a.svc: {80: 80}}}
        services:
        - {name: s, namespace: a, hostname: s.a.svc, vips: [n1/10.1.0.1], ports: {80: 80}LB}
        """;

    [Theory]
    [InlineData("", "node other region zone")]
    [InlineData("mode: Standard, routingPreferences: [Region]", "node other region zone")]
    [InlineData("mode: Failover, routingPreferences: [Region, Zone, Subzone]", "node")]
    [InlineData("mode: Failover, routingPreferences: [Region, Zone]", "node zone")]
    [InlineData("mode: Failover, routingPreferences: [Region]", "node region zone")]
    [InlineData("mode: Failover, routingPreferences: [Cluster]", "node zone")]
    [InlineData("mode: Failover, routingPreferences: [Network, Region, Zone, Subzone, Node]", "node")]
    [InlineData("mode: Strict, routingPreferences: [Node]", "node")]
    [InlineData("mode: Strict, routingPreferences: [Region]", "node region zone")]
    [InlineData("mode: Strict, routingPreferences: [Network]", "node other region zone")]
    [InlineData("mode: Failover, routingPreferences: [Subzone, Zone]", "node other")] // each scope compares only its own field
    public void These_endpoints_are_used(string balancing, string expected)
    {
        var used = Used(new World(Endpoints.Replace("LB", balancing.Length == 0 ? "" : $", loadBalancer: {{{balancing}}}", StringComparison.Ordinal), "n1"));
        Assert.Equal(expected, string.Join(' ', used.Keys.Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void Failover_goes_on_to_the_next_best_when_the_best_is_unhealthy()
    {
        var sick = Endpoints.Replace("{uid: node,", "{uid: node, status: Unhealthy,", StringComparison.Ordinal)
            .Replace("LB", ", loadBalancer: {mode: Failover, routingPreferences: [Region, Zone, Subzone]}", StringComparison.Ordinal);
        Assert.Equal(["zone"], Used(new World(sick, "n1")).Keys);
    }

    [Fact]
    public void Strict_refuses_when_nothing_matches_all()
    {
        var world = new World(Endpoints.Replace("uid: node,", "uid: node, capacity: 0,", StringComparison.Ordinal)
            .Replace("LB", ", loadBalancer: {mode: Strict, routingPreferences: [Node]}", StringComparison.Ordinal), "n1");
        Assert.Equal("refused NoHealthyUpstream", world.Way("c", "10.1.0.1:80"));
    }

    [Fact]
    public void Endpoints_share_by_their_capacity()
    {
        var world = new World(Endpoints.Replace("uid: zone,", "uid: zone, capacity: 3,", StringComparison.Ordinal)
            .Replace("LB", ", loadBalancer: {mode: Failover, routingPreferences: [Region, Zone]}", StringComparison.Ordinal), "n1");
        var used = Used(world);
        Assert.InRange(used["zone"] / (double)used["node"], 2.4, 3.7);
    }

    [Fact]
    public void Many_equal_endpoints_are_used_evenly()
    {
        var yaml = "workloads:\n- {uid: c, name: c, namespace: a, workloadIps: [10.0.0.1]}\n"
            + string.Concat(Enumerable.Range(0, 20).Select(i =>
                $"- {{uid: e{i}, name: e, namespace: a, workloadIps: [10.0.1.{i}], status: {(i < 10 ? "Healthy" : "Unhealthy")}, services: {{a/s.a.svc: {{80: 80}}}}}}\n"))
            + "services:\n- {name: s, namespace: a, hostname: s.a.svc, vips: [/10.1.0.1], ports: {80: 80}}\n";
        var used = Used(new World(yaml));
        Assert.Equal(10, used.Count);
        Assert.All(used.Values, count => Assert.InRange(count, 150, 260));
    }

    [Fact]
    public void Weighted_waypoints_share_a_service_and_zero_weights_leave_it_to_the_plain_one()
    {
        const string Yaml = """
            workloads:
            - {uid: c, name: c, namespace: a, workloadIps: [10.0.0.1]}
            - {uid: w1, name: w1, namespace: a, workloadIps: [10.0.0.2]}
            - {uid: w2, name: w2, namespace: a, workloadIps: [10.0.0.3]}
            - {uid: w3, name: w3, namespace: a, workloadIps: [10.0.0.4]}
            services:
            - {name: s, namespace: a, hostname: s.a.svc, vips: [/10.1.0.1], ports: {80: 80}, waypoint: {destination: /10.0.0.4, hboneMtlsPort: 15008},
               weightedWaypoints: [{destination: {destination: /10.0.0.2, hboneMtlsPort: 15008}, weight: W1}, {destination: {destination: /10.0.0.3, hboneMtlsPort: 15008}, weight: W2}]}
            """;
        var split = Used(new World(Yaml.Replace("W1", "75", StringComparison.Ordinal).Replace("W2", "25", StringComparison.Ordinal)));
        Assert.Equal(["w1", "w2"], split.Keys.Order(StringComparer.Ordinal));
        Assert.InRange(split["w1"] / (double)split["w2"], 2.5, 3.6);
        Assert.Equal(["w3"], Used(new World(Yaml.Replace("W1", "0", StringComparison.Ordinal).Replace("W2", "0", StringComparison.Ordinal))).Keys);
    }

    [Fact]
    public void Endpoints_of_the_own_network_come_before_all_others()
    {
        var world = new World("""
            workloads:
            - {uid: c, name: c, namespace: a, workloadIps: [10.0.0.1], network: n1, locality: {region: r1, zone: z1, subzone: ""}}
            - {uid: near, name: e, namespace: a, workloadIps: [10.0.1.1], network: n1, STATUS locality: {region: r2, zone: z9, subzone: ""}, services: {a/s.a.svc: {80: 80}}}
            - {uid: far, name: e, namespace: a, network: n2, networkGateway: {destination: n1/10.0.9.9, hboneMtlsPort: 15008}, locality: {region: r1, zone: z1, subzone: ""}, services: {a/s.a.svc: {80: 80}}}
            - {uid: gateway, name: g, namespace: a, workloadIps: [10.0.9.9], network: n1}
            services:
            - {name: s, namespace: a, hostname: s.a.svc, vips: [n1/10.1.0.1], ports: {80: 80}, loadBalancer: {mode: Failover, routingPreferences: [Network, Region, Zone]}}
            """.Replace("STATUS", "", StringComparison.Ordinal), "n1");
        Assert.Equal(["near"], Used(world).Keys);
        world.Store.Apply(new Mesh.State.MeshUpdate { Workloads = { world.Workload("near") with { Healthy = false } } });
        Assert.Equal("double 10.0.9.9:15008 for s.a.svc:80", world.Way("c", "10.1.0.1:80"));
    }

    private static Dictionary<string, int> Used(World world)
    {
        var used = new Dictionary<string, int>();
        for (var seed = 0; seed < 2000; seed++)
        {
            var uid = world.Outbound("c", "10.1.0.1:80", seed: seed).Endpoint!.Uid;
            used[uid] = used.GetValueOrDefault(uid) + 1;
        }

        return used;
    }
}
