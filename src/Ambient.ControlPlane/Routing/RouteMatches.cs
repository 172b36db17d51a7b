using Ambient.Api.Kubernetes;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>Matches of the Gateway API's routes → matches of a waypoint. One that cannot be read is null: it never holds.</summary>
internal static class RouteMatches
{
    public static Proto.Match? Of(HttpRouteMatch from, bool needsPrefix, string at, ICollection<RouteProblem> problems)
    {
        var match = new Proto.Match();
        var path = PathOf(from.Path, needsPrefix);
        if (path is not null)
        {
            match.Path = path;
        }

        if (from.Method is { Length: > 0 } method)
        {
            match.Method = new Proto.TextMatch { Exact = method };
        }

        match.Headers.Add(First(from.Headers, ignoreCase: true).Select(ValueOf));
        match.Query.Add(First(from.QueryParams, ignoreCase: false).Select(ValueOf));
        return IsReadable(match, at, problems) ? match : null;
    }

    /// <summary>A method is a path: <c>/package.Service/Method</c>.</summary>
    public static Proto.Match? Of(GrpcRouteMatch from, string at, ICollection<RouteProblem> problems)
    {
        const string Any = "[^/]+";
        var match = new Proto.Match();
        var (service, method) = (from.Method?.Service, from.Method?.Method);
        var byExpression = from.Method?.Type == "RegularExpression";
        match.Path = (service, method, byExpression) switch
        {
            (null or "", null or "", _) => null,
            ({ Length: > 0 }, { Length: > 0 }, false) => new Proto.PathMatch { Exact = $"/{service}/{method}" },
            ({ Length: > 0 }, _, false) => new Proto.PathMatch { Segments = $"/{service}" },
            (_, _, false) => new Proto.PathMatch { Regex = $"/{Any}/{System.Text.RegularExpressions.Regex.Escape(method!)}" },
            _ => new Proto.PathMatch { Regex = $"/{Group(service)}/{Group(method)}" },
        };
        match.Headers.Add(First(from.Headers, ignoreCase: true).Select(ValueOf));
        return IsReadable(match, at, problems) ? match : null;

        static string Group(string? expression) => string.IsNullOrEmpty(expression) ? Any : $"(?:{expression})";
    }

    private static Proto.PathMatch? PathOf(PathMatch? path, bool needsPrefix)
    {
        var value = path?.Value ?? "/";
        return path?.Type switch
        {
            "Exact" => new Proto.PathMatch { Exact = value },
            "RegularExpression" => new Proto.PathMatch { Regex = value },
            // All paths match the whole of it; only what replaces a prefix has to know which.
            _ when value == "/" && !needsPrefix => null,
            _ => new Proto.PathMatch { Segments = value.Length > 1 ? value.TrimEnd('/') : value },
        };
    }

    /// <summary>Of entries with one name only the first counts; names of headers are compared without regard to case.</summary>
    private static IEnumerable<ValueMatch> First(IReadOnlyList<ValueMatch>? values, bool ignoreCase) =>
        (values ?? []).DistinctBy(value => value.Name, ignoreCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);

    private static Proto.NameMatch ValueOf(ValueMatch value) => new()
    {
        Name = value.Name,
        Value = value.Type == "RegularExpression"
            ? new Proto.TextMatch { Regex = value.Value ?? "" }
            : new Proto.TextMatch { Exact = value.Value ?? "" },
    };

    private static bool IsReadable(Proto.Match match, string at, ICollection<RouteProblem> problems)
    {
        var expressions = new[] { match.Path?.Regex }.Concat(match.Headers.Concat(match.Query).Select(value => value.Value.Regex)).Where(pattern => pattern?.Length > 0);
        var before = problems.Count;
        foreach (var pattern in expressions)
        {
            if (Expressions.Problem(pattern!) is { } why)
            {
                problems.Add(new RouteProblem(RouteProblem.UnsupportedValue, $"{at}: '{pattern}' is no regular expression of RE2 ({why}); the match is left out."));
            }
        }

        return problems.Count == before;
    }
}
