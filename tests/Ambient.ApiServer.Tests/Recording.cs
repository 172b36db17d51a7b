using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Ambient.ApiServer.Tests;

/// <summary>Compares an answer with a recorded one. Placeholders stand for what differs in every run.</summary>
internal static partial class Recording
{
    public static IReadOnlyList<JsonObject> Load() =>
        [.. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Golden", "exchanges.jsonl"))
            .Where(line => line.Length > 0).Select(line => JsonNode.Parse(line)!.AsObject())];

    public static List<string> Compare(JsonNode? expected, JsonNode? actual)
    {
        var differences = new List<string>();
        Compare(expected, actual, "", differences);
        return differences;
    }

    private static void Compare(JsonNode? expected, JsonNode? actual, string path, List<string> differences)
    {
        switch (expected, actual)
        {
            case (JsonObject wanted, JsonObject given):
                Objects(wanted, given, path, differences);
                break;
            case (JsonArray wanted, JsonArray given):
                var (left, right) = IsSet(path) ? (Sorted(wanted), Sorted(given)) : ([.. wanted], [.. given]);
                if (left.Count != right.Count)
                {
                    differences.Add($"{path}: {left.Count} items recorded, {right.Count} here: {Short(expected)} / {Short(actual)}");
                }

                for (var index = 0; index < Math.Min(left.Count, right.Count); index++)
                {
                    Compare(left[index], right[index], $"{path}[{index}]", differences);
                }

                break;
            default:
                if (!Same(expected, actual, path))
                {
                    differences.Add($"{path}: {Short(expected)} recorded, {Short(actual)} here");
                }

                break;
        }
    }

    private static void Objects(JsonObject wanted, JsonObject given, string path, List<string> differences)
    {
        foreach (var (name, value) in wanted)
        {
            if (!given.ContainsKey(name))
            {
                // A write in the same second as its creation has no time of its own in some recordings, and the other way round.
                if (!(name == "time" && path.Contains("managedFields", StringComparison.Ordinal)))
                {
                    differences.Add($"{path}.{name}: {Short(value)} recorded, nothing here");
                }
            }
            else
            {
                Compare(value, given[name], $"{path}.{name}", differences);
            }
        }

        foreach (var (name, value) in given)
        {
            if (!wanted.ContainsKey(name) && !IsLeftOut(name, path))
            {
                differences.Add($"{path}.{name}: not recorded, {Short(value)} here");
            }
        }
    }

    /// <summary>Descriptions are words of our own, and the recording left them out; so are some times.</summary>
    private static bool IsLeftOut(string name, string path) =>
        (name == "description" && path.Contains("columnDefinitions", StringComparison.Ordinal))
        || (name == "time" && path.Contains("managedFields", StringComparison.Ordinal));

    private static bool Same(JsonNode? expected, JsonNode? actual, string path)
    {
        if (JsonNode.DeepEquals(expected, actual))
        {
            return true;
        }

        if (expected is not JsonValue text || !text.TryGetValue(out string? wanted) || actual is null)
        {
            return false;
        }

        // The words of a refusal are the server's own; its reason, its field and its code are not.
        if (path.EndsWith(".message", StringComparison.Ordinal) || path.EndsWith(".error", StringComparison.Ordinal))
        {
            return actual.GetValueKind() == System.Text.Json.JsonValueKind.String;
        }

        var given = actual is JsonValue value && value.TryGetValue(out string? other) ? other : actual.ToJsonString();
        if (path.EndsWith(".serverAddress", StringComparison.Ordinal))
        {
            return Address().IsMatch(given);
        }

        if (path.Contains(".cells[", StringComparison.Ordinal) && Age().IsMatch(wanted))
        {
            return Age().IsMatch(given);
        }

        if (wanted is "<none>" or "<unknown>")
        {
            return false;
        }

        var pattern = "^" + Placeholder().Replace(Regex.Escape(wanted), ".+") + "$";
        return (wanted.Contains('<') || wanted.StartsWith("gen-", StringComparison.Ordinal))
            && Regex.IsMatch(given, wanted.StartsWith("gen-", StringComparison.Ordinal) ? "^gen-[a-z0-9]{5}$" : pattern);
    }

    /// <summary>Lists whose order says nothing: groups, resources and names of discovery.</summary>
    private static bool IsSet(string path) =>
        path.EndsWith(".groups", StringComparison.Ordinal) || path.EndsWith(".resources", StringComparison.Ordinal);

    private static List<JsonNode?> Sorted(JsonArray array) =>
        [.. array.OrderBy(item => (item as JsonObject)?["name"]?.ToString() ?? (item as JsonObject)?["resource"]?.ToString() ?? item?.ToString(), StringComparer.Ordinal)];

    private static string Short(JsonNode? node)
    {
        var text = node?.ToJsonString() ?? "null";
        return text.Length > 300 ? text[..300] + "…" : text;
    }

    [GeneratedRegex("^[0-9]+[smh]$")]
    private static partial Regex Age();

    [GeneratedRegex(@"^[0-9.:\[\]]+:[0-9]+$")]
    private static partial Regex Address();

    [GeneratedRegex(@"<[^>]*>")]
    private static partial Regex Placeholder();
}
