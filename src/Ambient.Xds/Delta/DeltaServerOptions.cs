using Ambient.Api.Discovery;

namespace Ambient.Xds.Delta;

/// <summary>How a <see cref="DeltaServer"/> serves.</summary>
public sealed record DeltaServerOptions
{
    /// <summary>
    /// Which resources a client that asks by name gets besides those that it named: given the resource, the client, and the names it
    /// subscribed to. Called for every resource when names are subscribed, and for each changed one at a push.
    /// </summary>
    public Func<DeltaResource, Node, IReadOnlySet<string>, bool>? IsRelated { get; init; }

    /// <summary>Short names of types for metrics and logs, by type.</summary>
    public IReadOnlyDictionary<string, string> ShortNames { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        [ResourceTypes.Address] = "wds",
        [ResourceTypes.Authorization] = "wads",
        [ResourceTypes.Waypoint] = "waypoint",
        [ResourceTypes.WaypointService] = "waypoint_service",
        [ResourceTypes.WaypointAuthorization] = "waypoint_authorization",
    };

    /// <summary>Most streams at a time. A node has one; ten thousand are twice the nodes that Kubernetes supports.</summary>
    public int MaxStreams { get; init; } = 10_000;

    /// <summary>
    /// How long a client may take to receive a response; then its stream ends, and with it the hold on resources that have changed since.
    /// 100 MB, more than the largest clusters have, in this time are 350 KB/s.
    /// </summary>
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Most names that one stream may subscribe to: a client that knows as many pods asks for all.</summary>
    public int MaxNamesPerStream { get; init; } = 100_000;
}

/// <summary>The types of resources that node proxies ask for, and those that only waypoints do.</summary>
public static class ResourceTypes
{
    /// <summary>Workloads and services.</summary>
    public const string Address = "type.googleapis.com/istio.workload.Address";

    /// <summary>Authorization policies of layer 4.</summary>
    public const string Authorization = "type.googleapis.com/istio.security.Authorization";

    /// <summary>The waypoint itself.</summary>
    public const string Waypoint = "type.googleapis.com/ambient.waypoint.v1.Waypoint";

    /// <summary>Routes and traffic policies of the services that a waypoint serves or sends to.</summary>
    public const string WaypointService = "type.googleapis.com/ambient.waypoint.v1.Service";

    /// <summary>Authorization policies of layer 7.</summary>
    public const string WaypointAuthorization = "type.googleapis.com/ambient.waypoint.v1.Authorization";
}
