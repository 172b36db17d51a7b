namespace Ambient.Mesh.Http;

/// <summary>Changes of a waypoint's configuration that arrived together and take effect together.</summary>
public sealed class WaypointUpdate
{
    /// <summary>The waypoint itself, if it is new or changed.</summary>
    public WaypointConfig? Waypoint { get; set; }

    /// <summary>Services that are new or changed.</summary>
    public List<HttpService> Services { get; } = [];

    /// <summary>Policies that are new or changed.</summary>
    public List<HttpPolicy> Policies { get; } = [];

    /// <summary>Keys of waypoints that are gone.</summary>
    public List<string> RemovedWaypoints { get; } = [];

    /// <summary>Keys of services that are gone.</summary>
    public List<string> RemovedServices { get; } = [];

    /// <summary>Keys of policies that are gone.</summary>
    public List<string> RemovedPolicies { get; } = [];

    /// <summary>Whether nothing changes.</summary>
    public bool IsEmpty =>
        Waypoint is null
        && Services.Count + Policies.Count + RemovedWaypoints.Count + RemovedServices.Count + RemovedPolicies.Count == 0;
}

/// <summary>What an update did.</summary>
/// <param name="Before">The snapshot before it.</param>
/// <param name="After">The snapshot after it.</param>
/// <param name="PoliciesChanged">Whether verdicts may differ from before, so that live connections have to be looked at again.</param>
public sealed record WaypointChange(WaypointSnapshot Before, WaypointSnapshot After, bool PoliciesChanged);

/// <summary>The current snapshot and the way to change it. Reading takes no lock; changes are made one after the other.</summary>
public sealed class WaypointStore
{
    private readonly Lock _writing = new();
    private volatile WaypointSnapshot _current = WaypointSnapshot.Empty;

    /// <summary>Raised after each change, in order, on the thread that made it. Handlers must be quick.</summary>
    public event Action<WaypointChange>? Changed;

    /// <summary>What is known now.</summary>
    public WaypointSnapshot Current => _current;

    /// <summary>Makes the changes and publishes the new snapshot.</summary>
    public WaypointChange Apply(WaypointUpdate update)
    {
        lock (_writing)
        {
            var change = Next(_current, update);
            _current = change.After;
            Changed?.Invoke(change);
            return change;
        }
    }

    private static WaypointChange Next(WaypointSnapshot before, WaypointUpdate update)
    {
        var waypoint = update.Waypoint
            ?? (before.Waypoint is { } present && update.RemovedWaypoints.Contains(present.Key) ? null : before.Waypoint);
        var policies = new Dictionary<string, HttpPolicy>(before.PoliciesByKey, StringComparer.Ordinal);
        update.RemovedPolicies.ForEach(key => policies.Remove(key));
        update.Policies.ForEach(policy => policies[policy.Key] = policy);
        var services = before.Services.ToDictionary(service => service.Key, StringComparer.Ordinal);
        update.RemovedServices.ForEach(key => services.Remove(key));
        update.Services.ForEach(service => services[service.Key] = service);

        // Every service's policies are resolved here, once, and not for every request.
        var common = waypoint?.Policies ?? [];
        var own = common.IsEmpty ? PolicySet.Empty : new PolicySet(common, policies);
        var entries = services.ToDictionary(
            pair => pair.Key,
            pair => new WaypointSnapshot.ServiceEntry(
                pair.Value,
                pair.Value.Policies.IsEmpty ? own : new PolicySet(common.Concat(pair.Value.Policies).Distinct(), policies)),
            StringComparer.Ordinal);
        var after = new WaypointSnapshot(before.Version + 1, waypoint, entries, policies, waypoint is null ? null : own);
        return new WaypointChange(before, after, PoliciesChanged(update, before, after));
    }

    private static bool PoliciesChanged(WaypointUpdate update, WaypointSnapshot before, WaypointSnapshot after) =>
        update.Policies.Count + update.RemovedPolicies.Count + update.RemovedServices.Count > 0
        || !Same(before.Waypoint?.Policies, after.Waypoint?.Policies)
        || update.Services.Exists(service =>
            before.FindService(service.Key) is not { } known || known.Bound != service.Bound || !Same(known.Policies, service.Policies));

    private static bool Same(IReadOnlyList<string>? one, IReadOnlyList<string>? other) =>
        one is null ? other is null : other is not null && one.SequenceEqual(other, StringComparer.Ordinal);
}
