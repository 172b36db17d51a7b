using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Ambient.Sandbox.Echo;

/// <summary>
/// Failures on request, to see what a mesh makes of them: of the requests with <c>?fail=N&amp;key=KEY</c> the first N of a key are answered
/// with 503, each pod by its own count. Those with <c>?wait=MILLISECONDS</c> are answered that much later.
/// </summary>
internal static class EchoFailures
{
    /// <summary>Keys that are remembered; beyond them nothing fails. Tests and demos use some dozen.</summary>
    private const int MostKeys = 4096;

    /// <summary>Longest wait: longer than any timeout that somebody wants to see pass.</summary>
    private const int LongestWait = 30_000;

    private static readonly ConcurrentDictionary<string, int> Seen = new(StringComparer.Ordinal);

    /// <summary>Waits as long as a request asks for.</summary>
    public static Task DelayAsync(IQueryCollection query, CancellationToken ct) =>
        int.TryParse(query["wait"], NumberStyles.None, CultureInfo.InvariantCulture, out var wait) ? Task.Delay(Math.Min(wait, LongestWait), ct) : Task.CompletedTask;

    /// <summary>Whether to fail this request.</summary>
    public static bool Take(IQueryCollection query)
    {
        if (!int.TryParse(query["fail"], NumberStyles.None, CultureInfo.InvariantCulture, out var wanted) || wanted == 0
            || query["key"] is not [{ Length: > 0 } key] || (Seen.Count >= MostKeys && !Seen.ContainsKey(key)))
        {
            return false;
        }

        return Seen.AddOrUpdate(key, 1, (_, count) => count + 1) <= wanted;
    }
}
