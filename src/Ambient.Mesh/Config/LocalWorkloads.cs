using Ambient.Api;
using Ambient.Mesh.Model;
using YamlDotNet.RepresentationModel;

namespace Ambient.Mesh.Config;

/// <summary>The workloads of a local configuration.</summary>
internal static class LocalWorkloads
{
    public static Workload Read(YamlNode node, Dictionary<string, List<ServiceMembership>> membershipsOfServices)
    {
        var map = new YamlMap(node, "a workload");
        var uid = map.RequiredText("uid");
        var workload = new Workload
        {
            Uid = uid,
            Name = map.RequiredText("name"),
            Namespace = map.RequiredText("namespace"),
            ServiceAccount = map.Text("serviceAccount", "default"),
            TrustDomain = map.Text("trustDomain", SpiffeId.DefaultTrustDomain),
            Addresses = map.List("workloadIps", address => LocalConfig.Address(address, "workloadIps")),
            Network = map.Text("network", ""),
            Protocol = map.Choice("protocol", TunnelProtocol.Tcp, ("TCP", TunnelProtocol.Tcp), ("HBONE", TunnelProtocol.Hbone)),
            HostNetwork = map.Choice("networkMode", false, ("Standard", false), ("HostNetwork", true)),
            Node = map.Text("node", ""),
            ClusterId = map.Text("clusterId", "Kubernetes"),
            Hostname = map.Text("hostname", ""),
            WorkloadName = map.Text("workloadName", ""),
            Type = map.Choice("workloadType", WorkloadType.Pod,
                ("deployment", WorkloadType.Deployment), ("cronjob", WorkloadType.Cronjob), ("pod", WorkloadType.Pod), ("job", WorkloadType.Job)),
            CanonicalName = map.Text("canonicalName", ""),
            CanonicalRevision = map.Text("canonicalRevision", ""),
            NativeTunnel = map.Flag("nativeTunnel", false),
            Waypoint = LocalConfig.Gateway(map, "waypoint"),
            NetworkGateway = LocalConfig.Gateway(map, "networkGateway"),
            ApplicationTunnel = map.Find("applicationTunnel") is { } tunnel ? Tunnel(tunnel) : null,
            AuthorizationPolicies = map.List("authorizationPolicies", key => YamlMap.Text(key, "authorizationPolicies")),
            Healthy = map.Choice("status", true, ("Healthy", true), ("Unhealthy", false)),
            Locality = map.Find("locality") is { } locality ? Locality(locality) : Model.Locality.Unknown,
            Capacity = map.Number("capacity", 1),
            DeclaresServices = false,
        };

        List<ServiceMembership> memberships = map.Find("services") is { } services
            ? [.. new YamlMap(services, "services").Entries.Select(entry => new ServiceMembership(
                entry.Key.Contains('/', StringComparison.Ordinal)
                    ? entry.Key
                    : throw YamlMap.Error(services, $"services holds the key '{entry.Key}'; namespace/hostname is expected"),
                LocalConfig.Ports(entry.Value, "services")))]
            : [];
        map.End();
        foreach (var listed in membershipsOfServices.GetValueOrDefault(uid) ?? [])
        {
            if (!memberships.Exists(known => known.Service == listed.Service))
            {
                memberships.Add(listed);
            }
        }

        return workload with { Memberships = [.. memberships] };
    }

    private static ApplicationTunnel Tunnel(YamlNode node)
    {
        var map = new YamlMap(node, "applicationTunnel");
        var proxy = map.Choice("protocol", false, ("NONE", false), ("PROXY", true));
        var port = map.Port("port", 0);
        map.End();
        return new ApplicationTunnel(proxy, port == 0 ? null : port);
    }

    private static Locality Locality(YamlNode node)
    {
        var map = new YamlMap(node, "locality");
        var locality = new Locality(map.Text("region", ""), map.Text("zone", ""), map.Text("subzone", ""));
        map.End();
        return locality;
    }
}
