using System.Text.Json;

namespace Ambient.Http.Tests.Recorded;

/// <summary>One recorded exchange: bytes sent to a waypoint, what it answered, and what the server behind it received.</summary>
/// <param name="Case">What it is about.</param>
/// <param name="Sent">The request, one character per byte, in full.</param>
/// <param name="Statuses">The statuses of all answers.</param>
/// <param name="Answer">How the answer begins.</param>
/// <param name="Upstream">What the server received.</param>
/// <param name="HalfClosed">The client ended its direction after sending.</param>
/// <param name="Log">Status, response flags and reason.</param>
internal sealed record RecordedExchange(
    string Case, string Sent, int[] Statuses, string Answer, string[] Upstream, bool HalfClosed, string[] Log)
{
    /// <summary>Where a recording was cut for length, the character before the mark was repeated to this many.</summary>
    private static readonly Dictionary<string, int> Lengths = new()
    {
        ["path of 8001 bytes"] = 8_000,
        ["path of 70001 bytes"] = 70_000,
        ["header: 60 kB value"] = 60_000,
        ["header: 70 kB value"] = 70_000,
        ["chunk size line of 4 kB extension"] = 4_096,
    };

    public static IReadOnlyList<RecordedExchange> All { get; } =
    [
        .. File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Golden", "exchanges.jsonl"))
            .Select(line => JsonDocument.Parse(line).RootElement).Select(Read),
    ];

    private static RecordedExchange Read(JsonElement line)
    {
        var name = line.GetProperty("case").GetString()!;
        return new RecordedExchange(
            name,
            Whole(name, line.GetProperty("sent").GetString()!),
            [.. line.GetProperty("statuses").EnumerateArray().Select(status => status.GetInt32())],
            line.GetProperty("answer").GetString()!,
            [.. line.GetProperty("upstream").EnumerateArray().Select(request => Whole(name, request.GetString()!))],
            line.TryGetProperty("halfClosed", out var halfClosed) && halfClosed.GetBoolean(),
            [.. line.GetProperty("log").EnumerateArray().Select(entry => entry.GetString()!)]);
    }

    private static string Whole(string name, string text)
    {
        var cut = text.IndexOf('\u2026', StringComparison.Ordinal);
        if (cut < 0)
        {
            return text;
        }

        var repeated = text[cut - 1];
        var start = text.AsSpan(0, cut).LastIndexOfAnyExcept(repeated) + 1;
        return text[..start] + new string(repeated, Lengths[name]) + text[(cut + 1)..];
    }
}
