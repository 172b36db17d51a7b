using Ambient.ControlPlane.Collections;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>What one route resource says about the hosts that it is for, ready to be put in order with what others say.</summary>
/// <param name="Selector">The hosts (<see cref="HostLookup"/>).</param>
/// <param name="Origin">The resource, e.g. <c>HTTPRoute shop/split</c>.</param>
/// <param name="Namespace">The resource's.</param>
/// <param name="Created">The older goes first where two are equally specific.</param>
/// <param name="VisibleTo">The namespaces that see it; none for all. Of routes of the Gateway API always none.</param>
/// <param name="Routes">One for each match, in the order in which they are written.</param>
internal sealed record HostRoutes(
    string Selector, string Origin, string Namespace, DateTimeOffset Created, Values<string> VisibleTo, Values<Proto.Route> Routes)
{
    /// <summary>Whether it is a VirtualService, whose rules stand in order, and not of the Gateway API, whose rules are put in one.</summary>
    public bool IsOrdered => Selector.StartsWith("*/", StringComparison.Ordinal);

    /// <summary>The hosts to which it sends.</summary>
    public IEnumerable<string> Backends => Routes
        .SelectMany(route => (route.Forward?.Backends.Select(backend => backend.Service) ?? []).Concat(route.Mirrors.Select(mirror => mirror.Service)))
        .Where(service => service.Length > 0)
        .Distinct();

    /// <summary>
    /// Whether a waypoint carries it out for a host: what the host's own namespace says, and of VirtualServices also what the waypoint's says.
    /// </summary>
    public bool Concerns(MeshHost host, string waypointNamespace) =>
        Namespace == host.Namespace ? !IsOrdered || Visibility.Has(VisibleTo, Namespace, host.Namespace) || Visibility.Has(VisibleTo, Namespace, waypointNamespace)
        : IsOrdered && Namespace == waypointNamespace;
}

/// <summary>The field <c>exportTo</c> of Istio's networking resources.</summary>
internal static class Visibility
{
    /// <summary>Whether a namespace sees what another one's resource says.</summary>
    public static bool Has(IReadOnlyList<string> exportTo, string own, string viewer) =>
        exportTo.Count == 0 || exportTo.Contains("*") || exportTo.Contains(viewer) || (own == viewer && exportTo.Contains("."));
}
