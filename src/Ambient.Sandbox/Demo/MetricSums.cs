using System.Globalization;
using System.Text.RegularExpressions;

namespace Ambient.Sandbox.Demo;

/// <summary>Sums over series of a Prometheus exposition.</summary>
internal static partial class MetricSums
{
    /// <summary>The sum of all series of a metric that have a label value.</summary>
    /// <param name="exposition">The text.</param>
    /// <param name="metric">The sample's name.</param>
    /// <param name="reporter">Wanted value of the label <c>reporter</c>.</param>
    /// <param name="labels">Further wanted labels, each <c>name="value"</c>.</param>
    public static long Sum(string exposition, string metric, string reporter, params string[] labels) =>
        Sample().Matches(exposition)
            .Where(match => match.Groups["name"].Value == metric
                && labels.Append($"reporter=\"{reporter}\"").All(label => match.Groups["labels"].Value.Contains(label, StringComparison.Ordinal)))
            .Sum(match => (long)double.Parse(match.Groups["value"].Value, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"^(?<name>[a-z_:]+)\{(?<labels>.*)\} (?<value>[0-9.eE+-]+)", RegexOptions.Multiline)]
    private static partial Regex Sample();
}
