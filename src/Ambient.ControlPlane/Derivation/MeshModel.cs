using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Api.Security;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Entries;
using Ambient.ControlPlane.Gateways;
using Ambient.ControlPlane.Policies;
using Ambient.ControlPlane.Routing;
using Ambient.ControlPlane.Waypoints;
using Address = Ambient.Api.Workloads.Address;

namespace Ambient.ControlPlane.Derivation;

/// <summary>
/// Resources of the cluster in, resources of the mesh out. Each output is derived from one object and whatever else it looks
/// up; what it looked up is recorded, so that a change re-derives only the outputs that it can concern. Belongs to one
/// thread of control: set inputs, <see cref="Settle"/>, publish what it returns.
/// </summary>
internal sealed class MeshModel
{
    private readonly MeshSettings _settings;
    private readonly Graph _graph = new();
    private readonly Collection<Address> _services;
    private readonly EntryModel _entries;
    private readonly Index<Pod> _podsByNamespace;
    private readonly Index<EndpointSlice> _slicesByService;
    private readonly WaypointResolver _waypoints;
    private readonly Index<Service> _servicesByNamespace;
    private readonly Index<NamedPod> _namedPods;
    private readonly Index<ConvertedPolicy> _policiesByNamespace;
    private readonly Index<Accepted<PeerAuthentication>> _peerByNamespace;
    private readonly Index<Accepted<PeerAuthentication>> _peerAll;
    private MeshChanges _changes = new();

    public MeshModel(MeshSettings settings)
    {
        _settings = settings;
        _servicesByNamespace = Inputs.Services.IndexBy(service => service.Metadata.Namespace ?? "");
        _peerByNamespace = Inputs.PeerAuthentications.Accepted.IndexBy(policy => policy.Latest.Metadata.Namespace ?? "");
        _peerAll = Inputs.PeerAuthentications.Accepted.IndexBy(_ => "");

        _podsByNamespace = Inputs.Pods.IndexBy(pod => pod.Metadata.Namespace ?? "");

        _slicesByService = Inputs.EndpointSlices.IndexBy(slice => EndpointWorkloads.ServiceKey(slice) ?? "");
        _namedPods = new Derived<EndpointSlice, NamedPod>(_graph, Inputs.EndpointSlices, NamedPodsOf).IndexBy(pod => pod.PodKey);
        var waypoints = new Derived<Gateway, Waypoint>(_graph, Inputs.Gateways, WaypointOf);
        waypoints.Changed += change => _changes.Waypoints[change.Key] = change.New;
        _waypoints = new WaypointResolver(waypoints, settings);
        Policies = new Derived<Accepted<AuthorizationPolicy>, ConvertedPolicy>(_graph, Inputs.AuthorizationPolicies.Accepted, PolicyOf);
        _policiesByNamespace = Policies.IndexBy(policy => policy.Source.Metadata.Namespace ?? "");
        Policies.Changed += change =>
        {
            _changes.Policies[change.Key] = change.New;
            if (!Equals(change.Old?.Authorization, change.New?.Authorization))
            {
                _changes.Authorizations[change.Key] = change.New?.Authorization;
            }
        };
        Publish(new Derived<Accepted<PeerAuthentication>, Authorization>(_graph, Inputs.PeerAuthentications.Accepted, PortPolicyOf));
        Publish(new Derived<MeshSettings, Authorization>(_graph, new Source<MeshSettings>().With("", settings), StaticStrict));
        var bound = new Derived<Service, BoundService>(_graph, Inputs.Services, BindingOf);
        bound.Changed += change => _changes.Bindings[change.Key] = change.New;
        _entries = new EntryModel(_graph, Inputs, _waypoints, _podsByNamespace, _servicesByNamespace, settings);
        _entries.Bound.Changed += change => _changes.EntryBindings[change.Key] = change.New;
        _services = new Union<Address>(new Derived<BoundService, Address>(_graph, bound, AddressOf), _entries.Services(_graph, Network));
        Publish(_services);
        Publish(_entries.Endpoints(_graph, Network, PoliciesOf));
        Publish(_entries.Machines(_graph, Network, PoliciesOf));
        var hosts = new Union<MeshHost>(new Derived<Service, MeshHost>(_graph, Inputs.Services, HostOf), _entries.Hosts);
        var bindings = new Union<HostBinding>(new Derived<BoundService, HostBinding>(_graph, bound, BindingOf), _entries.Bindings);
        var endpoints = new HostEndpoints(Inputs, _entries, _podsByNamespace, _slicesByService, settings);
        var forWaypoints = new WaypointModel(_graph, Inputs, waypoints, hosts, bindings, endpoints, settings);
        Publish(forWaypoints);
        var networking = new NetworkingConditions(_graph, Inputs, bindings, forWaypoints.Routes, forWaypoints.Traffic, forWaypoints.Hosts);
        networking.VirtualServices.Changed += change => _changes.VirtualServices[change.Key] = change.New;
        networking.DestinationRules.Changed += change => _changes.DestinationRules[change.Key] = change.New;
        var attachments = new PolicyAttachments(bound, _entries.Bound, forWaypoints.Policies, Inputs.Gateways, Inputs.GatewayClasses, settings);
        new Derived<Accepted<AuthorizationPolicy>, PolicyAttachment>(
            _graph,
            Inputs.AuthorizationPolicies.Accepted,
            (policy, reads) => attachments.Of(policy, reads) is { } attachment ? [(ResourceKey.Of(policy.Latest), attachment)] : [])
            .Changed += change => _changes.Attachments[change.Key] = change.New;
        Publish(new Derived<Pod, Address>(_graph, Inputs.Pods, AddressOf));
        Publish(new Derived<EndpointSlice, Address>(_graph, Inputs.EndpointSlices, AddressesOf));
        Status = new GatewayModel(_graph, Inputs, _slicesByService, forWaypoints, settings);
        Status.Gateways.Changed += change => _changes.Gateways[change.Key] = change.New;
        Status.HttpRoutes.Changed += change => _changes.HttpRoutes[change.Key] = change.New;
        Status.GrpcRoutes.Changed += change => _changes.GrpcRoutes[change.Key] = change.New;
    }

