using System.Text.RegularExpressions;

namespace Ambient.Mesh.Http;

/// <summary>How a text of a request is compared.</summary>
public enum TextMatchKind
{
    /// <summary>Equal.</summary>
    Exact,

    /// <summary>Starts with.</summary>
    Prefix,

    /// <summary>An expression holds for the whole text.</summary>
    Regex,

    /// <summary>It is there, be it empty.</summary>
    Present,
}

/// <summary>A comparison of a method, a scheme, a host or a value. Immutable, made once when the configuration comes.</summary>
public sealed class TextMatcher
{
    private readonly Regex? _regex;

    /// <summary>Makes a comparison.</summary>
    /// <exception cref="FormatException">The expression cannot be taken.</exception>
    public TextMatcher(TextMatchKind kind, string pattern)
    {
        Kind = kind;
        Pattern = pattern;
        Wire = WireText.Of(pattern);
        _regex = kind == TextMatchKind.Regex ? Re2.Compile(pattern) : null;
    }

    /// <summary>How it compares.</summary>
    public TextMatchKind Kind { get; }

    /// <summary>What it compares with, as written.</summary>
    public string Pattern { get; }

    private string Wire { get; }

    /// <summary>Whether the text passes.</summary>
    public bool Holds(ReadOnlySpan<char> text) => Kind switch
    {
        TextMatchKind.Exact => text.SequenceEqual(Wire),
        TextMatchKind.Prefix => text.StartsWith(Wire, StringComparison.Ordinal),
        TextMatchKind.Regex => _regex!.IsMatch(text),
        _ => true,
    };

    /// <summary>Whether a host passes: without regard to case, with or without its port.</summary>
    public bool HoldsHost(ReadOnlySpan<char> authority) => Kind switch
    {
        TextMatchKind.Exact => authority.Equals(Wire, StringComparison.OrdinalIgnoreCase)
            || HostText.WithoutPort(authority).Equals(Wire, StringComparison.OrdinalIgnoreCase),
        TextMatchKind.Prefix => authority.StartsWith(Wire, StringComparison.OrdinalIgnoreCase),
        TextMatchKind.Regex => _regex!.IsMatch(authority) || _regex.IsMatch(HostText.WithoutPort(authority)),
        _ => !authority.IsEmpty,
    };

    /// <inheritdoc />
    public override string ToString() => Kind switch
    {
        TextMatchKind.Exact => Pattern,
        TextMatchKind.Prefix => Pattern + "*",
        TextMatchKind.Regex => $"/{Pattern}/",
        _ => "*",
    };
}

/// <summary>How a path is compared.</summary>
public enum PathMatchKind
{
    /// <summary>Equal.</summary>
    Exact,

    /// <summary>Starts with whole segments: <c>/a</c> holds for <c>/a</c>, <c>/a/</c> and <c>/a/b</c>, not for <c>/ab</c>.</summary>
    Segments,

    /// <summary>Starts with these characters.</summary>
    Prefix,

    /// <summary>An expression holds for the whole path.</summary>
    Regex,
}

/// <summary>A comparison of a path without its query. Immutable, made once when the configuration comes.</summary>
public sealed class PathMatcher
{
    private readonly Regex? _regex;
    private readonly StringComparison _comparison;

    /// <summary>Makes a comparison.</summary>
    /// <exception cref="FormatException">The expression cannot be taken.</exception>
    public PathMatcher(PathMatchKind kind, string pattern, bool ignoreCase = false)
    {
        Kind = kind;
        Pattern = pattern;
        // A slash at the end of segments says nothing (Gateway API, PathPrefix).
        Wire = WireText.Of(kind == PathMatchKind.Segments ? pattern.TrimEnd('/') : pattern);
        _comparison = ignoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        _regex = kind == PathMatchKind.Regex ? Re2.Compile(pattern, ignoreCase) : null;
    }

    /// <summary>How it compares.</summary>
    public PathMatchKind Kind { get; }

    /// <summary>What it compares with, as written.</summary>
    public string Pattern { get; }

    private string Wire { get; }

    /// <summary>How many characters of a path that passes are what a prefix rewrite replaces.</summary>
    internal int Matched(ReadOnlySpan<char> path) => Kind is PathMatchKind.Segments or PathMatchKind.Prefix ? Wire.Length : path.Length;

    /// <summary>Whether the path passes.</summary>
    public bool Holds(ReadOnlySpan<char> path) => Kind switch
    {
        PathMatchKind.Exact => path.Equals(Wire, _comparison),
        PathMatchKind.Segments => path.StartsWith(Wire, _comparison) && (path.Length == Wire.Length || path[Wire.Length] == '/'),
        PathMatchKind.Prefix => path.StartsWith(Wire, _comparison),
        _ => _regex!.IsMatch(path),
    };

    /// <inheritdoc />
    public override string ToString() => Kind switch
    {
        PathMatchKind.Exact => Pattern,
        PathMatchKind.Segments => Pattern + (Pattern.EndsWith('/') ? "..." : "/..."),
        PathMatchKind.Prefix => Pattern + "*",
        _ => $"/{Pattern}/",
    };
}

/// <summary>A comparison of a header field.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Value">What its value has to be.</param>
/// <param name="Invert">The comparison must not hold.</param>
public sealed record HeaderMatcher(HeaderName Name, TextMatcher Value, bool Invert)
{
    /// <inheritdoc />
    public override string ToString() => $"{Name}{(Invert ? " not " : " ")}{Value}";
}

/// <summary>A comparison of a parameter of the query.</summary>
/// <param name="Name">Its name, as it stands on the wire.</param>
/// <param name="Value">What its value has to be.</param>
/// <param name="Invert">The comparison must not hold.</param>
public sealed record QueryMatcher(string Name, TextMatcher Value, bool Invert)
{
    /// <inheritdoc />
    public override string ToString() => $"{Name}{(Invert ? " not " : " ")}{Value}";
}
