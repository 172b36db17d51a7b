using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>
/// The order in which a host's routes are tried. Those of the Gateway API come first: the most specific match, then the oldest resource, then
/// by its name, then as written. VirtualServices follow in the order of their age and as they are written, but for rules that match
/// everything, which would hide what others say.
/// </summary>
internal static class RoutePrecedence
{
    public static IEnumerable<Proto.Route> InOrder(IEnumerable<HostRoutes> all)
    {
        var byAge = all
            .OrderBy(routes => routes.Created)
            .ThenBy(routes => routes.Namespace, StringComparer.Ordinal)
            .ThenBy(routes => routes.Origin, StringComparer.Ordinal)
            .ToLookup(routes => routes.IsOrdered);
        var compared = byAge[false].SelectMany(routes => routes.Routes).OrderBy(route => route, Comparer<Proto.Route>.Create(Compare));
        return compared.Concat(MostSpecific(byAge[true]).SelectMany(routes => routes.Routes).OrderBy(TakesAll));
    }

    /// <summary>Of VirtualServices for hosts with stars only those count that name the host most closely.</summary>
    private static IEnumerable<HostRoutes> MostSpecific(IEnumerable<HostRoutes> all) => all
        .GroupBy(routes => routes.Selector)
        .OrderBy(group => group.Key.StartsWith("*/*", StringComparison.Ordinal))
        .ThenByDescending(group => group.Key.Length)
        .FirstOrDefault() ?? Enumerable.Empty<HostRoutes>();

    private static bool TakesAll(Proto.Route route) => route.Ports.Count == 0
        && route.Matches.All(match => (match.Path ?? Root) is { Prefix: "/" }
            && match is { Headers.Count: 0, Query.Count: 0, Method: null, Authority: null, Scheme: null });

    private static readonly Proto.PathMatch Root = new() { Prefix = "/" };

    private static int Compare(Proto.Route one, Proto.Route other)
    {
        var (a, b) = (one.Matches.FirstOrDefault() ?? All, other.Matches.FirstOrDefault() ?? All);
        return (Rank(b).CompareTo(Rank(a)), Length(b).CompareTo(Length(a)), Has(b).CompareTo(Has(a)), b.Headers.Count.CompareTo(a.Headers.Count)) switch
        {
            (not 0 and var byKind, _, _, _) => byKind,
            (_, not 0 and var byLength, _, _) => byLength,
            (_, _, not 0 and var byMethod, _) => byMethod,
            (_, _, _, not 0 and var byHeaders) => byHeaders,
            _ => b.Query.Count.CompareTo(a.Query.Count),
        };
    }

    private static readonly Proto.Match All = new();

    /// <summary>Exact before prefix; an expression, about which nothing is known, after every prefix but the one that takes all.</summary>
    private static int Rank(Proto.Match match) => match.Path?.KindCase switch
    {
        Proto.PathMatch.KindOneofCase.Exact => 3,
        Proto.PathMatch.KindOneofCase.Segments when match.Path.Segments != "/" => 2,
        Proto.PathMatch.KindOneofCase.Regex => 1,
        _ => 0,
    };

    private static int Length(Proto.Match match) => match.Path?.KindCase switch
    {
        Proto.PathMatch.KindOneofCase.Exact => match.Path.Exact.Length,
        Proto.PathMatch.KindOneofCase.Segments => match.Path.Segments.Length,
        Proto.PathMatch.KindOneofCase.Regex => match.Path.Regex.Length,
        _ => 0,
    };

    private static bool Has(Proto.Match match) => match.Method is not null;
}
