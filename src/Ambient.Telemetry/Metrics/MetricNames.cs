namespace Ambient.Telemetry.Metrics;

/// <summary>What Prometheus and OpenMetrics accept as names.</summary>
internal static class MetricNames
{
    public static void Check(string name, IReadOnlyList<string> labels)
    {
        if (!IsName(name) || name.EndsWith("_total", StringComparison.Ordinal))
        {
            throw new ArgumentException(
                $"'{name}' is not a metric name: use letters, digits and _, and leave _total off, it is added to counters.", nameof(name));
        }

        foreach (var label in labels)
        {
            if (!IsName(label) || label.StartsWith("__", StringComparison.Ordinal) || label == "le")
            {
                throw new ArgumentException($"'{label}' is not a label name of metric {name}: use letters, digits and _.", nameof(labels));
            }
        }
    }

    private static bool IsName(string name) =>
        name.Length > 0
        && !char.IsAsciiDigit(name[0])
        && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or ':');
}
