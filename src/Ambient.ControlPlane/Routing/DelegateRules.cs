using Ambient.Api.Kubernetes;

namespace Ambient.ControlPlane.Routing;

/// <summary>
/// The rules of a VirtualService that another one delegates to: each of its matches together with each of the delegating rule's. Two that can
/// never hold together give no rule.
/// </summary>
internal static class DelegateRules
{
    /// <summary>The rules that take the delegating rule's place.</summary>
    public static IEnumerable<HttpRule> Of(HttpRule root, IReadOnlyList<HttpRule>? rules) => (rules ?? []).Select(rule =>
    {
        var matches = Matches(root.Match).SelectMany(outer => Matches(rule.Match).Select(inner => Both(outer, inner))).OfType<HttpMatch>().ToList();
        return matches.Count == 0 ? null : rule with
        {
            Match = matches,
            Rewrite = rule.Rewrite ?? root.Rewrite,
            Timeout = rule.Timeout ?? root.Timeout,
            Retries = rule.Retries ?? root.Retries,
            Fault = rule.Fault ?? root.Fault,
            Mirror = rule.Mirror ?? (rule.Mirrors is { Count: > 0 } ? null : root.Mirror),
            MirrorPercentage = rule.MirrorPercentage ?? root.MirrorPercentage,
            CorsPolicy = rule.CorsPolicy ?? root.CorsPolicy,
            Headers = rule.Headers ?? root.Headers,
        };
    }).OfType<HttpRule>();

    private static IReadOnlyList<HttpMatch> Matches(IReadOnlyList<HttpMatch>? matches) => matches is { Count: > 0 } ? matches : [new HttpMatch()];

    private static HttpMatch? Both(HttpMatch outer, HttpMatch inner)
    {
        var isPossible = Narrower(outer.Uri, inner.Uri, out var uri)
            & Narrower(outer.Scheme, inner.Scheme, out var scheme)
            & Narrower(outer.Method, inner.Method, out var method)
            & Narrower(outer.Authority, inner.Authority, out var authority)
            & Merged(outer.Headers, inner.Headers, out var headers)
            & Merged(outer.WithoutHeaders, inner.WithoutHeaders, out var withoutHeaders, inverted: true)
            & Merged(outer.QueryParams, inner.QueryParams, out var queryParams)
            & (outer.Port is null or 0 || inner.Port is null or 0 || outer.Port == inner.Port);
        return isPossible ? inner with
        {
            Uri = uri,
            Scheme = scheme,
            Method = method,
            Authority = authority,
            Headers = headers,
            WithoutHeaders = withoutHeaders,
            QueryParams = queryParams,
            Port = inner.Port is null or 0 ? outer.Port : inner.Port,
            Gateways = inner.Gateways ?? outer.Gateways,
            SourceLabels = inner.SourceLabels ?? outer.SourceLabels,
            SourceNamespace = inner.SourceNamespace ?? outer.SourceNamespace,
            IgnoreUriCase = inner.IgnoreUriCase ?? outer.IgnoreUriCase,
        } : null;
    }

    /// <summary>The one of two that means less; none where that is neither, for one match holds one text.</summary>
    private static bool Narrower(TextMatch? outer, TextMatch? inner, out TextMatch? both)
    {
        both = inner ?? outer;
        return outer is null || inner is null || outer == inner
            || (outer.Prefix is { } prefix && (inner.Exact ?? inner.Prefix)?.StartsWith(prefix, StringComparison.Ordinal) == true);
    }

    private static bool Merged(
        IReadOnlyDictionary<string, TextMatch>? outer,
        IReadOnlyDictionary<string, TextMatch>? inner,
        out IReadOnlyDictionary<string, TextMatch>? both,
        bool inverted = false)
    {
        // What must not hold is narrowed by what means more, which one text cannot say: then the two have to be the same.
        var all = new Dictionary<string, TextMatch>(outer ?? new Dictionary<string, TextMatch>(), StringComparer.Ordinal);
        both = all;
        var isPossible = true;
        foreach (var (name, text) in inner ?? new Dictionary<string, TextMatch>())
        {
            isPossible &= Narrower(all.GetValueOrDefault(name), text, out var narrower) && (!inverted || narrower == (all.GetValueOrDefault(name) ?? narrower));
            all[name] = narrower!;
        }

        return isPossible;
    }
}
