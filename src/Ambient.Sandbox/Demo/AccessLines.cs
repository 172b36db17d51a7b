using System.Text.RegularExpressions;

namespace Ambient.Sandbox.Demo;

/// <summary>One line of a ztunnel's access log, its fields by key.</summary>
internal sealed record AccessLine(string Node, string Level, string Message, IReadOnlyDictionary<string, string> Fields)
{
    /// <summary>A field, or an empty text.</summary>
    public string this[string key] => Fields.GetValueOrDefault(key, "");

    /// <summary>A field as number; 0 if absent.</summary>
    public long Number(string key) => long.TryParse(this[key], out var number) ? number : 0;
}

/// <summary>Reads access logs in the proxy's plain format: time, level, scope, message, then <c>key=value</c>, separated by tabs and blanks.</summary>
internal static partial class AccessLines
{
    /// <summary>The finished connections of a log.</summary>
    public static IReadOnlyList<AccessLine> Read(string node, IEnumerable<string> lines) =>
        [.. lines.Select(line => Parse(node, line)).OfType<AccessLine>()];

    private static AccessLine? Parse(string node, string line)
    {
        var parts = line.Split('\t', 5);
        if (parts.Length < 4 || !parts[2].StartsWith("access", StringComparison.Ordinal))
        {
            return null;
        }

        var rest = parts.Length == 5 ? parts[4] : "";
        var fields = Field().Matches(rest).DistinctBy(match => match.Groups["key"].Value)
            .ToDictionary(match => match.Groups["key"].Value, match => match.Groups["quoted"].Success
                ? match.Groups["quoted"].Value.Replace("\\\"", "\"", StringComparison.Ordinal)
                : match.Groups["bare"].Value);
        return new AccessLine(node, parts[1], parts[3], fields);
    }

    [GeneratedRegex("""(?<key>[a-z_.]+)=(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<bare>\S+))""")]
    private static partial Regex Field();
}
