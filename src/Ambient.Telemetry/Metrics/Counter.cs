namespace Ambient.Telemetry.Metrics;

/// <summary>A series that only grows. Adding takes no lock.</summary>
public sealed class Counter : MetricSeries
{
    private readonly CounterFamily _family;
    private long _value;
    private long _seen;

    internal Counter(CounterFamily family, LabelValues labels)
        : base(labels) => _family = family;

    /// <summary>The total so far.</summary>
    public long Value => Volatile.Read(ref _value);

    /// <summary>Adds one.</summary>
    public void Add() => Add(1);

    /// <summary>Adds an amount that is not negative.</summary>
    public void Add(long amount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(amount);
        Interlocked.Add(ref _value, amount);
        if (Retired)
        {
            MoveTo(_family.With(Labels));
        }
    }

    internal void RetireInto(Counter total)
    {
        Retired = true;
        MoveTo(total);
    }

    private protected override bool NoticeChange()
    {
        var seen = _seen;
        _seen = Value;
        return seen != _seen;
    }

    private void MoveTo(Counter other)
    {
        var amount = Interlocked.Exchange(ref _value, 0);
        if (amount != 0)
        {
            other.Add(amount);
        }
    }
}