    /// <summary>Raised with the key of an object that could not be derived; what was derived from it before stays in force.</summary>
    public event Action<string, Exception>? Failed
    {
        add => _graph.Failed += value;
        remove => _graph.Failed -= value;
    }

    /// <summary>What it derives from.</summary>
    public MeshInputs Inputs { get; } = new();

    /// <summary>The status of gateways and routes.</summary>
    public GatewayModel Status { get; }

    /// <summary>Policies and what is to be said about each.</summary>
    public Collection<ConvertedPolicy> Policies { get; }

    /// <summary>How many services proxies know.</summary>
    public int PublishedServices => _services.Count;

    /// <summary>Derives what the changed inputs concern, and hands over what came out different since the last time.</summary>
    public MeshChanges Settle()
    {
        _changes.Derivations = _graph.Settle();
        var changes = _changes;
        _changes = new MeshChanges();
        return changes;
    }

    private void Publish(Collection<Authorization> collection) =>
        collection.Changed += change => _changes.Authorizations[change.Key] = change.New;

    private void Publish(Collection<Address> collection) =>
        collection.Changed += change => _changes.Addresses[change.Key] = change.New;

    private void Publish(WaypointModel model)
    {
        model.Waypoints.Changed += change => _changes.WaypointResources[change.Key] = change.New;
        model.Services.Changed += change => _changes.WaypointServices[change.Key] = change.New;
        model.Authorizations.Changed += change => _changes.WaypointAuthorizations[change.Key] = change.New;
    }

    private IEnumerable<(string, MeshHost)> HostOf(Service service, Reads reads)
    {
        if (ServiceAddresses.IsPublished(service))
        {
            var host = new MeshHost(
                service.Metadata.Namespace ?? "",
                ServiceAddresses.Hostname(service, _settings),
                HostKind.Service,
                ResourceKey.Of(service),
                new((service.Spec!.Ports ?? []).Select(port => (uint)port.Port)));
            yield return (host.Key, host);
        }
    }

    private IEnumerable<(string, HostBinding)> BindingOf(BoundService bound, Reads reads)
    {
        var key = ServiceAddresses.Name(bound.Source, _settings);
        yield return (key, new HostBinding(key, bound.Binding.Waypoint));
    }

