namespace Ambient.Mesh.Http;

/// <summary>The part of a match that did not hold.</summary>
internal enum MatchPart
{
    None,
    Path,
    Method,
    Authority,
    Scheme,
    Header,
    Query,
}

/// <summary>Requests against the matches of routes. Allocates nothing for values of usual length.</summary>
internal static class RouteMatching
{
    /// <summary>Room for a usual header value; longer ones are the source's to keep.</summary>
    private const int UsualValue = 256;

    /// <summary>Whether a rule is for a request, and by which of its matches; −1 where it has none.</summary>
    public static bool Matches(HttpRoute route, in HttpRequestFacts facts, out int match)
    {
        match = -1;
        if (route.Matches.IsEmpty)
        {
            return true;
        }

        for (var i = 0; i < route.Matches.Length; i++)
        {
            if (Failing(route.Matches[i], facts, out _) == MatchPart.None)
            {
                match = i;
                return true;
            }
        }

        return false;
    }

    /// <summary>The first part of a match that does not hold, and which header or parameter it is about.</summary>
    public static MatchPart Failing(RouteMatch match, in HttpRequestFacts facts, out object? failing)
    {
        failing = null;
        if (match.Path is { } path && !path.Holds(facts.Path))
        {
            return MatchPart.Path;
        }

        if (match.Method is { } method && !method.Holds(facts.Method))
        {
            return MatchPart.Method;
        }

        if (match.Authority is { } authority && !authority.HoldsHost(facts.Authority))
        {
            return MatchPart.Authority;
        }

        if (match.Scheme is { } scheme && !scheme.Holds(facts.Scheme))
        {
            return MatchPart.Scheme;
        }

        foreach (var header in match.Headers)
        {
            if (!HoldsHeader(header, facts))
            {
                failing = header;
                return MatchPart.Header;
            }
        }

        foreach (var parameter in match.Query)
        {
            if ((TryGetParameter(facts.Query, parameter.Name, out var value) && parameter.Value.Holds(value)) == parameter.Invert)
            {
                failing = parameter;
                return MatchPart.Query;
            }
        }

        return MatchPart.None;
    }

    /// <summary>A field of the request; the names that HTTP/2 gives the request's line mean its parts.</summary>
    public static bool TryGetHeader(HeaderName name, in HttpRequestFacts facts, Span<char> scratch, out ReadOnlySpan<char> value)
    {
        switch (name.Text)
        {
            case ":method":
                value = facts.Method;
                return true;
            case ":authority" or "host":
                value = facts.Authority;
                return !value.IsEmpty;
            case ":scheme":
                value = facts.Scheme;
                return !value.IsEmpty;
            case ":path":
                value = facts.Query.IsEmpty ? facts.Path : string.Concat(facts.Path, facts.Query);
                return true;
            default:
                return facts.Headers.TryGet(name, scratch, out value);
        }
    }

    /// <summary>The first parameter of a name, as written.</summary>
    public static bool TryGetParameter(ReadOnlySpan<char> query, string name, out ReadOnlySpan<char> value)
    {
        var rest = query is ['?', ..] ? query[1..] : query;
        while (!rest.IsEmpty)
        {
            var end = rest.IndexOf('&');
            var pair = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            var equals = pair.IndexOf('=');
            if ((equals < 0 ? pair : pair[..equals]).SequenceEqual(name))
            {
                value = equals < 0 ? default : pair[(equals + 1)..];
                return true;
            }
        }

        value = default;
        return false;
    }

    private static bool HoldsHeader(HeaderMatcher header, in HttpRequestFacts facts)
    {
        Span<char> scratch = stackalloc char[UsualValue];
        return (TryGetHeader(header.Name, facts, scratch, out var value) && header.Value.Holds(value)) != header.Invert;
    }
}
