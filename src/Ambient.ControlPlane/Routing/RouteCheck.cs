using Ambient.Mesh.Config;
using Ambient.Mesh.Http;
using Google.Protobuf;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>
/// What a waypoint takes is decided by its own reader, here as there: a route that it would refuse takes no other route of the service
/// with it, and the reason stands in the status of whoever wrote it.
/// </summary>
internal static class RouteCheck
{
    /// <summary>What is wrong with an expression in RE2's syntax; null for nothing.</summary>
    public static string? Problem(string pattern) =>
        Refusal(new Proto.Route { Matches = { new Proto.Match { Path = new Proto.PathMatch { Regex = pattern } } } });

    /// <summary>Why a waypoint would not take a route; null where it does.</summary>
    public static string? Refusal(Proto.Route route)
    {
        try
        {
            var service = new Proto.Service { Namespace = "x", Hostname = "x", Routes = { route } };
            WaypointDecoder.DecodeService(MeshHost.KeyOf("x", "x"), service.ToByteString());
            return null;
        }
        catch (MeshConfigException error)
        {
            // Of the only route there is, its place says nothing.
            return error.Message.Replace("routes[0]: ", "", StringComparison.Ordinal);
        }
    }

    /// <summary>
    /// The routes as far as a waypoint takes them. One of which it takes the match but not what to do answers 500; one whose match it
    /// does not take is left out, for it would never hold.
    /// </summary>
    public static IEnumerable<Proto.Route> Taken(IEnumerable<Proto.Route> routes, ICollection<RouteProblem> problems)
    {
        foreach (var route in routes)
        {
            if (Refusal(route) is not { } why)
            {
                yield return route;
                continue;
            }

            var failing = Failing(route);
            var isMatchFine = Refusal(failing) is null;
            problems.Add(new RouteProblem(
                RouteProblem.UnsupportedValue, $"rule {route.Rule}: {why}; {(isMatchFine ? "the rule answers 500" : "the match is left out")}."));
            if (isMatchFine)
            {
                yield return failing;
            }
        }
    }

    /// <summary>The route that answers 500 instead: to leave out a part of what a rule says would be another rule.</summary>
    public static Proto.Route Failing(Proto.Route route) => new()
    {
        Source = route.Source,
        Rule = route.Rule,
        Ports = { route.Ports },
        Matches = { route.Matches },
        Response = new Proto.DirectResponse { Status = 500 },
    };
}