    private IEnumerable<(string, NamedPod)> NamedPodsOf(EndpointSlice slice, Reads reads)
    {
        // A service with a selector finds its pods by their labels; only one without follows its slices.
        if (EndpointWorkloads.ServiceKey(slice) is { } key
            && reads.Get(Inputs.Services, key) is { Spec.Selector: null or { Count: 0 } })
        {
            var index = 0;
            foreach (var pod in EndpointWorkloads.Pods(slice, key))
            {
                yield return ($"{ResourceKey.Of(slice)}#{index++}", pod);
            }
        }
    }

    private IEnumerable<(string, ConvertedPolicy)> PolicyOf(Accepted<AuthorizationPolicy> policy, Reads reads)
    {
        yield return (ResourceKey.Of(policy.Latest), AuthorizationConversion.Convert(policy, _settings.RootNamespace, _settings.DryRunPolicies));
    }

    private IEnumerable<(string, Authorization)> PortPolicyOf(Accepted<PeerAuthentication> policy, Reads reads)
    {
        var inherited = Inherited(policy.Latest.Metadata.Namespace ?? "", reads);
        if (PeerAuthenticationConversion.Convert(policy.InForce, inherited, _settings.RootNamespace) is { } converted)
        {
            yield return (PeerAuthenticationConversion.ConvertedKey(policy.InForce), converted);
        }
    }

    private IEnumerable<(string, Authorization)> StaticStrict(MeshSettings settings, Reads reads)
    {
        if (reads.Find(_peerAll, "").Any())
        {
            yield return (PeerAuthenticationConversion.StrictKey(settings.RootNamespace), PeerAuthenticationConversion.Strict(settings.RootNamespace));
        }
    }

    private IEnumerable<(string, Waypoint)> WaypointOf(Gateway gateway, Reads reads)
    {
        var gatewayClass = reads.Get(Inputs.GatewayClasses, gateway.Spec?.GatewayClassName ?? "");
        yield return (ResourceKey.Of(gateway), Waypoint.Of(gateway, gatewayClass, Network(reads), _settings));
    }

    private IEnumerable<(string, BoundService)> BindingOf(Service service, Reads reads)
    {
        if (ServiceAddresses.IsPublished(service))
        {
            var ns = reads.Get(Inputs.Namespaces, service.Metadata.Namespace ?? "");
            var binding = _waypoints.OfService(service.Metadata, ns, () => AccountsOf(service, reads), reads);
            yield return (ResourceKey.Of(service), new BoundService(service, binding, WaypointResolver.IngressToo(service.Metadata, ns)));
        }
    }

    /// <summary>The service accounts behind a service; null stands for endpoints that are no pods.</summary>
    private IEnumerable<string?> AccountsOf(Service service, Reads reads)
    {
        var key = ResourceKey.Of(service);
        if (service.Spec?.Selector is { Count: > 0 })
        {
            return reads
                .Find(_podsByNamespace, service.Metadata.Namespace ?? "", pod => PodWorkloads.IsPublished(pod) && Selects(service, pod))
                .Select(AccountOf);
        }

        return reads.Find(_slicesByService, key).ToArray().SelectMany(slice => EndpointWorkloads.Pods(slice, key)
            .Select(named => reads.Get(Inputs.Pods, named.PodKey) is { } pod ? AccountOf(pod) : null)
            .Concat(EndpointWorkloads.HasOthers(slice) ? [null] : []));
    }

    private static string AccountOf(Pod pod) => pod.Spec?.ServiceAccountName ?? "";

    private IEnumerable<(string, Address)> AddressOf(BoundService bound, Reads reads)
    {
        var ns = reads.Get(Inputs.Namespaces, bound.Source.Metadata.Namespace ?? "");
        yield return (ServiceAddresses.Name(bound.Source, _settings), ServiceAddresses.Derive(bound, ns, Network(reads), _settings));
    }

