using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;

namespace Ambient.ControlPlane.Gateways;

/// <summary>Route → what became of it at each of its parents that we answer for.</summary>
internal sealed class RouteStatuses(Collection<Service> services, Collection<Gateway> gateways, Collection<GatewayClass> classes, Collection<Namespace> namespaces)
{
    private const string GatewayGroup = "gateway.networking.k8s.io";

    private static readonly HashSet<string> KnownFilters =
        ["RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "RequestRedirect", "URLRewrite", "CORS"];

    /// <summary>The status of each parent; of a waypoint's Gateway none, because routes are for services and not for waypoints.</summary>
    public IReadOnlyList<RouteParentStatus> Of(IRoute route, Reads reads)
    {
        List<RouteParentStatus> parents = [];
        var resolved = Resolved(route, reads);
        foreach (var parent in route.ParentRefs ?? [])
        {
            if (Accepted(route, parent, reads) is { } accepted)
            {
                parents.Add(new RouteParentStatus
                {
                    ParentRef = parent,
                    ControllerName = GatewayStatuses.EdgeController,
                    Conditions = [accepted, resolved, Waypoints(route, parent, reads)],
                });
            }
        }

        return parents;
    }

    /// <summary>Whether a route is attached to a listener of a gateway.</summary>
    public bool IsAttached(IRoute route, Gateway gateway, Listener listener, Reads reads) => (route.ParentRefs ?? []).Any(parent =>
        IsGateway(parent)
        && parent.Name == gateway.Metadata.Name
        && (parent.Namespace ?? route.Metadata.Namespace) == gateway.Metadata.Namespace
        && Names(parent, listener)
        && Admits(listener, gateway, route, reads));

    private Condition? Accepted(IRoute route, ParentReference parent, Reads reads)
    {
        var ns = parent.Namespace ?? route.Metadata.Namespace;
        if (parent is { Group: "", Kind: "Service" })
        {
            return reads.Get(services, ResourceKey.Of(ns, parent.Name)) is null
                ? StatusCondition.False(route, "Accepted", "NoMatchingParent", $"There is no Service {ns}/{parent.Name}.")
                : StatusCondition.True(route, "Accepted", "Accepted", "The route is valid.");
        }

        if (!IsGateway(parent)
            || reads.Get(gateways, ResourceKey.Of(ns, parent.Name)) is not { } gateway
            || reads.Get(classes, gateway.Spec?.GatewayClassName ?? "")?.Spec?.ControllerName != GatewayStatuses.EdgeController)
        {
            return null;
        }

        var named = (gateway.Spec?.Listeners ?? []).Where(listener => Names(parent, listener)).ToList();
        return named.Count == 0
            ? StatusCondition.False(route, "Accepted", "NoMatchingParent", $"Gateway {ns}/{parent.Name} has no listener {parent.SectionName}{(parent.Port is { } port ? $" at port {port}" : "")}.")
            : named.Any(listener => Admits(listener, gateway, route, reads))
                ? StatusCondition.True(route, "Accepted", "Accepted", "The route is valid.")
                : StatusCondition.False(route, "Accepted", "NotAllowedByListeners", $"No listener of Gateway {ns}/{parent.Name} admits the route: see the listeners' allowedRoutes and hostname.");
    }

    private Condition Resolved(IRoute route, Reads reads)
    {
        if (route.Filters.FirstOrDefault(filter => !KnownFilters.Contains(filter.Type)) is { } unknown)
        {
            return StatusCondition.False(route, "ResolvedRefs", "InvalidFilter", $"Filter type {unknown.Type} is not supported; its rule answers 500.");
        }

        foreach (var backend in route.Backends)
        {
            if (backend is not { Group: null or "", Kind: null or "Service" })
            {
                return StatusCondition.False(route, "ResolvedRefs", "InvalidKind", $"A backend of kind {backend.Kind} ({backend.Group}) is not supported; use a Service.");
            }

            var ns = backend.Namespace ?? route.Metadata.Namespace;
            if (reads.Get(services, ResourceKey.Of(ns, backend.Name)) is null)
            {
                return StatusCondition.False(route, "ResolvedRefs", "BackendNotFound", $"There is no Service {ns}/{backend.Name}; its share of the requests is answered with 500.");
            }
        }

        return StatusCondition.True(route, "ResolvedRefs", "ResolvedRefs", "All references are resolved.");
    }

    /// <summary>Istio's own condition: always true; its message tells whether anybody carries the route out.</summary>
    private Condition Waypoints(IRoute route, ParentReference parent, Reads reads)
    {
        var ns = parent.Namespace ?? route.Metadata.Namespace;
        var carried = parent is not { Group: "", Kind: "Service" }
            || reads.Get(services, ResourceKey.Of(ns, parent.Name))?.Metadata.Label(Api.Labels.UseWaypoint) is not null
            || reads.Get(namespaces, ns ?? "")?.Metadata.Label(Api.Labels.UseWaypoint) is not null;
        return StatusCondition.True(route, "ResolvedWaypoints", "ResolvedWaypoints", carried
            ? "All waypoints are resolved."
            : $"Neither Service {ns}/{parent.Name} nor its namespace has the label {Api.Labels.UseWaypoint}: without a waypoint nobody carries the route out.");
    }

    private static bool IsGateway(ParentReference parent) => (parent.Group ?? GatewayGroup, parent.Kind ?? "Gateway") == (GatewayGroup, "Gateway");

    private static bool Names(ParentReference parent, Listener listener) =>
        (parent.SectionName is null || parent.SectionName == listener.Name) && (parent.Port is null || parent.Port == listener.Port);

    private bool Admits(Listener listener, Gateway gateway, IRoute route, Reads reads)
    {
        var ns = route.Metadata.Namespace ?? "";
        var allowed = listener.AllowedRoutes?.Namespaces;
        var admitted = allowed?.From switch
        {
            "All" => true,
            "Selector" => allowed.Selector?.Matches(reads.Get(namespaces, ns)?.Metadata.Labels) == true,
            "None" => false,
            _ => ns == gateway.Metadata.Namespace,
        };
        return admitted
            && listener.Protocol is "HTTP" or "HTTPS"
            && (route.Hostnames is not { Count: > 0 } hostnames || listener.Hostname is not { Length: > 0 } host || hostnames.Any(name => Overlap(name, host)));
    }

    /// <summary>Whether some host is meant by both; a wildcard stands for one or more labels.</summary>
    private static bool Overlap(string one, string other) => (one.StartsWith("*.", StringComparison.Ordinal), other.StartsWith("*.", StringComparison.Ordinal)) switch
    {
        (false, false) => one == other,
        (true, false) => other.EndsWith(one[1..], StringComparison.Ordinal),
        (false, true) => one.EndsWith(other[1..], StringComparison.Ordinal),
        _ => one.EndsWith(other[1..], StringComparison.Ordinal) || other.EndsWith(one[1..], StringComparison.Ordinal),
    };
}
