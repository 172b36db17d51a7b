using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Policies;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>Route resources in, what each says about which hosts out.</summary>
internal sealed class RouteModel
{
    private readonly HostLookup _hosts;
    private readonly Index<HostRoutes> _bySelector;
    private readonly Index<HostRoutes> _byBackend;

    public RouteModel(Graph graph, MeshInputs inputs, HostLookup hosts)
    {
        _hosts = hosts;
        Http = new Derived<HttpRoute, CompiledRules>(
            graph, inputs.HttpRoutes, (route, reads) => [(ResourceKey.Of(route), RouteCompiler.Compile(route, hosts, reads))]);
        Grpc = new Derived<GrpcRoute, CompiledRules>(
            graph, inputs.GrpcRoutes, (route, reads) => [(ResourceKey.Of(route), RouteCompiler.Compile(route, hosts, reads))]);
        Virtual = new Derived<Accepted<VirtualService>, CompiledRules>(
            graph,
            inputs.VirtualServices.Accepted,
            (resource, reads) => resource.Good is { } good && VirtualServiceCompiler.IsForMesh(good)
                ? [(ResourceKey.Of(good), VirtualServiceCompiler.Compile(good, hosts, inputs.VirtualServices.Accepted, reads))]
                : []);
        var all = new Union<HostRoutes>(
            new Derived<HttpRoute, HostRoutes>(graph, inputs.HttpRoutes, (route, reads) => ByHost(route, Http, reads)),
            new Derived<GrpcRoute, HostRoutes>(graph, inputs.GrpcRoutes, (route, reads) => ByHost(route, Grpc, reads)),
            new Derived<Accepted<VirtualService>, HostRoutes>(graph, inputs.VirtualServices.Accepted, ByHost));
        _bySelector = all.IndexBy(routes => routes.Selector);
        _byBackend = all.IndexBy(routes => routes.Backends);
    }

    /// <summary>HTTPRoutes, compiled.</summary>
    public Collection<CompiledRules> Http { get; }

    /// <summary>GRPCRoutes, compiled.</summary>
    public Collection<CompiledRules> Grpc { get; }

    /// <summary>VirtualServices, compiled.</summary>
    public Collection<CompiledRules> Virtual { get; }

    /// <summary>What is said about a host.</summary>
    public IEnumerable<HostRoutes> Of(MeshHost host, Reads reads) =>
        HostLookup.Selectors(host).SelectMany(selector => reads.Find(_bySelector, selector)).ToList();

    /// <summary>What sends to a host.</summary>
    public IEnumerable<HostRoutes> To(MeshHost host, Reads reads) => reads.Find(_byBackend, host.Key).ToList();

    private IEnumerable<(string, HostRoutes)> ByHost(IRoute route, Collection<CompiledRules> compiled, Reads reads)
    {
        if (reads.Get(compiled, ResourceKey.Of(route)) is not { } rules)
        {
            yield break;
        }

        var origin = $"{route.Kind} {ResourceKey.Of(route)}";
        var parents = (route.ParentRefs ?? []).SelectMany(parent => _hosts.OfParent(parent, route, reads).Select(host => (Host: host, parent.Port)));
        foreach (var host in parents.GroupBy(parent => parent.Host, parent => parent.Port))
        {
            // Without a port it is for all of them, whatever other references to the same parent say.
            IEnumerable<Proto.Route> routes = host.Contains(null) ? rules.Routes : host.Distinct().SelectMany(port => rules.At(port));
            yield return ($"{origin} for {host.Key}", Routes(host.Key, origin, route, [], routes));
        }
    }

    private IEnumerable<(string, HostRoutes)> ByHost(Accepted<VirtualService> resource, Reads reads)
    {
        if (resource.Good is not { } good || reads.Get(Virtual, ResourceKey.Of(good)) is not { Routes.Count: > 0 } rules)
        {
            yield break;
        }

        var origin = $"VirtualService {ResourceKey.Of(good)}";
        foreach (var host in (good.Spec?.Hosts ?? []).Select(host => _hosts.FullName(host, good.Metadata.Namespace ?? "")).Distinct())
        {
            yield return ($"{origin} for {host}", Routes(HostLookup.Selector(host), origin, good, good.Spec?.ExportTo ?? [], rules.Routes));
        }
    }

    private static HostRoutes Routes(string selector, string origin, IResource resource, IReadOnlyList<string> visibleTo, IEnumerable<Proto.Route> routes) => new(
        selector, origin, resource.Metadata.Namespace ?? "", resource.Metadata.CreationTimestamp ?? DateTimeOffset.MaxValue, new(visibleTo), new(routes));
}
