namespace Ambient.Telemetry.Metrics;

/// <summary>Counts observations by upper bound. Observing takes no lock.</summary>
public sealed class Histogram : MetricSeries
{
    private readonly HistogramFamily _family;
    private readonly long[] _counts;
    private double _sum;
    private long _seen;

    internal Histogram(HistogramFamily family, LabelValues labels)
        : base(labels)
    {
        _family = family;
        _counts = new long[family.Bounds.Count + 1];
    }

    /// <summary>The sum of what was observed.</summary>
    public double Sum => Volatile.Read(ref _sum);

    /// <summary>Observations of each bucket alone (not cumulative); the last one holds what exceeds every bound.</summary>
    internal long CountOf(int bucket) => Volatile.Read(ref _counts[bucket]);

    /// <summary>Counts one observation, in the family's unit.</summary>
    public void Observe(double value)
    {
        AddToSum(value);
        Interlocked.Increment(ref _counts[_family.BucketOf(value)]);
        if (Retired)
        {
            MoveTo(_family.With(Labels));
        }
    }

    internal void RetireInto(Histogram total)
    {
        Retired = true;
        MoveTo(total);
    }

    private protected override bool NoticeChange()
    {
        var seen = _seen;
        _seen = 0;
        for (var bucket = 0; bucket < _counts.Length; bucket++)
        {
            _seen += CountOf(bucket);
        }

        return seen != _seen;
    }

    private void MoveTo(Histogram other)
    {
        for (var bucket = 0; bucket < _counts.Length; bucket++)
        {
            Interlocked.Add(ref other._counts[bucket], Interlocked.Exchange(ref _counts[bucket], 0));
        }

        other.AddToSum(Interlocked.Exchange(ref _sum, 0));
        if (other.Retired)
        {
            other.MoveTo(_family.With(Labels));
        }
    }

    private void AddToSum(double value)
    {
        var before = Volatile.Read(ref _sum);
        while (true)
        {
            var found = Interlocked.CompareExchange(ref _sum, before + value, before);
            if (BitConverter.DoubleToInt64Bits(found) == BitConverter.DoubleToInt64Bits(before))
            {
                return;
            }

            before = found;
        }
    }
}
