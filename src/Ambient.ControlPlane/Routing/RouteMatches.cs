using Ambient.Api.Kubernetes;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>Matches of the Gateway API's routes → matches of a waypoint.</summary>
internal static class RouteMatches
{
    public static Proto.Match Of(HttpRouteMatch from, bool needsPrefix)
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
        return match;
    }

    /// <summary>A method is a path: <c>/package.Service/Method</c>.</summary>
    public static Proto.Match Of(GrpcRouteMatch from)
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
        return match;

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
}
