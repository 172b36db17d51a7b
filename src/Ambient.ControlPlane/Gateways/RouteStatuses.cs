using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Policies;
using Ambient.ControlPlane.Routing;

namespace Ambient.ControlPlane.Gateways;

/// <summary>Route → what became of it at each of its parents that we answer for.</summary>
internal sealed class RouteStatuses(
    Collection<Service> services, Collection<Accepted<ServiceEntry>> entries, Collection<Gateway> gateways, Collection<GatewayClass> classes, Collection<Namespace> namespaces,
    Collection<HostBinding> bindings, HostLookup hosts)
{
    private const string GatewayGroup = "gateway.networking.k8s.io";

    /// <summary>The status of each parent; of a waypoint's Gateway none, because routes are for services and not for waypoints.</summary>
    /// <param name="route">The route.</param>
    /// <param name="problems">What of it is not carried out as it is written.</param>
    /// <param name="reads">What it reads is recorded there.</param>
    public IReadOnlyList<RouteParentStatus> Of(IRoute route, IReadOnlyList<RouteProblem> problems, Reads reads)
    {
        List<RouteParentStatus> parents = [];
        var resolved = Resolved(route, problems);
        foreach (var parent in route.ParentRefs ?? [])
        {
            if (Accepted(route, parent, problems, reads) is { } accepted)
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

    private Condition? Accepted(IRoute route, ParentReference parent, IReadOnlyList<RouteProblem> problems, Reads reads)
    {
        var ns = parent.Namespace ?? route.Metadata.Namespace;
        if (IsHost(parent))
        {
            return LabelsOf(parent, ns, reads) is null
                ? StatusCondition.False(route, "Accepted", "NoMatchingParent", $"There is no {parent.Kind} {ns}/{parent.Name}.")
                : StatusCondition.True(route, "Accepted", "Accepted", Limits(route, ns, problems));
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

    /// <summary>What a route does less than it says, though it is accepted.</summary>
    private static string Limits(IRoute route, string? serviceNamespace, IReadOnlyList<RouteProblem> problems)
    {
        var limits = problems.Where(problem => problem.Reason == RouteProblem.UnsupportedValue).Select(problem => problem.Message);
        if (serviceNamespace != route.Metadata.Namespace)
        {
            limits = limits.Prepend($"Waypoints carry out routes of the service's own namespace alone: put the route into namespace {serviceNamespace}.");
        }

        var text = string.Join(" ", limits);
        return text.Length == 0 ? "The route is valid." : text;
    }

    private static Condition Resolved(IRoute route, IReadOnlyList<RouteProblem> problems) =>
        new[] { RouteProblem.InvalidFilter, RouteProblem.InvalidKind, RouteProblem.BackendNotFound }.FirstOrDefault(reason => problems.Any(problem => problem.Reason == reason)) is { } reason
            ? StatusCondition.False(
                route, "ResolvedRefs", reason, string.Join(" ", problems.Where(problem => problem.Reason != RouteProblem.UnsupportedValue).Select(problem => problem.Message)))
            : StatusCondition.True(route, "ResolvedRefs", "ResolvedRefs", "All references are resolved.");

    /// <summary>Istio's own condition: always true; its message tells whether anybody carries the route out.</summary>
    private Condition Waypoints(IRoute route, ParentReference parent, Reads reads)
    {
        var ns = parent.Namespace ?? route.Metadata.Namespace;
        var carried = !IsHost(parent) || hosts.OfParent(parent, route, reads).Any(host => reads.Get(bindings, host)?.Waypoint is not null);
        return StatusCondition.True(route, "ResolvedWaypoints", "ResolvedWaypoints", carried
            ? "All waypoints are resolved."
            : $"No waypoint serves {parent.Kind} {ns}/{parent.Name}, and nobody else carries the route out: label it, or its namespace, {Api.Labels.UseWaypoint}.");
    }

    /// <summary>Whether a parent stands for hosts.</summary>
    private static bool IsHost(ParentReference parent) => parent is { Group: "", Kind: "Service" } or { Group: "networking.istio.io", Kind: "ServiceEntry" };

    /// <summary>The metadata of what stands for hosts; null where there is none.</summary>
    private ObjectMeta? LabelsOf(ParentReference parent, string? ns, Reads reads) => parent.Kind == "Service"
        ? reads.Get(services, ResourceKey.Of(ns, parent.Name))?.Metadata
        : reads.Get(entries, ResourceKey.Of(ns, parent.Name))?.Latest.Metadata;

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
