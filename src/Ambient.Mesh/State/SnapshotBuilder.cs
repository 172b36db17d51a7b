using System.Collections.Immutable;
using Ambient.Mesh.Model;

namespace Ambient.Mesh.State;

/// <summary>
/// Turns one snapshot and an update into the next. Every index shares what does not change with the one before it. Removals come before additions, so that an address or an endpoint that moves between workloads survives.
/// </summary>
internal sealed class SnapshotBuilder(MeshSnapshot before, string? localNode)
{
    private readonly SnapshotDictionary<string, Workload>.Builder _workloads = before.Workloads.ToBuilder();
    private readonly SnapshotDictionary<NetworkAddress, Workload>.Builder _byAddress = before.WorkloadsByAddress.ToBuilder();
    private readonly ImmutableDictionary<NamespacedHostname, ImmutableArray<Workload>>.Builder _byHostname = before.WorkloadsByHostname.ToBuilder();
    private readonly ImmutableDictionary<WorkloadKey, ImmutableArray<Workload>>.Builder _local = before.LocalWorkloads.ToBuilder();
    private readonly ImmutableDictionary<string, Service>.Builder _services = before.Services.ToBuilder();
    private readonly ImmutableDictionary<NetworkAddress, ImmutableArray<Service>>.Builder _byVip = before.ServicesByVip.ToBuilder();
    private readonly ImmutableDictionary<string, ImmutableArray<Service>>.Builder _servicesByHostname = before.ServicesByHostname.ToBuilder();
    private readonly ImmutableDictionary<string, Policy>.Builder _policies = before.Policies.ToBuilder();
    private readonly ImmutableDictionary<string, ImmutableArray<Policy>>.Builder _policiesByNamespace = before.PoliciesByNamespace.ToBuilder();

    /// <summary>Endpoint sets that change, so that an update with a thousand pods of one service rebuilds its set once.</summary>
    private readonly Dictionary<string, SnapshotDictionary<string, Workload>.Builder> _endpoints = new(StringComparer.Ordinal);
    private readonly HashSet<string> _policed = new(StringComparer.Ordinal);
    private readonly List<Workload> _removed = [];
    private IReadOnlyList<Workload> _added = [];
    private CidrVipTable _cidrVips = before.CidrVips;
    private ImmutableArray<Policy> _globalPolicies = before.GlobalPolicies;
    private bool _policiesChanged;

    public void Apply(MeshUpdate update)
    {
        foreach (var name in update.RemovedAddresses)
        {
            if (_workloads.Find(name) is { } workload)
            {
                Remove(workload);
                _removed.Add(workload);
            }
            else if (_services.TryGetValue(name, out var service))
            {
                Remove(service);
            }
        }

        foreach (var workload in update.Workloads)
        {
            if (_workloads.Find(workload.Uid) is { } previous)
            {
                Remove(previous);
                NotePolicies(previous, workload);
            }
        }

        foreach (var workload in update.Workloads)
        {
            Add(workload);
        }

        foreach (var service in update.Services)
        {
            if (_services.TryGetValue(service.Key, out var previous))
            {
                Remove(previous);
            }

            Add(service);
        }

        foreach (var key in update.RemovedPolicies)
        {
            Remove(key);
        }

        foreach (var policy in update.Policies)
        {
            Remove(policy.Key);
            Add(policy);
        }

        _added = update.Workloads;
    }

    public MeshChange Finish()
    {
        var endpoints = before.Endpoints;
        if (_endpoints.Count > 0)
        {
            var changed = endpoints.ToBuilder();
            foreach (var (service, builder) in _endpoints)
            {
                var set = new EndpointSet(service, builder.ToImmutable());
                if (set.Count == 0)
                {
                    changed.Remove(service);
                }
                else
                {
                    changed[service] = set;
                }
            }

            endpoints = changed.ToImmutable();
        }

        var after = new MeshSnapshot
        {
            Version = before.Version + 1,
            Workloads = _workloads.ToImmutable(),
            WorkloadsByAddress = _byAddress.ToImmutable(),
            WorkloadsByHostname = _byHostname.ToImmutable(),
            LocalWorkloads = _local.ToImmutable(),
            Services = _services.ToImmutable(),
            ServicesByVip = _byVip.ToImmutable(),
            ServicesByHostname = _servicesByHostname.ToImmutable(),
            CidrVips = _cidrVips,
            Endpoints = endpoints,
            Policies = _policies.ToImmutable(),
            PoliciesByNamespace = _policiesByNamespace.ToImmutable(),
            GlobalPolicies = _globalPolicies,
        };
        return new MeshChange(before, after, _policiesChanged, _policed, _added, _removed);
    }

