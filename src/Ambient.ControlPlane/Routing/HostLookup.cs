using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;

namespace Ambient.ControlPlane.Routing;

/// <summary>
/// Finds the hosts that resources name. Resources that are for a host are filed under selectors: its key (<c>namespace/hostname</c>), or
/// its name in any namespace (<c>*/hostname</c>), of which a star may stand for the first labels (<c>*/*.example</c>).
/// </summary>
internal sealed class HostLookup(Collection<MeshHost> hosts, MeshSettings settings)
{
    private const string IstioGroup = "networking.istio.io";

    private readonly Index<MeshHost> _bySelector = hosts.IndexBy(Selectors);
    private readonly Index<MeshHost> _byEntry = hosts.IndexBy(host => host.Kind == HostKind.ServiceEntry ? [host.Resource] : []);

    /// <summary>The selectors that mean a host, the most specific first.</summary>
    public static IEnumerable<string> Selectors(MeshHost host)
    {
        yield return host.Key;
        yield return Selector(host.Hostname);
        for (var dot = host.Hostname.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = host.Hostname.IndexOf('.', dot + 1))
        {
            var pattern = "*" + host.Hostname[dot..];
            if (pattern != host.Hostname)
            {
                yield return Selector(pattern);
            }
        }

        yield return Selector("*");
    }

    /// <summary>The selector of a host's name in any namespace.</summary>
    public static string Selector(string hostname) => MeshHost.KeyOf("*", hostname);

    /// <summary>The hosts that a selector means.</summary>
    public IEnumerable<MeshHost> Matching(string selector, Reads reads) => reads.Find(_bySelector, selector).ToList();

    /// <summary>The key of a service's host.</summary>
    public string ServiceKey(string? ns, string name) => MeshHost.KeyOf(ns ?? "", $"{name}.{ns}.svc.{settings.DomainSuffix}");

    /// <summary>The host of that key; null where there is none.</summary>
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
        var all = Matching(Selector(hostname), reads).Where(host => host.Hostname == hostname).ToList();
        return all.FirstOrDefault(host => host.Namespace == ns) ?? all.FirstOrDefault(host => host.Kind == HostKind.Service) ?? all.FirstOrDefault();
    }

    /// <summary>The host that Istio's resources mean: a name without dots is a service of the resource's own namespace.</summary>
    public string FullName(string host, string ns) => host.Contains('.', StringComparison.Ordinal) || host.StartsWith('*')
        ? host
        : $"{host}.{ns}.svc.{settings.DomainSuffix}";

    /// <summary>The keys of the hosts that a parent of a route stands for, whether or not they are there.</summary>
    public IEnumerable<string> OfParent(ParentReference parent, IRoute route, Reads reads) => parent switch
    {
        { Group: "" or "core", Kind: "Service" } => [ServiceKey(parent.Namespace ?? route.Metadata.Namespace, parent.Name)],
        { Group: IstioGroup, Kind: "ServiceEntry" } => OfEntry(ResourceKey.Of(parent.Namespace ?? route.Metadata.Namespace, parent.Name), reads),
        _ => [],
    };

    /// <summary>The keys of a ServiceEntry's hosts.</summary>
    public IEnumerable<string> OfEntry(string entry, Reads reads) => reads.Find(_byEntry, entry).Select(host => host.Key).ToList();

    private static bool IsHostname(BackendReference backend) => backend is { Group: IstioGroup, Kind: "Hostname" };
}
