namespace Ambient.Mesh.Http;

/// <summary>
/// A path of which some segments are free: <c>{*}</c> is any one that is not empty, <c>{**}</c> any number, slashes included. As Istio, after
/// <c>{**}</c> no further operator may come, and an operator fills its segment.
/// </summary>
public sealed class PathTemplate
{
    private const string Any = "{*}";
    private const string AnyNumber = "{**}";

    private readonly string _text;
    private readonly string[] _segments;
    private readonly string? _tail;

    private PathTemplate(string text, string[] segments, string? tail) => (_text, _segments, _tail) = (text, segments, tail);

    /// <summary>Reads a template.</summary>
    /// <exception cref="FormatException">It is not one.</exception>
    public static PathTemplate Parse(string text)
    {
        if (!text.StartsWith('/'))
        {
            throw new FormatException($"the path template '{text}' does not start with a slash");
        }

        var segments = WireText.Of(text)[1..].Split('/');
        var glob = Array.IndexOf(segments, AnyNumber);
        for (var i = 0; i < segments.Length; i++)
        {
            var isOperator = segments[i] is Any or AnyNumber;
            if (isOperator ? glob >= 0 && i > glob : segments[i].AsSpan().ContainsAny("{}*"))
            {
                throw new FormatException(isOperator
                    ? $"the path template '{text}' has an operator after {{**}}, which has to be the last"
                    : $"the path template '{text}' has an operator that does not fill its segment");
            }
        }

        return glob < 0
            ? new PathTemplate(text, segments, null)
            : new PathTemplate(text, segments[..glob], string.Concat(segments[(glob + 1)..].Select(segment => '/' + segment)));
    }

    /// <summary>Whether a path passes.</summary>
    public bool Holds(ReadOnlySpan<char> path)
    {
        foreach (var segment in _segments)
        {
            if (path is not ['/', ..])
            {
                return false;
            }

            path = path[1..];
            var length = path.IndexOf('/') is var slash and >= 0 ? slash : path.Length;
            if (segment == Any ? length == 0 : !path[..length].SequenceEqual(segment))
            {
                return false;
            }

            path = path[length..];
        }

        return _tail is null ? path.IsEmpty : path is ['/', ..] && path[1..].EndsWith(_tail, StringComparison.Ordinal);
    }

    /// <inheritdoc />
    public override string ToString() => _text;
}
