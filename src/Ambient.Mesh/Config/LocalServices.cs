using Ambient.Mesh.Model;
using YamlDotNet.RepresentationModel;

namespace Ambient.Mesh.Config;

/// <summary>The services of a local configuration.</summary>
internal static class LocalServices
{
    /// <summary>Reads a service; endpoints that it lists are noted by the workload's uid.</summary>
    public static Service Read(YamlNode node, Dictionary<string, List<ServiceMembership>> memberships)
    {
        var map = new YamlMap(node, "a service");
        var service = new Service
        {
            Name = map.RequiredText("name"),
            Namespace = map.RequiredText("namespace"),
            Hostname = map.RequiredText("hostname"),
            Vips = map.List("vips", vip => LocalConfig.NetworkAddress(vip, "vips")),
            CidrVips = map.List("cidrVips", Range),
            Ports = map.Find("ports") is { } ports ? LocalConfig.Ports(ports, "ports") : [],
            SubjectAltNames = map.List("subjectAltNames", name => YamlMap.Text(name, "subjectAltNames")),
            Waypoint = LocalConfig.Gateway(map, "waypoint"),
            WeightedWaypoints = map.List("weightedWaypoints", Weighted),
            LoadBalancing = map.Find("loadBalancer") is { } balancer ? Balancing(balancer) : null,
            IpFamilies = map.Choice("ipFamilies", IpFamilies.Automatic,
                ("Dual", IpFamilies.Dual), ("IPv4", IpFamilies.V4), ("IPv6", IpFamilies.V6)),
            Canonical = map.Flag("canonical", false),
            NamespaceOnly = map.Choice("visibility", false, ("Public", false), ("Namespace", true)),
        };
        if (map.Find("endpoints") is { } endpoints)
        {
            foreach (var (uid, endpoint) in new YamlMap(endpoints, "endpoints").Entries)
            {
                NoteEndpoint(service.Key, uid, endpoint, memberships);
            }
        }

        map.End();
        return service;
    }

    private static void NoteEndpoint(
        string service, string uid, YamlNode node, Dictionary<string, List<ServiceMembership>> memberships)
    {
        var map = new YamlMap(node, "an endpoint");
        var workload = map.Text("workloadUid", uid);
        var ports = map.Find("port") is { } port ? LocalConfig.Ports(port, "port") : [];
        map.Choice("status", true, ("Healthy", true), ("Unhealthy", false));
        map.End();
        if (!memberships.TryGetValue(workload, out var list))
        {
            memberships[workload] = list = [];
        }

        list.Add(new ServiceMembership(service, ports));
    }

    private static NetworkCidr Range(YamlNode node)
    {
        var map = new YamlMap(node, "cidrVips");
        var range = new NetworkCidr(map.Text("network", ""), LocalConfig.Range(map.Require("cidr"), "cidr"));
        map.End();
        return range;
    }

    private static WeightedWaypoint Weighted(YamlNode node)
    {
        var map = new YamlMap(node, "weightedWaypoints");
        var weighted = new WeightedWaypoint(LocalConfig.Gateway(map.Require("destination"), "destination"), map.Number("weight", 0));
        map.End();
        return weighted;
    }

    private static LoadBalancing Balancing(YamlNode node)
    {
        var map = new YamlMap(node, "loadBalancer");
        var balancing = new LoadBalancing(
            map.Choice("mode", LoadBalancingMode.Standard,
                ("Standard", LoadBalancingMode.Standard), ("Strict", LoadBalancingMode.Strict),
                ("Failover", LoadBalancingMode.Failover), ("Passthrough", LoadBalancingMode.Passthrough)),
            map.List("routingPreferences", scope => YamlMap.Choice(scope, "routingPreferences",
                ("Region", LoadBalancingScope.Region), ("Zone", LoadBalancingScope.Zone), ("Subzone", LoadBalancingScope.Subzone),
                ("Node", LoadBalancingScope.Node), ("Cluster", LoadBalancingScope.Cluster), ("Network", LoadBalancingScope.Network))),
            map.Choice("healthPolicy", false, ("OnlyHealthy", false), ("AllowAll", true)));
        map.End();
        return balancing;
    }
}