    private static int Preference(Workload workload) =>
        (workload.Uid.Contains("//Pod/", StringComparison.Ordinal) ? 2 : 0) + (workload.Protocol == TunnelProtocol.Hbone ? 1 : 0);

    private void NotePolicies(Workload previous, Workload workload)
    {
        if (previous.Namespace != workload.Namespace
            || !previous.AuthorizationPolicies.SequenceEqual(workload.AuthorizationPolicies))
        {
            _policed.Add(workload.Uid);
        }
    }

    private void Add(Workload workload)
    {
        if (_workloads.Find(workload.Uid) is { } twice)
        {
            Remove(twice);
        }

        _workloads.Add(workload.Uid, workload);
        if (!workload.HostNetwork)
        {
            foreach (var address in workload.Addresses)
            {
                _byAddress.Add(new NetworkAddress(workload.Network, address), workload, Preference);
            }
        }

        if (workload.Hostname.Length > 0)
        {
            _byHostname.AddTo(new NamespacedHostname(workload.Namespace, workload.Hostname), workload);
        }

        if (localNode is null || workload.Node == localNode)
        {
            _local.AddTo(new WorkloadKey(workload.Name, workload.Namespace, workload.ServiceAccount), workload);
        }

        foreach (var membership in workload.Memberships)
        {
            EndpointsOf(membership.Service).Add(workload.Uid, workload);
        }
    }

    private void Remove(Workload workload)
    {
        _workloads.Remove(workload.Uid, workload);
        foreach (var address in workload.Addresses)
        {
            _byAddress.Remove(new NetworkAddress(workload.Network, address), workload);
        }

        _byHostname.RemoveFrom(new NamespacedHostname(workload.Namespace, workload.Hostname), workload);
        _local.RemoveFrom(new WorkloadKey(workload.Name, workload.Namespace, workload.ServiceAccount), workload);
        foreach (var membership in workload.Memberships)
        {
            EndpointsOf(membership.Service).Remove(workload.Uid, workload);
        }
    }

    private SnapshotDictionary<string, Workload>.Builder EndpointsOf(string service)
    {
        if (!_endpoints.TryGetValue(service, out var set))
        {
            set = before.EndpointsOf(service).ByUid.ToBuilder();
            _endpoints.Add(service, set);
        }

        return set;
    }

    private void Add(Service service)
    {
        _services[service.Key] = service;
        foreach (var vip in service.Vips)
        {
            _byVip.AddTo(vip, service);
        }

        _cidrVips = _cidrVips.With(service);
        _servicesByHostname.AddTo(service.Hostname, service);
    }

    private void Remove(Service service)
    {
        _services.Remove(service.Key);
        foreach (var vip in service.Vips)
        {
            _byVip.RemoveFrom(vip, service);
        }

        _cidrVips = _cidrVips.Without(service);
        _servicesByHostname.RemoveFrom(service.Hostname, service);
    }

    private void Add(Policy policy)
    {
        _policiesChanged = true;
        _policies[policy.Key] = policy;
        switch (policy.Scope)
        {
            case PolicyScope.Global:
                _globalPolicies = _globalPolicies.Add(policy);
                break;
            case PolicyScope.Namespace:
                _policiesByNamespace.AddTo(policy.Namespace, policy);
                break;
        }
    }

    private void Remove(string key)
    {
        if (!_policies.TryGetValue(key, out var policy))
        {
            return;
        }

        _policiesChanged = true;
        _policies.Remove(key);
        switch (policy.Scope)
        {
            case PolicyScope.Global:
                _globalPolicies = _globalPolicies.Remove(policy, ReferenceEqualityComparer.Instance);
                break;
            case PolicyScope.Namespace:
                _policiesByNamespace.RemoveFrom(policy.Namespace, policy);
                break;
        }
    }
}
