using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Policies;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>The endpoints of a rule's subsets at one host: apart from all else, so that pods that come and go touch nothing but this.</summary>
internal sealed record SubsetMembers(Values<Values<string>> Uids);

/// <summary>DestinationRules in, how a waypoint uses a host's endpoints out.</summary>
internal sealed class TrafficModel
{
    private readonly MeshSettings _settings;
    private readonly Index<TrafficRule> _bySelector;
    private readonly Collection<SubsetMembers> _members;

    public TrafficModel(Graph graph, MeshInputs inputs, HostLookup hosts, HostEndpoints endpoints, MeshSettings settings)
    {
        _settings = settings;
        Rules = new Derived<Accepted<DestinationRule>, TrafficRule>(graph, inputs.DestinationRules.Accepted, (rule, _) => rule.Good is { } good
            ? [(ResourceKey.Of(good), TrafficRules.Convert(good, hosts.FullName(good.Spec?.Host ?? "", good.Metadata.Namespace ?? "")))]
            : []);
        _bySelector = Rules.IndexBy(rule => HostLookup.Selector(rule.Host));
        _members = new Derived<TrafficRule, SubsetMembers>(graph, Rules, (rule, reads) => MembersOf(rule, hosts, endpoints, reads));
    }

    /// <summary>DestinationRules, converted.</summary>
    public Collection<TrafficRule> Rules { get; }

    /// <summary>
    /// What holds for a host at a waypoint: of the namespaces of the waypoint, of the host and of the mesh the first that says something, there what
    /// names the host most closely, and of several the oldest; the subsets of all of them.
    /// </summary>
    public IReadOnlyList<TrafficRule> Of(MeshHost host, string waypointNamespace, Reads reads)
    {
        var visible = HostLookup.Selectors(host)
            .SelectMany(selector => reads.Find(_bySelector, selector).ToList())
            .Where(rule => Visibility.Has(rule.ExportTo, rule.Namespace, waypointNamespace))
            .ToList();
        return new[] { waypointNamespace, host.Namespace, _settings.RootNamespace }
            .Select(ns => visible
                .Where(rule => rule.Namespace == ns)
                .GroupBy(rule => rule.Host)
                .FirstOrDefault()?
                .OrderBy(rule => rule.Created).ThenBy(rule => rule.Key, StringComparer.Ordinal)
                .ToList())
            .FirstOrDefault(rules => rules is not null) ?? [];
    }

    /// <summary>Puts what rules say of a host into its resource.</summary>
    public void Fill(Proto.Service service, MeshHost host, IReadOnlyList<TrafficRule> rules, Reads reads)
    {
        service.Traffic = rules.Select(rule => rule.Traffic).FirstOrDefault(traffic => traffic is not null);
        var subsets = rules.SelectMany(rule => rule.Subsets.Zip(
            (IEnumerable<Values<string>>?)reads.Get(_members, MembersKey(rule, host))?.Uids ?? [],
            (subset, uids) => new Proto.Subset { Name = subset.Name, Workloads = { uids }, Traffic = subset.Traffic }));
        service.Subsets.Add(subsets.DistinctBy(subset => subset.Name));
    }

    private static string MembersKey(TrafficRule rule, MeshHost host) => $"{rule.Key} at {host.Key}";

    private static IEnumerable<(string, SubsetMembers)> MembersOf(TrafficRule rule, HostLookup hosts, HostEndpoints endpoints, Reads reads)
    {
        foreach (var host in rule.Subsets.Count == 0 ? [] : hosts.Matching(HostLookup.Selector(rule.Host), reads))
        {
            var uids = rule.Subsets.Select(subset => new Values<string>(endpoints.Uids(host, subset.Has, reads)));
            yield return (MembersKey(rule, host), new SubsetMembers(new(uids)));
        }
    }
}
