using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Routing;
using Ambient.ControlPlane.Waypoints;

namespace Ambient.ControlPlane.Gateways;

/// <summary>A gateway and what its status is to be.</summary>
internal sealed record GatewayState(Gateway Source, GatewayStatus Wanted);

/// <summary>A route and what is to be said of it at its parents; null where nobody has said anything and there is nothing to say.</summary>
internal sealed record RouteState(IRoute Source, IReadOnlyList<RouteParentStatus> Wanted);

/// <summary>Gateways and routes in, their status out.</summary>
internal sealed class GatewayModel
{
    private readonly MeshSettings _settings;
    private readonly MeshInputs _inputs;
    private readonly RouteStatuses _routes;
    private readonly RouteModel _compiled;
    private readonly Index<EndpointSlice> _slicesByService;
    private readonly Index<HttpRoute> _httpRoutes;
    private readonly Index<GrpcRoute> _grpcRoutes;

    public GatewayModel(Graph graph, MeshInputs inputs, Index<EndpointSlice> slicesByService, WaypointModel waypoints, MeshSettings settings)
    {
        _settings = settings;
        _inputs = inputs;
        _slicesByService = slicesByService;
        _compiled = waypoints.Routes;
        _routes = new RouteStatuses(inputs.Services, inputs.ServiceEntries.Accepted, inputs.Gateways, inputs.GatewayClasses, inputs.Namespaces, waypoints.Bindings, waypoints.Hosts);
        _httpRoutes = inputs.HttpRoutes.IndexBy(GatewaysOf);
        _grpcRoutes = inputs.GrpcRoutes.IndexBy(GatewaysOf);
        Gateways = new Derived<Gateway, GatewayState>(graph, inputs.Gateways, StateOf);
        HttpRoutes = new Derived<HttpRoute, RouteState>(graph, inputs.HttpRoutes, (route, reads) => StateOf(route, _compiled.Http, reads));
        GrpcRoutes = new Derived<GrpcRoute, RouteState>(graph, inputs.GrpcRoutes, (route, reads) => StateOf(route, _compiled.Grpc, reads));
    }

    /// <summary>Gateways of our classes.</summary>
    public Collection<GatewayState> Gateways { get; }

    public Collection<RouteState> HttpRoutes { get; }

    public Collection<RouteState> GrpcRoutes { get; }

    private IEnumerable<(string, GatewayState)> StateOf(Gateway gateway, Reads reads)
    {
        var controller = reads.Get(_inputs.GatewayClasses, gateway.Spec?.GatewayClassName ?? "")?.Spec?.ControllerName;
        if (GatewayStatuses.IsOurs(controller))
        {
            var key = ResourceKey.Of(gateway);
            var facts = new GatewayFacts(
                controller!,
                AddressesOf(gateway, key, reads),
                secret => reads.Get(_inputs.Secrets, ResourceKey.Of(secret.Namespace ?? gateway.Metadata.Namespace, secret.Name)) is not null,
                listener => Routes(key, reads).Count(route => _routes.IsAttached(route, gateway, listener, reads)));
            yield return (key, new GatewayState(gateway, GatewayStatuses.Of(gateway, facts)));
        }
    }

    private IEnumerable<(string, RouteState)> StateOf(IRoute route, Collection<CompiledRules> compiled, Reads reads)
    {
        var key = ResourceKey.Of(route);
        var problems = (reads.Get(compiled, key) ?? CompiledRules.None).Problems;
        yield return (key, new RouteState(route, _routes.Of(route, problems, reads)));
    }

    private IEnumerable<IRoute> Routes(string gateway, Reads reads) =>
        reads.Find(_httpRoutes, gateway).Concat<IRoute>(reads.Find(_grpcRoutes, gateway)).ToList();

    private static IEnumerable<string> GatewaysOf(IRoute route) => (route.ParentRefs ?? [])
        .Where(parent => parent.Kind is null or "Gateway")
        .Select(parent => ResourceKey.Of(parent.Namespace ?? route.Metadata.Namespace, parent.Name))
        .Distinct();

    /// <summary>
    /// A waypoint is at its service's addresses as soon as that has a ready endpoint, and stays there: traffic for a waypoint that has
    /// gone down must wait or fail, not pass it by.
    /// </summary>
    private IReadOnlyList<GatewayAddress> AddressesOf(Gateway gateway, string key, Reads reads)
    {
        var current = gateway.Status?.Addresses ?? [];
        if (!WaypointObjects.IsDeployed(gateway))
        {
            // Somebody else's service: it is where the gateway says.
            return gateway.Spec?.GatewayClassName == WaypointObjects.ClassName ? gateway.Spec?.Addresses ?? [] : current;
        }

        if (reads.Get(_inputs.Services, key) is not { } service || !reads.Find(_slicesByService, key, HasReady).Any())
        {
            return current;
        }

        var addresses = (service.Spec?.ClusterIPs ?? [service.Spec?.ClusterIP ?? ""]).Where(address => address is not ("" or "None"));
        return
        [
            .. addresses.Select(address => new GatewayAddress { Type = "IPAddress", Value = address }),
            new GatewayAddress { Type = "Hostname", Value = ServiceAddresses.Hostname(service, _settings) },
        ];
    }

    private static bool HasReady(EndpointSlice slice) => slice.Endpoints?.Any(endpoint => endpoint.Conditions?.Ready != false) == true;
}
