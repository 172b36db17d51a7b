using System.Globalization;

namespace Ambient.Mesh.Http;

/// <summary>Computes where rewritten and redirected requests point to, by the Gateway API's rules (HTTPPathModifier, HTTPRequestRedirectFilter).</summary>
internal static class RequestTarget
{
    /// <summary>The path and query after a change.</summary>
    public static string Rewrite(PathChange change, PathMatcher? matcher, ReadOnlySpan<char> path, ReadOnlySpan<char> query)
    {
        // A value that brings a query of its own replaces the request's.
        var kept = change.Value.Contains('?', StringComparison.Ordinal) ? default : query;
        if (change.Full)
        {
            return string.Concat(change.Value.StartsWith('/') ? change.Value : "/" + change.Value, kept);
        }

        var matched = Math.Min(matcher?.Matched(path) ?? 0, path.Length);
        var rest = path[matched..];
        if (matcher is { Kind: not PathMatchKind.Segments })
        {
            var text = string.Concat(change.Value, rest, kept);
            return text.StartsWith('/') ? text : "/" + text;
        }

        // Whole segments: the slash at the end of what replaces them says nothing, and what is left begins with one or is empty.
        var prefix = change.Value.AsSpan().TrimEnd('/');
        if (prefix.IsEmpty && rest.IsEmpty)
        {
            rest = "/";
        }

        return prefix is ['/', ..] or [] ? string.Concat(prefix, rest, kept) : string.Concat("/", prefix, rest, kept);
    }

    /// <summary>The <c>Location</c> of a redirect.</summary>
    public static string Location(RedirectAction redirect, PathMatcher? matcher, in HttpRequestFacts facts)
    {
        var scheme = redirect.Scheme ?? (facts.Scheme.IsEmpty ? "http" : facts.Scheme);
        var host = redirect.Authority is { } authority ? authority : HostText.WithoutPort(facts.Authority);
        var port = Port(redirect, scheme, facts);
        var target = redirect.Path is { } change
            ? Rewrite(change, matcher, facts.Path, facts.Query)
            : string.Concat(facts.Path, facts.Query);
        return port is { } shown
            ? string.Create(CultureInfo.InvariantCulture, $"{scheme}://{host}:{shown}{target}")
            : $"{scheme}://{host}{target}";
    }

    /// <summary>
    /// The port to write: the redirect's; without it the one that goes with the redirect's scheme; without that the one that the request came to.
    /// The port that goes with the scheme is never written.
    /// </summary>
    private static int? Port(RedirectAction redirect, ReadOnlySpan<char> scheme, in HttpRequestFacts facts)
    {
        var usual = scheme.SequenceEqual("https") ? 443 : 80;
        var port = redirect.Port ?? (redirect.Scheme is not null
            ? usual
            : redirect.Authority is null && int.TryParse(HostText.Port(facts.Authority), NumberStyles.None, CultureInfo.InvariantCulture, out var named)
                ? named
                : facts.Connection.DestinationPort);
        return port == usual || (redirect.Authority is { } own && !HostText.Port(own).IsEmpty) ? null : port;
    }
}
