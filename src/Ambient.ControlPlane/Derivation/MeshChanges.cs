using Ambient.Api.Security;
using Ambient.ControlPlane.Entries;
using Ambient.ControlPlane.Gateways;
using Ambient.ControlPlane.Policies;
using Ambient.ControlPlane.Routing;
using Ambient.ControlPlane.Waypoints;
using Address = Ambient.Api.Workloads.Address;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Derivation;

/// <summary>What came out different, by resource name; null where a resource is gone.</summary>
internal sealed class MeshChanges
{
    public Dictionary<string, Address?> Addresses { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, Authorization?> Authorizations { get; } = new(StringComparer.Ordinal);

    /// <summary>Waypoints, by the keys of their Gateways.</summary>
    public Dictionary<string, Waypoint?> Waypoints { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, Scoped<Proto.Waypoint>?> WaypointResources { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, Scoped<Proto.Service>?> WaypointServices { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, Scoped<Proto.Authorization>?> WaypointAuthorizations { get; } = new(StringComparer.Ordinal);

    /// <summary>Policies whose condition may have to be written anew.</summary>
    public Dictionary<string, ConvertedPolicy?> Policies { get; } = new(StringComparer.Ordinal);

    /// <summary>Services whose waypoint, or what is to be said about it, may have changed.</summary>
    public Dictionary<string, BoundService?> Bindings { get; } = new(StringComparer.Ordinal);

    /// <summary>The same of ServiceEntries.</summary>
    public Dictionary<string, BoundEntry?> EntryBindings { get; } = new(StringComparer.Ordinal);

    /// <summary>Policies whose condition at waypoints may have to be written anew.</summary>
    public Dictionary<string, PolicyAttachment?> Attachments { get; } = new(StringComparer.Ordinal);

    /// <summary>Gateways whose status may have to be written anew.</summary>
    public Dictionary<string, GatewayState?> Gateways { get; } = new(StringComparer.Ordinal);

    /// <summary>Routes whose status may have to be written anew.</summary>
    public Dictionary<string, RouteState?> HttpRoutes { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, RouteState?> GrpcRoutes { get; } = new(StringComparer.Ordinal);

    /// <summary>Resources of Istio's networking whose condition may have to be written anew.</summary>
    public Dictionary<string, NetworkingState?> VirtualServices { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, NetworkingState?> DestinationRules { get; } = new(StringComparer.Ordinal);

    /// <summary>How many derivations ran: the work that the change cost.</summary>
    public int Derivations { get; set; }
}
