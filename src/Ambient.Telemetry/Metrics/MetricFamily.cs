using System.Collections.Concurrent;

namespace Ambient.Telemetry.Metrics;

/// <summary>A named group of series of one type; the registry writes families in the order of their registration.</summary>
public abstract class MetricFamily
{
    private protected MetricFamily(string name, string help, FamilyOptions options)
    {
        MetricNames.Check(name, options.Labels);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxSeries, 1);
        Name = name;
        Help = help;
        Options = options;
    }

    /// <summary>The name without suffixes such as <c>_total</c>.</summary>
    public string Name { get; }

    /// <summary>What the family counts, in words; not written when empty.</summary>
    public string Help { get; }

    internal FamilyOptions Options { get; }

    internal abstract string Type { get; }

    /// <summary>Writes every series as it stands. Yields now and then, so that the writer can pass on what it holds.</summary>
    internal abstract IEnumerable<MetricFamily> Write(ExpositionWriter writer);

    /// <summary>Retires what stood still.</summary>
    internal abstract void Sweep();
}

/// <summary>What the families of all types share: finding, admitting, retiring.</summary>
public abstract class MetricFamily<TSeries> : MetricFamily
    where TSeries : MetricSeries
{
    /// <summary>Collective series exist for combinations of kept labels; beyond this many, one series serves the rest.</summary>
    private const int MaxCollective = 64;

    /// <summary>A full family looks for idle series to make room for new ones at most this often.</summary>
    private static readonly TimeSpan SweepWhenFull = TimeSpan.FromSeconds(10);

    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<LabelValues, TSeries> _live = new();
    private readonly Lock _membership = new();
    private readonly List<TSeries> _inOrder = [];
    private readonly Dictionary<LabelValues, TSeries> _collective = [];
    private readonly int[] _kept;
    private long _sweptAt;

    private protected MetricFamily(string name, string help, FamilyOptions options, TimeProvider time)
        : base(name, help, options)
    {
        _time = time;
        _sweptAt = time.GetTimestamp();
        _kept = [.. options.LabelsKeptInTotals.Select(label => IndexOf(options.Labels, label))];
    }

    /// <summary>The only series of a family without labels.</summary>
    public TSeries Single => With(LabelValues.None);

    /// <summary>The series of these label values, made if it is new. Keep the result where it is used often.</summary>
    public TSeries With(params ReadOnlySpan<string> values) => With(new LabelValues(values));

    /// <summary>The series of these label values, made if it is new.</summary>
    public TSeries With(LabelValues values) => _live.TryGetValue(values, out var series) ? series : Admit(values);

    internal sealed override IEnumerable<MetricFamily> Write(ExpositionWriter writer)
    {
        TSeries[] all;
        lock (_membership)
        {
            all = [.. _inOrder, .. _collective.Values];
        }

        if (all.Length == 0)
        {
            yield break;
        }

        writer.BeginFamily(this);
        foreach (var series in all)
        {
            WriteSeries(writer, series);
            yield return this;
        }
    }

    internal sealed override void Sweep()
    {
        lock (_membership)
        {
            SweepLocked();
        }
    }

    private protected abstract TSeries Create(LabelValues labels);

    private protected abstract void Retire(TSeries series, Func<TSeries> total);

    private protected abstract void WriteSeries(ExpositionWriter writer, TSeries series);

    private TSeries Admit(LabelValues values)
    {
        var missing = Options.Labels.Count - values.Count;
        if (missing != 0 && missing != Options.OptionalLabels)
        {
            throw new ArgumentException(
                $"Metric {Name} has {Options.Labels.Count} labels ({string.Join(", ", Options.Labels)}), of which the last "
                + $"{Options.OptionalLabels} may be left out; {values.Count} values were given.", nameof(values));
        }

        lock (_membership)
        {
            if (_live.TryGetValue(values, out var series))
            {
                return series;
            }

            if (_inOrder.Count >= Options.MaxSeries && _time.GetElapsedTime(_sweptAt) >= SweepWhenFull)
            {
                SweepLocked();
            }

            if (_inOrder.Count >= Options.MaxSeries)
            {
                return Collective(values, "overflow");
            }

            series = Create(values);
            series.Born(_time.GetTimestamp());
            _inOrder.Add(series);
            _live[values] = series;
            return series;
        }
    }

    private void SweepLocked()
    {
        _sweptAt = _time.GetTimestamp();
        var idleTicks = (long)(Options.IdleTime.TotalSeconds * _time.TimestampFrequency);
        _inOrder.RemoveAll(series =>
        {
            if (!series.IsIdle(_sweptAt, idleTicks))
            {
                return false;
            }

            _live.TryRemove(series.Labels, out _);
            Retire(series, () => Collective(series.Labels, "retired"));
            return true;
        });
    }

    private TSeries Collective(LabelValues values, string word)
    {
        var labels = new string[Options.Labels.Count - Options.OptionalLabels];
        Array.Fill(labels, word);
        var common = new LabelValues(labels);
        foreach (var index in _kept)
        {
            labels[index] = values[index];
        }

        var wanted = new LabelValues(labels);
        if (_collective.TryGetValue(wanted, out var series))
        {
            return series;
        }

        var key = _collective.Count < MaxCollective ? wanted : common;
        if (!_collective.TryGetValue(key, out series))
        {
            series = Create(key);
            _collective[key] = series;
        }

        return series;
    }

    private static int IndexOf(IReadOnlyList<string> labels, string label)
    {
        for (var index = 0; index < labels.Count; index++)
        {
            if (labels[index] == label)
            {
                return index;
            }
        }

        throw new ArgumentException($"There is no label {label} to keep among {string.Join(", ", labels)}.");
    }
}
