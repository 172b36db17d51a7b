using System.Collections.Immutable;
using System.Net;
using Ambient.Mesh.Model;

namespace Ambient.Mesh.State;

/// <summary>Name, namespace and service account: how enrolment names a workload.</summary>
public readonly record struct WorkloadKey(string Name, string Namespace, string ServiceAccount)
{
    /// <inheritdoc />
    public override string ToString() => $"{Namespace}/{Name} (service account {ServiceAccount})";
}

/// <summary>
/// Everything known of the mesh at one moment. Immutable; a change makes a new snapshot that shares almost everything
/// with the last one, so readers need no lock and one pod's change does not copy a hundred thousand workloads.
/// </summary>
public sealed class MeshSnapshot
{
    internal MeshSnapshot()
    {
    }

    /// <summary>Nothing is known.</summary>
    public static MeshSnapshot Empty { get; } = new();

    /// <summary>Rises by one with every change.</summary>
    public long Version { get; internal init; }

    /// <summary>Workloads by uid.</summary>
    public SnapshotDictionary<string, Workload> Workloads { get; internal init; } = SnapshotDictionary<string, Workload>.Empty(StringComparer.Ordinal);

    /// <summary>Services by key, <c>namespace/hostname</c>.</summary>
    public ImmutableDictionary<string, Service> Services { get; internal init; } = New<Service>();

    /// <summary>Policies by key, <c>namespace/name</c>.</summary>
    public ImmutableDictionary<string, Policy> Policies { get; internal init; } = New<Policy>();

    /// <summary>Endpoints by service key; also of services that are not known (yet).</summary>
    public ImmutableDictionary<string, EndpointSet> Endpoints { get; internal init; } = New<EndpointSet>();

    /// <summary>Policies for all workloads.</summary>
    public ImmutableArray<Policy> GlobalPolicies { get; internal init; } = [];

    internal SnapshotDictionary<NetworkAddress, Workload> WorkloadsByAddress { get; init; } = SnapshotDictionary<NetworkAddress, Workload>.Empty();

    internal ImmutableDictionary<NamespacedHostname, ImmutableArray<Workload>> WorkloadsByHostname { get; init; } =
        ImmutableDictionary<NamespacedHostname, ImmutableArray<Workload>>.Empty;

    internal ImmutableDictionary<WorkloadKey, ImmutableArray<Workload>> LocalWorkloads { get; init; } =
        ImmutableDictionary<WorkloadKey, ImmutableArray<Workload>>.Empty;

    internal ImmutableDictionary<NetworkAddress, ImmutableArray<Service>> ServicesByVip { get; init; } =
        ImmutableDictionary<NetworkAddress, ImmutableArray<Service>>.Empty;

    internal CidrVipTable CidrVips { get; init; } = CidrVipTable.Empty;

    internal ImmutableDictionary<string, ImmutableArray<Service>> ServicesByHostname { get; init; } =
        New<ImmutableArray<Service>>();

    internal ImmutableDictionary<string, ImmutableArray<Policy>> PoliciesByNamespace { get; init; } =
        New<ImmutableArray<Policy>>();

    /// <summary>The workload at an address; where several claim it a pod is preferred, then one that speaks HBONE.</summary>
    public Workload? FindWorkload(string network, IPAddress address) =>
        WorkloadsByAddress.Find(new NetworkAddress(network, address));

    /// <summary>The first workload known by a host name.</summary>
    public Workload? FindWorkload(NamespacedHostname hostname) =>
        WorkloadsByHostname.TryGetValue(hostname, out var found) ? found[0] : null;

    /// <summary>The workload of this node that enrolment named.</summary>
    public Workload? FindLocalWorkload(WorkloadKey key) =>
        LocalWorkloads.TryGetValue(key, out var found) ? found[0] : null;

    /// <summary>
    /// The service behind a virtual address, as a client of a namespace sees it. Services of other namespaces that keep to
    /// themselves are left out; then the client's own namespace is preferred, then the canonical service, then the
    /// first. Single addresses come before ranges.
    /// </summary>
    public Service? FindServiceByVip(string network, IPAddress address, string clientNamespace)
    {
        if (ServicesByVip.TryGetValue(new NetworkAddress(network, address), out var exact)
            && BestVisible(exact, clientNamespace) is { } service)
        {
            return service;
        }

        return CidrVips.Find(network, address, clientNamespace);
    }

    /// <summary>The service of a host name, preferred as by address.</summary>
    public Service? FindServiceByHostname(string hostname, string clientNamespace) =>
        ServicesByHostname.TryGetValue(hostname, out var found) ? BestVisible(found, clientNamespace) : null;

    /// <summary>Services of a host name, in every namespace.</summary>
    public ImmutableArray<Service> ServicesOf(string hostname) =>
        ServicesByHostname.TryGetValue(hostname, out var found) ? found : [];

    /// <summary>The endpoints of a service.</summary>
    public EndpointSet EndpointsOf(string serviceKey) =>
        Endpoints.TryGetValue(serviceKey, out var found) ? found : EndpointSet.Empty;

    /// <summary>Policies for all workloads of a namespace.</summary>
    public ImmutableArray<Policy> PoliciesOf(string ns) =>
        PoliciesByNamespace.TryGetValue(ns, out var found) ? found : [];

    internal static Service? BestVisible(ImmutableArray<Service> services, string clientNamespace)
    {
        Service? best = null;
        foreach (var service in services)
        {
            if (service.Namespace == clientNamespace)
            {
                return service;
            }

            if (!service.NamespaceOnly && (best is null || (service.Canonical && !best.Canonical)))
            {
                best = service;
            }
        }

        return best;
    }

    private static ImmutableDictionary<string, T> New<T>() => ImmutableDictionary.Create<string, T>(StringComparer.Ordinal);
}
