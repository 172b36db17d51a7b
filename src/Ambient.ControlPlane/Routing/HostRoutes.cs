using Ambient.ControlPlane.Collections;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>What one route resource says about one host, ready to be put in order with what others say.</summary>
/// <param name="Host">The key of the host whose requests it is for.</param>
/// <param name="Origin">The resource, e.g. <c>HTTPRoute shop/split</c>.</param>
/// <param name="Namespace">The resource's.</param>
/// <param name="Created">The older goes first where two are equally specific.</param>
/// <param name="Routes">One for each match, in the order in which they are written.</param>
internal sealed record HostRoutes(string Host, string Origin, string Namespace, DateTimeOffset Created, Values<Proto.Route> Routes)
{
    /// <summary>The hosts to which it sends.</summary>
    public IEnumerable<string> Backends => Routes
        .SelectMany(route => (route.Forward?.Backends.Select(backend => backend.Service) ?? []).Concat(route.Mirrors.Select(mirror => mirror.Service)))
        .Where(service => service.Length > 0)
        .Distinct();
}
