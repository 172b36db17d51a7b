using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Policies;

namespace Ambient.ControlPlane.Routing;

/// <summary>What waypoints make of a VirtualService or DestinationRule: the condition <c>WaypointAccepted</c>, with the reasons of policies.</summary>
/// <param name="Source">The version that the API server holds.</param>
/// <param name="Current">Its conditions.</param>
/// <param name="Holds">Whether any waypoint carries it out.</param>
/// <param name="Reason">One of the reasons of <see cref="Waypoints.PolicyAttachment"/>.</param>
/// <param name="Message">For people.</param>
internal sealed record NetworkingState(IResource Source, IReadOnlyList<Condition>? Current, bool Holds, string Reason, string Message);

/// <summary>Finds out what became of VirtualServices and DestinationRules.</summary>
internal sealed class NetworkingConditions
{
    private readonly Collection<HostBinding> _bindings;
    private readonly HostLookup _hosts;

    public NetworkingConditions(Graph graph, MeshInputs inputs, Collection<HostBinding> bindings, RouteModel routes, TrafficModel traffic, HostLookup hosts)
    {
        _bindings = bindings;
        _hosts = hosts;
        VirtualServices = new Derived<Accepted<VirtualService>, NetworkingState>(graph, inputs.VirtualServices.Accepted, (resource, reads) =>
            StateOf(resource, resource.Latest.Status?.Conditions, reads.Get(routes.Virtual, ResourceKey.Of(resource.Latest))?.Problems, HostsOf(resource.Latest), reads));
        DestinationRules = new Derived<Accepted<DestinationRule>, NetworkingState>(graph, inputs.DestinationRules.Accepted, (resource, reads) =>
            StateOf(resource, resource.Latest.Status?.Conditions, reads.Get(traffic.Rules, ResourceKey.Of(resource.Latest))?.Problems, HostsOf(resource.Latest), reads));
    }

    public Collection<NetworkingState> VirtualServices { get; }

    public Collection<NetworkingState> DestinationRules { get; }

    private IReadOnlyList<string>? HostsOf(VirtualService resource) => VirtualServiceCompiler.IsForMesh(resource) && resource.Spec?.Hosts is { Count: > 0 }
        ? [.. (resource.Spec?.Hosts ?? []).Select(host => _hosts.FullName(host, resource.Metadata.Namespace ?? ""))]
        : null;

    private IReadOnlyList<string> HostsOf(DestinationRule resource) => [_hosts.FullName(resource.Spec?.Host ?? "", resource.Metadata.Namespace ?? "")];

    /// <summary>Nothing is said of a resource that is for gateways alone, or for others to delegate to.</summary>
    private IEnumerable<(string, NetworkingState)> StateOf<T>(
        Accepted<T> resource, IReadOnlyList<Condition>? current, IReadOnlyList<RouteProblem>? problems, IReadOnlyList<string>? names, Reads reads)
        where T : class, IResource
    {
        if (names is null)
        {
            yield break;
        }

        var (holds, reason, message) = Judge(resource, problems ?? [], names, reads);
        yield return (ResourceKey.Of(resource.Latest), new NetworkingState(resource.Latest, current, holds, reason, message));
    }

    private (bool Holds, string Reason, string Message) Judge<T>(
        Accepted<T> resource, IReadOnlyList<RouteProblem> problems, IReadOnlyList<string> names, Reads reads)
        where T : class, IResource
    {
        if (resource.Problems.Count > 0)
        {
            var consequence = resource.IsHeldBack ? "The previous version stays in force." : "It is not in force.";
            return (false, Waypoints.PolicyAttachment.Invalid, $"{string.Join("; ", resource.Problems)}. {consequence}");
        }

        var hosts = names.SelectMany(name => _hosts.Matching(HostLookup.Selector(name), reads)).ToList();
        if (hosts.Count == 0)
        {
            return (false, Waypoints.PolicyAttachment.NotFound, $"There is no service {string.Join(", ", names)}. A name without dots is one of the resource's own namespace.");
        }

        var bound = hosts.Where(host => reads.Get(_bindings, host.Key)?.Waypoint is not null).ToList();
        return (bound.Count, problems.Count) switch
        {
            (0, _) => (false, Waypoints.PolicyAttachment.NotBound, $"No waypoint serves {Some(hosts)}, and nobody else carries it out: label the service {Api.Labels.UseWaypoint}."),
            (_, 0) => (true, Waypoints.PolicyAttachment.Accepted, $"In force at the waypoints of {Some(bound)}."),
            _ => (true, Waypoints.PolicyAttachment.PartiallyInvalid, string.Join(" ", problems.Select(problem => problem.Message))),
        };
    }

    /// <summary>A star may mean every host of the mesh: then a few stand for all.</summary>
    private static string Some(IReadOnlyList<MeshHost> hosts)
    {
        const int Few = 3;
        var names = string.Join(", ", hosts.Take(Few).Select(host => host.Key));
        return hosts.Count > Few ? $"{names} and others" : names;
    }
}
