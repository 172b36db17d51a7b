using System.Text.RegularExpressions;

namespace Ambient.Ztunnel.Tests.Support;

/// <summary>A line of the access log, taken apart: level, scope, message, and keys with values in their order.</summary>
internal sealed partial record AccessLine(string Level, string Scope, string Message, IReadOnlyList<KeyValuePair<string, string>> Fields)
{
    public string? this[string key] => Fields.Where(field => field.Key == key).Select(field => field.Value).FirstOrDefault();

    public static AccessLine Parse(string line)
    {
        var parts = line.Split('\t');
        Assert.True(parts.Length == 5, line);
        return new AccessLine(parts[1], parts[2], parts[3], [.. Field().Matches(parts[4])
            .Select(match => KeyValuePair.Create(match.Groups["key"].Value, match.Groups["value"].Value))]);
    }

    /// <summary>
    /// The line with what no two runs share replaced: the client's port and the duration; and without the words of the error, which are
    /// ours to choose. That there is an error, and where it stands, stays.
    /// </summary>
    public string Comparable() => $"{Level} {Scope} {Message} " + string.Join(' ', Fields.Select(field => field.Key switch
    {
        "src.addr" => $"src.addr={field.Value[..field.Value.LastIndexOf(':')]}:<port>",
        "duration" => Duration().IsMatch(field.Value) ? "duration=<ms>" : $"duration={field.Value}",
        "error" => "error=<words>",
        _ => $"{field.Key}={field.Value}",
    }));

    [GeneratedRegex("""(?<key>[a-z_.]+)=(?<value>"(?:[^"\\]|\\.)*"|\S+)""")]
    private static partial Regex Field();

    [GeneratedRegex("""^"\d+ms"$""")]
    private static partial Regex Duration();
}
