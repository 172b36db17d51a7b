using System.Collections.Immutable;

namespace Ambient.Mesh.Http;

/// <summary>What a waypoint knows of a service beyond the mesh model: routes, traffic policy, policies. Immutable.</summary>
public sealed record HttpService
{
    /// <summary>Its key, <c>namespace/hostname</c>: that of the mesh model.</summary>
    public required string Key { get; init; }

    /// <summary>Whether this waypoint serves it. Another one is known only as a backend of routes, and requests for it are refused.</summary>
    public bool Bound { get; init; }

    /// <summary>Keys of the policies that target it.</summary>
    public ImmutableArray<string> Policies { get; init; } = [];

    /// <summary>Rules of routes in the order of precedence: the first that matches wins.</summary>
    public ImmutableArray<HttpRoute> Routes { get; init; } = [];

    /// <summary>Named parts of its endpoints.</summary>
    public ImmutableArray<ServiceSubset> Subsets { get; init; } = [];

    internal TrafficTable Traffic { get; init; } = TrafficTable.Default;

    /// <summary>A subset by name; null where it has none of the name.</summary>
    public ServiceSubset? FindSubset(string name)
    {
        foreach (var subset in Subsets)
        {
            if (subset.Name == name)
            {
                return subset;
            }
        }

        return null;
    }

    /// <summary>How the endpoints of a port are used, all or those of a subset.</summary>
    public TrafficPolicy TrafficFor(int port, string? subset = null) =>
        (subset is not null && FindSubset(subset) is { } part ? part.Traffic : Traffic).For(port);
}

/// <summary>The waypoint's own resource.</summary>
/// <param name="Key">Its key, <c>namespace/gateway</c>.</param>
/// <param name="Policies">Keys of the policies that hold for all its traffic.</param>
public sealed record WaypointConfig(string Key, ImmutableArray<string> Policies);
