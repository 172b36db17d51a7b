using Ambient.Bench.Subjects;

namespace Ambient.Bench.Results;

/// <summary>One load on one subject, over all rounds.</summary>
internal sealed record Cell(LoadShape Load, string Subject)
{
    public List<Sample> Samples { get; } = [];

    /// <summary>What the load is about: Gbit/s for bulk, operations a second otherwise.</summary>
    public Spread Rate => Spread.Of(Samples.Select(sample => Load.IsBulk
        ? sample.Figures.Bytes * 8 / sample.Figures.Seconds / 1e9
        : sample.Figures.Operations / sample.Figures.Seconds));

    /// <summary>Processor time of the proxies: seconds per gigabyte for bulk, microseconds per operation otherwise.</summary>
    public Spread Cost => Spread.Of(Samples.Select(sample => Load.IsBulk
        ? sample.Figures.ProcessorSeconds / (sample.Figures.Bytes / 1e9)
        : sample.Figures.ProcessorSeconds * 1e6 / sample.Figures.Operations));

    /// <summary>Microseconds.</summary>
    public Spread P50 => Spread.Of(Samples.Select(sample => sample.Figures.P50));

    /// <summary>Microseconds.</summary>
    public Spread P99 => Spread.Of(Samples.Select(sample => sample.Figures.P99));

    /// <summary>Microseconds.</summary>
    public Spread P999 => Spread.Of(Samples.Select(sample => sample.Figures.P999));

    /// <summary>Jain's index over the streams: 1 where all got the same.</summary>
    public Spread Fairness => Spread.Of(Samples.Select(sample =>
        Math.Pow(sample.Figures.PerStream.Sum(), 2)
        / (sample.Figures.PerStream.Length * sample.Figures.PerStream.Sum(bytes => bytes * bytes))));

    /// <summary>Megabytes of the proxies together, after the load.</summary>
    public Spread Memory => Spread.Of(Samples.Select(sample => sample.Resident / 1e6));
}

/// <summary>Median with the smallest and the largest value.</summary>
internal readonly record struct Spread(double Median, double Least, double Most)
{
    public static Spread Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count == 0
            ? new Spread(double.NaN, double.NaN, double.NaN)
            : new Spread(
                sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2,
                sorted[0],
                sorted[^1]);
    }

    public override string ToString() => $"{Format(Median)} ({Format(Least)}–{Format(Most)})";

    private static string Format(double value) => value switch
    {
        >= 1000 => value.ToString("N0"),
        >= 10 => value.ToString("F1"),
        _ => value.ToString("F2"),
    };
}
