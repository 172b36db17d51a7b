using Ambient.Bench.Measures;
using Ambient.Bench.Subjects;

namespace Ambient.Bench.Results;

/// <summary>One load on one subject, over all rounds.</summary>
internal sealed record Cell(LoadShape Load, string Subject)
{
    public List<Sample> Samples { get; } = [];

    /// <summary>What the load is about: Gbit/s for bulk, operations a second otherwise.</summary>
    public Spread Rate => Over(figures => (Load.IsBulk ? figures.Bytes * 8 / 1e9 : figures.Operations) / figures.Seconds);

    /// <summary>Processor time of the proxies: seconds per gigabyte for bulk, microseconds per operation otherwise.</summary>
    public Spread Cost => Over(figures => Load.IsBulk
        ? figures.ProcessorSeconds / (figures.Bytes / 1e9)
        : figures.ProcessorSeconds * 1e6 / figures.Operations);

    /// <summary>Microseconds.</summary>
    public Spread P50 => Over(figures => figures.P50);

    /// <summary>Microseconds.</summary>
    public Spread P99 => Over(figures => figures.P99);

    /// <summary>Microseconds.</summary>
    public Spread P999 => Over(figures => figures.P999);

    /// <summary>Jain's index over the streams: 1 where all got the same.</summary>
    public Spread Fairness => Over(figures =>
        Math.Pow(figures.PerStream.Sum(), 2) / (figures.PerStream.Length * figures.PerStream.Sum(bytes => bytes * bytes)));

    /// <summary>Megabytes of the proxies together, right after the load.</summary>
    public Spread Memory => Spread.Of(Samples.Select(sample => sample.Resident / 1e6));

    private Spread Over(Func<Load.LoadFigures, double> value) => Spread.Of(Samples.Select(sample => value(sample.Figures)));
}
