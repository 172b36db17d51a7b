namespace Ambient.Telemetry.Metrics;

/// <summary>
/// All metrics of a process. Register families once at start; their series come and go within the bounds of
/// <see cref="FamilyOptions"/>.
/// </summary>
public sealed class MetricRegistry(TimeProvider? time = null)
{
    /// <summary>What is collected before it is passed on: large enough for few writes, small enough to forget.</summary>
    private const int FlushAt = 64 * 1024;

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly Lock _registration = new();
    private readonly Dictionary<string, MetricFamily> _byName = new(StringComparer.Ordinal);
    private MetricFamily[] _families = [];

    /// <summary>Registers counters. <paramref name="name"/> has no <c>_total</c>.</summary>
    public CounterFamily Counter(string name, string help, FamilyOptions? options = null) =>
        Register(new CounterFamily(name, help, options ?? new FamilyOptions(), _time));

    /// <summary>Registers gauges.</summary>
    public GaugeFamily Gauge(string name, string help, FamilyOptions? options = null) =>
        Register(new GaugeFamily(name, help, options ?? new FamilyOptions(), _time));

    /// <summary>Registers histograms with these upper bounds, in the unit of the name.</summary>
    public HistogramFamily Histogram(string name, string help, IReadOnlyList<double> bounds, FamilyOptions? options = null) =>
        Register(new HistogramFamily(name, help, bounds, options ?? new FamilyOptions(), _time));

    /// <summary>Registers a gauge that is read at each scrape; while it reads NaN it is left out.</summary>
    public void ObservedGauge(string name, string help, Func<double> read) =>
        Register(new ObservedFamily(name, help, "gauge", read));

    /// <summary>Registers a counter that is read at each scrape.</summary>
    public void ObservedCounter(string name, string help, Func<double> read) =>
        Register(new ObservedFamily(name, help, "counter", read));

    /// <summary>Writes every family that has series, in the order of registration, and retires series that stood still.</summary>
    public async Task WriteAsync(Stream output, ExpositionFormat format, CancellationToken cancellation = default)
    {
        var writer = new ExpositionWriter(format);
        foreach (var family in Volatile.Read(ref _families))
        {
            family.Sweep();
            foreach (var _ in family.Write(writer))
            {
                if (writer.Written.Length >= FlushAt)
                {
                    await output.WriteAsync(writer.Written, cancellation);
                    writer.Clear();
                }
            }
        }

        writer.End();
        await output.WriteAsync(writer.Written, cancellation);
    }

    private T Register<T>(T family)
        where T : MetricFamily
    {
        lock (_registration)
        {
            if (!_byName.TryAdd(family.Name, family))
            {
                throw new InvalidOperationException(
                    $"Metric {family.Name} is registered already: register a family once and share it.");
            }

            Volatile.Write(ref _families, [.. _families, family]);
            return family;
        }
    }
}
