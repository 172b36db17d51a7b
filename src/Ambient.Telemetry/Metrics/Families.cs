namespace Ambient.Telemetry.Metrics;

/// <summary>Counters of one name. Written with the suffix <c>_total</c>.</summary>
public sealed class CounterFamily : MetricFamily<Counter>
{
    internal CounterFamily(string name, string help, FamilyOptions options, TimeProvider time)
        : base(name, help, options, time)
    {
    }

    internal override string Type => "counter";

    private protected override Counter Create(LabelValues labels) => new(this, labels);

    private protected override void Retire(Counter series, Func<Counter> total) => series.RetireInto(total());

    private protected override void WriteSeries(ExpositionWriter writer, Counter series) =>
        writer.Sample(this, Options.BareCounterName ? "" : "_total", series.Labels, series.Value);
}

/// <summary>Gauges of one name.</summary>
public sealed class GaugeFamily : MetricFamily<Gauge>
{
    internal GaugeFamily(string name, string help, FamilyOptions options, TimeProvider time)
        : base(name, help, options, time)
    {
    }

    internal override string Type => "gauge";

    private protected override Gauge Create(LabelValues labels) => new(this, labels);

    private protected override void Retire(Gauge series, Func<Gauge> total) => series.RetireInto(total);

    private protected override void WriteSeries(ExpositionWriter writer, Gauge series) =>
        writer.Sample(this, "", series.Labels, series.Value);
}

/// <summary>Histograms of one name and one list of bounds.</summary>
public sealed class HistogramFamily : MetricFamily<Histogram>
{
    private readonly double[] _bounds;

    internal HistogramFamily(string name, string help, IReadOnlyList<double> bounds, FamilyOptions options, TimeProvider time)
        : base(name, help, options, time)
    {
        _bounds = [.. bounds];
        if (_bounds.Length == 0 || !_bounds.SequenceEqual(_bounds.Order().Distinct()) || !_bounds.All(double.IsFinite))
        {
            throw new ArgumentException($"The bounds of histogram {name} must be finite and ascending.", nameof(bounds));
        }
    }

    /// <summary>Upper bounds of the buckets, ascending; a last bucket without bound follows.</summary>
    public IReadOnlyList<double> Bounds => _bounds;

    internal override string Type => "histogram";

    internal int BucketOf(double value)
    {
        var bucket = 0;
        while (bucket < _bounds.Length && !(value <= _bounds[bucket]))
        {
            bucket++;
        }

        return bucket;
    }

    private protected override Histogram Create(LabelValues labels) => new(this, labels);

    private protected override void Retire(Histogram series, Func<Histogram> total) => series.RetireInto(total());

    private protected override void WriteSeries(ExpositionWriter writer, Histogram series)
    {
        var below = 0L;
        for (var bucket = 0; bucket < _bounds.Length; bucket++)
        {
            below += series.CountOf(bucket);
            writer.Bucket(this, series.Labels, _bounds[bucket], below);
        }

        below += series.CountOf(_bounds.Length);
        writer.Bucket(this, series.Labels, double.PositiveInfinity, below);
        writer.Sample(this, "_sum", series.Labels, series.Sum);
        writer.Sample(this, "_count", series.Labels, below);
    }
}

/// <summary>A single value that is asked for at each scrape.</summary>
internal sealed class ObservedFamily(string name, string help, string type, Func<double> read) : MetricFamily(name, help, new FamilyOptions())
{
    internal override string Type => type;

    internal override IEnumerable<MetricFamily> Write(ExpositionWriter writer)
    {
        var value = read();
        if (!double.IsNaN(value))
        {
            writer.BeginFamily(this);
            writer.Sample(this, type == "counter" ? "_total" : "", LabelValues.None, value);
        }

        yield return this;
    }

    internal override void Sweep()
    {
        // One series that is always there.
    }
}
