using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>Route resources in, what each says about each host out.</summary>
internal sealed class RouteModel
{
    private readonly HostLookup _hosts;
    private readonly Index<HostRoutes> _byHost;
    private readonly Index<HostRoutes> _byBackend;

    public RouteModel(Graph graph, MeshInputs inputs, HostLookup hosts)
    {
        _hosts = hosts;
        Http = new Derived<HttpRoute, CompiledRules>(
            graph, inputs.HttpRoutes, (route, reads) => [(ResourceKey.Of(route), RouteCompiler.Compile(route, hosts, reads))]);
        Grpc = new Derived<GrpcRoute, CompiledRules>(
            graph, inputs.GrpcRoutes, (route, reads) => [(ResourceKey.Of(route), RouteCompiler.Compile(route, hosts, reads))]);
        var all = new Union<HostRoutes>(
            new Derived<HttpRoute, HostRoutes>(graph, inputs.HttpRoutes, (route, reads) => ByHost(route, Http, reads)),
            new Derived<GrpcRoute, HostRoutes>(graph, inputs.GrpcRoutes, (route, reads) => ByHost(route, Grpc, reads)));
        _byHost = all.IndexBy(routes => routes.Host);
        _byBackend = all.IndexBy(routes => routes.Backends);
    }

    /// <summary>HTTPRoutes, compiled.</summary>
    public Collection<CompiledRules> Http { get; }

    /// <summary>GRPCRoutes, compiled.</summary>
    public Collection<CompiledRules> Grpc { get; }

    /// <summary>What is said about a host.</summary>
    public IEnumerable<HostRoutes> Of(string host, Reads reads) => reads.Find(_byHost, host);

    /// <summary>What sends to a host.</summary>
    public IEnumerable<HostRoutes> To(string host, Reads reads) => reads.Find(_byBackend, host);

    private IEnumerable<(string, HostRoutes)> ByHost(IRoute route, Collection<CompiledRules> compiled, Reads reads)
    {
        if (reads.Get(compiled, ResourceKey.Of(route)) is not { } rules)
        {
            yield break;
        }

        var origin = $"{route.Kind} {ResourceKey.Of(route)}";
        var parents = (route.ParentRefs ?? []).Select(parent => (Host: HostOf(parent, route), parent.Port)).Where(parent => parent.Host is not null);
        foreach (var host in parents.GroupBy(parent => parent.Host!, parent => parent.Port))
        {
            // Without a port it is for all of them, whatever other references to the same parent say.
            IEnumerable<Proto.Route> routes = host.Contains(null) ? rules.Routes : host.Distinct().SelectMany(port => rules.At(port));
            yield return ($"{origin} for {host.Key}", new HostRoutes(
                host.Key, origin, route.Metadata.Namespace ?? "", route.Metadata.CreationTimestamp ?? DateTimeOffset.MaxValue, new(routes)));
        }
    }

    private string? HostOf(ParentReference parent, IRoute route) => parent is { Group: "" or "core", Kind: "Service" }
        ? _hosts.ServiceKey(parent.Namespace ?? route.Metadata.Namespace, parent.Name)
        : null;
}
