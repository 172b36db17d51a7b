using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>
/// The order in which routes of the Gateway API are tried: the most specific match first, then the oldest resource, then by its
/// name, then as written.
/// </summary>
internal static class RoutePrecedence
{
    public static IEnumerable<Proto.Route> InOrder(IEnumerable<HostRoutes> all) => all
        .OrderBy(routes => routes.Created)
        .ThenBy(routes => routes.Namespace, StringComparer.Ordinal)
        .ThenBy(routes => routes.Origin, StringComparer.Ordinal)
        .SelectMany(routes => routes.Routes)
        .Order(Comparer<Proto.Route>.Create(Compare));

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
