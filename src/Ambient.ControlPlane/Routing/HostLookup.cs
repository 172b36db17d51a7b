using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;

namespace Ambient.ControlPlane.Routing;

/// <summary>Finds the hosts that resources name.</summary>
internal sealed class HostLookup(Collection<MeshHost> hosts, MeshSettings settings)
{
    private const string IstioGroup = "networking.istio.io";

    private readonly Index<MeshHost> _byName = hosts.IndexBy(host => host.Hostname);

    /// <summary>The key of a service's host.</summary>
    public string ServiceKey(string? ns, string name) => MeshHost.KeyOf(ns ?? "", $"{name}.{ns}.svc.{settings.DomainSuffix}");

    public MeshHost? Get(string key, Reads reads) => reads.Get(hosts, key);

    /// <summary>The host that a backend of a route in a namespace means; null where there is none.</summary>
    public MeshHost? Find(BackendReference backend, string ns, Reads reads) => IsHostname(backend)
        ? Named(backend.Name, ns, reads)
        : Get(ServiceKey(backend.Namespace ?? ns, backend.Name), reads);

    /// <summary>Whether a route may send to such a thing.</summary>
    public static bool IsKnown(BackendReference backend) => backend is { Group: null or "", Kind: null or "Service" } || IsHostname(backend);

    /// <summary>The host of that name as a namespace sees it: its own, else that of a service, else the first by namespace.</summary>
    public MeshHost? Named(string hostname, string ns, Reads reads)
    {
        var all = reads.Find(_byName, hostname).ToList();
        return all.FirstOrDefault(host => host.Namespace == ns)
            ?? all.FirstOrDefault(host => ServiceKey(host.Namespace, hostname.Split('.')[0]) == host.Key)
            ?? all.FirstOrDefault();
    }

    /// <summary>The host that Istio's resources mean: a name without dots is a service of the resource's own namespace.</summary>
    public string FullName(string host, string ns) => host.Contains('.', StringComparison.Ordinal) || host.StartsWith('*')
        ? host
        : $"{host}.{ns}.svc.{settings.DomainSuffix}";

    private static bool IsHostname(BackendReference backend) => backend is { Group: IstioGroup, Kind: "Hostname" };
}
