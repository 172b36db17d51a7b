using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Policies;
using Ambient.ControlPlane.Routing;
using Ambient.ControlPlane.Waypoints;
using Address = Ambient.Api.Workloads.Address;

namespace Ambient.ControlPlane.Entries;

/// <summary>ServiceEntries and WorkloadEntries in; hosts, services and workloads out.</summary>
internal sealed class EntryModel
{
    private readonly MeshInputs _inputs;
    private readonly MeshSettings _settings;
    private readonly WaypointResolver _waypoints;
    private readonly Index<Accepted<ServiceEntry>> _byHost;
    private readonly Index<BoundEntry> _byNamespace;
    private readonly Index<Accepted<WorkloadEntry>> _workloadsByNamespace;
    private readonly Index<Pod> _podsByNamespace;
    private readonly Index<Service> _servicesByNamespace;

    public EntryModel(Graph graph, MeshInputs inputs, WaypointResolver waypoints, Index<Pod> podsByNamespace, Index<Service> servicesByNamespace, MeshSettings settings)
    {
        _inputs = inputs;
        _settings = settings;
        _waypoints = waypoints;
        _podsByNamespace = podsByNamespace;
        _servicesByNamespace = servicesByNamespace;
        _byHost = inputs.ServiceEntries.Accepted.IndexBy(entry => entry.Good?.Spec?.Hosts?.Distinct() ?? []);
        _workloadsByNamespace = inputs.WorkloadEntries.Accepted.IndexBy(entry => entry.Latest.Metadata.Namespace ?? "");
        Bound = new Derived<Accepted<ServiceEntry>, BoundEntry>(graph, inputs.ServiceEntries.Accepted, BoundOf);
        _byNamespace = Bound.IndexBy(entry => entry.Namespace);
        Hosts = new Derived<BoundEntry, MeshHost>(graph, Bound, (entry, _) => entry.Hosts.Select(name =>
        {
            var host = new MeshHost(
                entry.Namespace, name, HostKind.ServiceEntry, ResourceKey.Of(entry.Source), new((entry.Spec.Ports ?? []).Select(port => (uint)port.Number)));
            return (host.Key, host);
        }));
        Bindings = new Derived<BoundEntry, HostBinding>(graph, Bound, (entry, _) => entry.Hosts.Select(name =>
        {
            var key = MeshHost.KeyOf(entry.Namespace, name);
            return (key, new HostBinding(key, entry.Binding.Waypoint));
        }));
    }

    /// <summary>Entries with the hosts that are theirs.</summary>
    public Collection<BoundEntry> Bound { get; }

    public Collection<MeshHost> Hosts { get; }

    public Collection<HostBinding> Bindings { get; }

    /// <summary>The entries that a workload's labels make it an endpoint of.</summary>
    public IEnumerable<BoundEntry> Selecting(string ns, IReadOnlyDictionary<string, string>? labels, Reads reads) =>
        reads.Find(_byNamespace, ns, entry => entry.Selects(labels)).ToList();

    /// <summary>The WorkloadEntries that labels select.</summary>
    public IEnumerable<WorkloadEntry> Workloads(string ns, Func<IReadOnlyDictionary<string, string>, bool> where, Reads reads) =>
        reads.Find(_workloadsByNamespace, ns, entry => entry.Good is { } good && where(EntryWorkloads.LabelsOf(good))).Select(entry => entry.Good!).ToList();

    /// <summary>The services that proxies are to know.</summary>
    public Collection<Address> Services(Graph graph, Func<Reads, string> network) => new Derived<BoundEntry, Address>(graph, Bound, (entry, reads) =>
    {
        var ns = reads.Get(_inputs.Namespaces, entry.Namespace);
        return entry.Hosts.Select(host => (MeshHost.KeyOf(entry.Namespace, host), EntryServices.Derive(entry, host, ns, network(reads))));
    });

    /// <summary>The workloads of listed endpoints.</summary>
    public Collection<Address> Endpoints(Graph graph, Func<Reads, string> network, Func<string, IReadOnlyDictionary<string, string>?, Reads, IEnumerable<string>> policies) =>
        new Derived<BoundEntry, Address>(graph, Bound, (entry, reads) =>
        {
            var ns = reads.Get(_inputs.Namespaces, entry.Namespace);
            return EntryWorkloads.Endpoints(entry).Select(endpoint =>
            {
                // As Istio: the waypoint goes by the endpoint's labels, all else by the entry's.
                var labelled = new ObjectMeta { Namespace = entry.Namespace, Labels = endpoint.Endpoint.Labels };
                var around = new EntryWorkloads.Surroundings(
                    network(reads),
                    policies(entry.Namespace, entry.Source.Metadata.Labels, reads),
                    _waypoints.OfWorkload(labelled, endpoint.Endpoint.ServiceAccount ?? "", ns, reads).Address);
                var derived = EntryWorkloads.Derive(entry, endpoint.Endpoint, endpoint.Address, endpoint.Hosts, around, _settings);
                return (derived.Workload.Uid, derived);
            });
        });

