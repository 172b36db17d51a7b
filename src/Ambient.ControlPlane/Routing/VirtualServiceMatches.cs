using Ambient.Api.Kubernetes;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>A VirtualService's matches → a waypoint's.</summary>
internal static class VirtualServiceMatches
{
    /// <summary>What a request has to be like.</summary>
    public static Proto.Match Of(HttpMatch from)
    {
        var match = new Proto.Match
        {
            Path = from.Uri switch
            {
                { Exact: { Length: > 0 } exact } => new Proto.PathMatch { Exact = exact },
                { Prefix: { Length: > 0 } prefix } => new Proto.PathMatch { Prefix = prefix },
                { Regex: { Length: > 0 } regex } => new Proto.PathMatch { Regex = regex },
                _ => null,
            },
            Method = Optional(from.Method),
            Authority = Optional(from.Authority),
            Scheme = Optional(from.Scheme),
            IgnoreCase = from.IgnoreUriCase == true,
        };
        match.Headers.Add(Named(from.Headers, invert: false).Concat(Named(from.WithoutHeaders, invert: true)));
        match.Query.Add(Named(from.QueryParams, invert: false));
        return match;
    }

    private static IEnumerable<Proto.NameMatch> Named(IReadOnlyDictionary<string, TextMatch>? matches, bool invert) => (matches ?? new Dictionary<string, TextMatch>())
        .OrderBy(entry => entry.Key, StringComparer.Ordinal)
        .Select(entry => new Proto.NameMatch { Name = entry.Key, Value = Text(entry.Value), Invert = invert });

    private static Proto.TextMatch? Optional(TextMatch? text) => text is null or { Exact: null, Prefix: null, Regex: null } ? null : Text(text);

    private static Proto.TextMatch Text(TextMatch? text) => text switch
    {
        { Exact: { } exact } => new Proto.TextMatch { Exact = exact },
        { Prefix: { } prefix } => new Proto.TextMatch { Prefix = prefix },
        { Regex: { } regex } => new Proto.TextMatch { Regex = regex },
        _ => new Proto.TextMatch { Present = true },
    };
}
