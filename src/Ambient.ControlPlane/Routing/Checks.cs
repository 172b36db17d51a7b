using System.Text.RegularExpressions;

namespace Ambient.ControlPlane.Routing;

/// <summary>Checks that Istio's networking resources have in common.</summary>
internal static partial class Checks
{
    public static bool IsPort(int? port) => port is > 0 and <= ushort.MaxValue;

    /// <summary>A DNS label.</summary>
    public static bool IsLabel(string text) => text.Length <= 63 && Label().IsMatch(text);

    /// <summary>A host name, of which a star may stand for the first labels.</summary>
    public static bool IsHost(string text) => text.Length <= 255 && Host().IsMatch(text);

    /// <summary>Items with the place where each stands.</summary>
    public static IEnumerable<(T Item, string At)> Numbered<T>(IReadOnlyList<T>? items, string at) =>
        (items ?? []).Select((item, index) => (item, $"{at}[{index}]"));

    /// <summary>Whether a text is a duration of a millisecond or more; the problem if it is none.</summary>
    public static IEnumerable<string> Duration(string? text, string at)
    {
        if (text is not null && !(Durations.Parse(text) is { } duration && duration >= TimeSpan.FromMilliseconds(1)))
        {
            yield return $"{at}: '{text}' is no duration of 1ms or more, such as 1.5s";
        }
    }

    [GeneratedRegex(@"\A[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?\z")]
    private static partial Regex Label();

    [GeneratedRegex(@"\A(\*|(\*\.)?[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?)*\.?)\z")]
    private static partial Regex Host();
}
