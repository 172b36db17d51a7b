using Ambient.Api.Kubernetes;
using GatewayAddress = Ambient.Api.Workloads.GatewayAddress;

namespace Ambient.ControlPlane.Waypoints;

/// <summary>Where the traffic of a service or workload goes, and what is to be said about it.</summary>
/// <param name="Address">The waypoint; null for none.</param>
/// <param name="Condition">The condition <see cref="BindingCondition.Type"/>; null where nobody asked for a waypoint.</param>
/// <param name="Waypoint">The key of the waypoint's Gateway, also while traffic may pass it by; null for none.</param>
internal sealed record Binding(GatewayAddress? Address, BindingCondition? Condition, string? Waypoint = null)
{
    public static readonly Binding None = new(null, null);
}

/// <summary>A service and its binding.</summary>
internal sealed record BoundService(Service Source, Binding Binding, bool IngressToo);

/// <summary>The condition <c>istio.io/WaypointBound</c>.</summary>
internal sealed record BindingCondition(bool Holds, string Reason, string Message)
{
    public const string Type = "istio.io/WaypointBound";

    public const string Accepted = "WaypointAccepted";
    public const string NotReady = "WaypointIsNotReady";
    public const string Denied = "AttachmentDenied";
    public const string UnsupportedTraffic = "UnsupportedTrafficType";
    public const string MixedAccounts = "MixedServiceAccounts";
}