    private IEnumerable<(string, Address)> AddressOf(Pod pod, Reads reads)
    {
        if (PodWorkloads.IsPublished(pod))
        {
            var node = reads.Get(Inputs.Nodes, pod.Spec?.NodeName ?? "");
            var services = ServicesOf(pod, reads).Select(service => (ServiceAddresses.Name(service, _settings), PodWorkloads.PortsOf(pod, service)))
                .Concat(EntriesOf(pod, reads))
                .DistinctBy(service => service.Item1);
            var policies = PoliciesOf(pod.Metadata.Namespace ?? "", pod.Metadata.Labels, reads);
            var waypoint = _waypoints.Of(pod, reads.Get(Inputs.Namespaces, pod.Metadata.Namespace ?? ""), reads).Address;
            yield return (PodWorkloads.Uid(pod, _settings), PodWorkloads.Derive(pod, node, Network(reads), services, policies, waypoint, _settings));
        }
    }

    private IEnumerable<(string, Address)> AddressesOf(EndpointSlice slice, Reads reads)
    {
        if (EndpointWorkloads.ServiceKey(slice) is { } key && reads.Get(Inputs.Services, key) is { } service && ServiceAddresses.IsPublished(service))
        {
            foreach (var address in EndpointWorkloads.Derive(slice, service, Network(reads), _settings))
            {
                yield return (address.Workload.Uid, address);
            }
        }
    }

    /// <summary>The hosts of ServiceEntries that select the pod.</summary>
    private IEnumerable<(string Name, Api.Workloads.PortList Ports)> EntriesOf(Pod pod, Reads reads) => _entries
        .Selecting(pod.Metadata.Namespace ?? "", pod.Metadata.Labels, reads)
        .SelectMany(entry => entry.Hosts.Select(host => (MeshHost.KeyOf(entry.Namespace, host), EntryWorkloads.Ports(entry, pod))));

    /// <summary>Services that select the pod, and those without selector whose slices name it.</summary>
    private IEnumerable<Service> ServicesOf(Pod pod, Reads reads)
    {
        var selecting = reads.Find(
            _servicesByNamespace,
            pod.Metadata.Namespace ?? "",
            service => ServiceAddresses.IsPublished(service) && Selects(service, pod));
        var naming = reads
            .Find(_namedPods, ResourceKey.Of(pod), named => named.PodUid is null || named.PodUid == pod.Metadata.Uid)
            .Select(named => reads.Get(Inputs.Services, named.ServiceKey))
            .OfType<Service>()
            .Where(ServiceAddresses.IsPublished);
        return selecting.Concat(naming);
    }

    private static bool Selects(Service service, Pod pod) =>
        service.Spec?.Selector is { Count: > 0 } selector
        && selector.All(wanted => pod.Metadata.Label(wanted.Key) == wanted.Value);

    /// <summary>Policies that select a workload, then the one that PeerAuthentications make for it.</summary>
    private IEnumerable<string> PoliciesOf(string ns, IReadOnlyDictionary<string, string>? labels, Reads reads)
    {
        Func<ConvertedPolicy, bool> selects = policy => policy.Selector?.Matches(labels) == true;
        var selecting = reads.Find(_policiesByNamespace, ns, selects);
        if (ns != _settings.RootNamespace)
        {
            selecting = selecting.Concat(reads.Find(_policiesByNamespace, _settings.RootNamespace, selects));
        }

        foreach (var key in selecting.Select(policy => ResourceKey.Of(policy.Source)).Order(StringComparer.Ordinal))
        {
            yield return key;
        }

        var peer = ns == _settings.RootNamespace
            ? null
            : PeerModes.Oldest(Peer(ns, reads, policy => PeerModes.HasSelector(policy) && policy.Spec!.Selector!.Matches(labels)));
        if (PeerAuthenticationConversion.KeyFor(peer, Inherited(ns, reads), _settings.RootNamespace) is { } strict)
        {
            yield return strict;
        }
    }

    private PeerMode Inherited(string ns, Reads reads) => PeerModes.Inherited(
        Peer(ns, reads, policy => !PeerModes.HasSelector(policy)),
        Peer(_settings.RootNamespace, reads, policy => !PeerModes.HasSelector(policy)));

    private IEnumerable<PeerAuthentication> Peer(string ns, Reads reads, Func<PeerAuthentication, bool> where) =>
        reads.Find(_peerByNamespace, ns, policy => where(policy.InForce)).Select(policy => policy.InForce);

    /// <summary>The cluster's network, which its system namespace names.</summary>
    private string Network(Reads reads) => reads.Get(Inputs.Namespaces, _settings.RootNamespace)?.Metadata.Label(Labels.Network) ?? "";
}