    /// <summary>The workloads of WorkloadEntries.</summary>
    public Collection<Address> Machines(Graph graph, Func<Reads, string> network, Func<string, IReadOnlyDictionary<string, string>?, Reads, IEnumerable<string>> policies) =>
        new Derived<Accepted<WorkloadEntry>, Address>(graph, _inputs.WorkloadEntries.Accepted, (accepted, reads) =>
        {
            if (accepted.Good is not { } entry)
            {
                return [];
            }

            var home = entry.Metadata.Namespace ?? "";
            var labels = EntryWorkloads.LabelsOf(entry);
            var spec = entry.Spec ?? new WorkloadEntrySpec();
            var services = reads.Find(_servicesByNamespace, home, service => ServiceAddresses.IsPublished(service) && Selects(service, labels))
                .Select(service => (ServiceAddresses.Name(service, _settings), EntryWorkloads.Ports(service, spec)))
                .Concat(Selecting(home, labels, reads).SelectMany(bound => bound.Hosts.Select(host => (MeshHost.KeyOf(home, host), EntryWorkloads.Ports(bound, spec)))))
                .ToList();
            var around = new EntryWorkloads.Surroundings(
                network(reads),
                policies(home, labels, reads),
                _waypoints.OfWorkload(entry.Metadata with { Labels = labels }, spec.ServiceAccount ?? "", reads.Get(_inputs.Namespaces, home), reads).Address);
            var derived = EntryWorkloads.Derive(entry, services, around, _settings);
            return [(derived.Workload.Uid, derived)];
        });

    private static bool Selects(Service service, IReadOnlyDictionary<string, string> labels) =>
        service.Spec?.Selector is { Count: > 0 } selector && new LabelSelector { MatchLabels = selector }.Matches(labels);

    private IEnumerable<(string, BoundEntry)> BoundOf(Accepted<ServiceEntry> accepted, Reads reads)
    {
        if (accepted.Good is not { } entry)
        {
            yield break;
        }

        var home = entry.Metadata.Namespace ?? "";
        var hosts = (entry.Spec?.Hosts ?? []).Distinct().Where(host => IsOwner(entry, home, host, reads)).ToList();
        var ns = reads.Get(_inputs.Namespaces, home);
        yield return (ResourceKey.Of(entry), new BoundEntry(
            entry,
            accepted.Latest,
            new(hosts),
            new(hosts.Where(host => IsCanonical(entry, host, reads))),
            _waypoints.OfService(entry.Metadata, ns, () => AccountsOf(entry, home, reads), reads),
            WaypointResolver.IngressToo(entry.Metadata, ns)));
    }

    /// <summary>Of those that claim a host in a namespace, a service has it, or else the oldest entry.</summary>
    private bool IsOwner(ServiceEntry entry, string home, string host, Reads reads) =>
        ServiceOf(host, reads) is not { } service || service.Metadata.Namespace != home
            ? First(reads.Find(_byHost, host).Where(other => other.Latest.Metadata.Namespace == home)) == ResourceKey.Of(entry)
            : false;

    /// <summary>For other namespaces a host means the service, or else the oldest entry of all.</summary>
    private bool IsCanonical(ServiceEntry entry, string host, Reads reads) =>
        ServiceOf(host, reads) is null && First(reads.Find(_byHost, host)) == ResourceKey.Of(entry);

    private static string? First(IEnumerable<Accepted<ServiceEntry>> claims) => claims
        .Select(claim => claim.Latest)
        .OrderBy(claim => claim.Metadata.CreationTimestamp ?? DateTimeOffset.MaxValue)
        .ThenBy(ResourceKey.Of, StringComparer.Ordinal)
        .Select(ResourceKey.Of)
        .FirstOrDefault();

    /// <summary>The service whose own name a host is.</summary>
    private Service? ServiceOf(string host, Reads reads)
    {
        var suffix = $".svc.{_settings.DomainSuffix}";
        return host.EndsWith(suffix, StringComparison.Ordinal) && host[..^suffix.Length].Split('.') is [var name, var ns]
            && reads.Get(_inputs.Services, ResourceKey.Of(ns, name)) is { } service && ServiceAddresses.IsPublished(service)
                ? service
                : null;
    }

    /// <summary>The service accounts behind an entry; null for an endpoint that says none.</summary>
    private IEnumerable<string?> AccountsOf(ServiceEntry entry, string home, Reads reads)
    {
        if (entry.Spec?.WorkloadSelector?.Labels is not { Count: > 0 } wanted)
        {
            return entry.Spec?.Endpoints is { Count: > 0 } endpoints ? endpoints.Select(endpoint => endpoint.ServiceAccount) : [null];
        }

        var selector = new LabelSelector { MatchLabels = wanted };
        return reads.Find(_podsByNamespace, home, pod => PodWorkloads.IsPublished(pod) && selector.Matches(pod.Metadata.Labels)).Select(pod => (string?)(pod.Spec?.ServiceAccountName ?? ""))
            .Concat(Workloads(home, selector.Matches, reads).Select(workload => workload.Spec?.ServiceAccount))
            .ToList();
    }
}
