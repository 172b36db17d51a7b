using System.Globalization;
using System.Text.RegularExpressions;
using Google.Protobuf.WellKnownTypes;

namespace Ambient.ControlPlane.Routing;

/// <summary>Durations as resources write them: numbers with units, one after the other, e.g. <c>1m30s</c>, <c>2.5s</c> or <c>250ms</c>.</summary>
internal static partial class Durations
{
    /// <summary>The duration; null where the text is none.</summary>
    public static TimeSpan? Parse(string? text)
    {
        if (text is null || !Whole().IsMatch(text))
        {
            return null;
        }

        var ticks = Part().Matches(text).Sum(part =>
            double.Parse(part.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * TicksOf(part.Groups[2].Value));
        return ticks < TimeSpan.MaxValue.Ticks ? TimeSpan.FromTicks((long)ticks) : null;
    }

    /// <summary>The duration for a proxy; null for none, which is what absent and zero mean.</summary>
    public static Duration? Wire(string? text) => Parse(text) is { Ticks: > 0 } duration ? Duration.FromTimeSpan(duration) : null;

    private static double TicksOf(string unit) => unit switch
    {
        "h" => TimeSpan.TicksPerHour,
        "m" => TimeSpan.TicksPerMinute,
        "s" => TimeSpan.TicksPerSecond,
        "ms" => TimeSpan.TicksPerMillisecond,
        "us" or "µs" => TimeSpan.TicksPerMicrosecond,
        _ => 1d / TimeSpan.NanosecondsPerTick,
    };

    [GeneratedRegex(@"\A([0-9]+(\.[0-9]*)?(h|ms|m|s|us|µs|ns))+\z")]
    private static partial Regex Whole();

    [GeneratedRegex(@"([0-9]+(?:\.[0-9]*)?)(h|ms|m|s|us|µs|ns)")]
    private static partial Regex Part();
}
