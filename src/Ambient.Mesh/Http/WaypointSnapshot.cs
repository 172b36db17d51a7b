using System.Collections.Immutable;

namespace Ambient.Mesh.Http;

/// <summary>
/// What a waypoint knows beyond the mesh model at one moment: routes, traffic policies and layer-7 policies. Immutable; readers need no lock.
/// </summary>
public sealed class WaypointSnapshot
{
    private readonly Dictionary<string, ServiceEntry> _services;

    internal WaypointSnapshot(
        long version, WaypointConfig? waypoint, Dictionary<string, ServiceEntry> services, Dictionary<string, HttpPolicy> policies, PolicySet? own)
    {
        Version = version;
        Waypoint = waypoint;
        _services = services;
        PoliciesByKey = policies;
        Own = own;
    }

    /// <summary>Nothing is known, so everything is refused.</summary>
    public static WaypointSnapshot Empty { get; } = new(0, null, new(StringComparer.Ordinal), new(StringComparer.Ordinal), null);

    /// <summary>Rises by one with every change.</summary>
    public long Version { get; }

    /// <summary>The waypoint itself; null until it has been received.</summary>
    public WaypointConfig? Waypoint { get; }

    /// <summary>Services by key, <c>namespace/hostname</c>.</summary>
    public IEnumerable<HttpService> Services => _services.Values.Select(entry => entry.Service);

    /// <summary>Policies by key, <c>namespace/name</c>.</summary>
    public IReadOnlyDictionary<string, HttpPolicy> Policies => PoliciesByKey;

    internal Dictionary<string, HttpPolicy> PoliciesByKey { get; }

    /// <summary>The policies that hold for all traffic; null until the waypoint has been received.</summary>
    internal PolicySet? Own { get; }

    /// <summary>A service by its key; null where it has not been received.</summary>
    public HttpService? FindService(string key) => _services.TryGetValue(key, out var entry) ? entry.Service : null;

    /// <summary>
    /// Whether everything that decides about a service's traffic has been received, or about that of workloads addressed themselves (null). What is
    /// not complete is refused; who sets a connection up may wait a moment for it.
    /// </summary>
    public bool IsComplete(string? serviceKey) => PoliciesFor(serviceKey) is { UnknownKey: null };

    /// <summary>The policies for a service's traffic, or for workloads addressed themselves; null where they cannot be told.</summary>
    internal PolicySet? PoliciesFor(string? serviceKey) => serviceKey is null
        ? Own
        : Own is not null && _services.TryGetValue(serviceKey, out var entry) && entry.Service.Bound ? entry.Policies : null;

    internal readonly record struct ServiceEntry(HttpService Service, PolicySet Policies);
}

/// <summary>The policies that hold for the same traffic, by what they do. Immutable.</summary>
internal sealed class PolicySet
{
    public static PolicySet Empty { get; } = new([], new(StringComparer.Ordinal));

    public PolicySet(IEnumerable<string> keys, Dictionary<string, HttpPolicy> known)
    {
        var policies = new List<HttpPolicy>();
        foreach (var key in keys)
        {
            if (known.TryGetValue(key, out var policy))
            {
                policies.Add(policy);
            }
            else
            {
                UnknownKey ??= key;
            }
        }

        Deny = Of(policies, HttpPolicyAction.Deny, dryRun: false);
        Allow = Of(policies, HttpPolicyAction.Allow, dryRun: false);
        // To note and to note in dry run is the same.
        Audit = [.. policies.Where(policy => policy.Action == HttpPolicyAction.Audit)];
        DryRunDeny = Of(policies, HttpPolicyAction.Deny, dryRun: true);
        DryRunAllow = Of(policies, HttpPolicyAction.Allow, dryRun: true);
        IsEmpty = policies.Count == 0 && UnknownKey is null;
    }

    /// <summary>No policy is named.</summary>
    public bool IsEmpty { get; }

    /// <summary>The first key that is named and nobody knows.</summary>
    public string? UnknownKey { get; }

    public ImmutableArray<HttpPolicy> Deny { get; }

    public ImmutableArray<HttpPolicy> Allow { get; }

    public ImmutableArray<HttpPolicy> Audit { get; }

    public ImmutableArray<HttpPolicy> DryRunDeny { get; }

    public ImmutableArray<HttpPolicy> DryRunAllow { get; }

    private static ImmutableArray<HttpPolicy> Of(List<HttpPolicy> policies, HttpPolicyAction action, bool dryRun) =>
        [.. policies.Where(policy => policy.Action == action && policy.DryRun == dryRun)];
}
