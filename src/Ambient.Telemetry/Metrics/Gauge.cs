namespace Ambient.Telemetry.Metrics;

/// <summary>A series that goes up and down. It is retired only when it stands at zero.</summary>
public sealed class Gauge : MetricSeries
{
    private readonly GaugeFamily _family;
    private long _value;
    private long _seen;

    internal Gauge(GaugeFamily family, LabelValues labels)
        : base(labels) => _family = family;

    /// <summary>The value now.</summary>
    public long Value => Volatile.Read(ref _value);

    /// <summary>Adds an amount, which may be negative.</summary>
    public void Add(long amount)
    {
        Interlocked.Add(ref _value, amount);
        if (Retired)
        {
            _family.With(Labels).Add(Interlocked.Exchange(ref _value, 0));
        }
    }

    /// <summary>Sets the value. In a family that overflows, the shared overflow series holds what was set last.</summary>
    public void Set(long value)
    {
        Interlocked.Exchange(ref _value, value);
        if (Retired)
        {
            _family.With(Labels).Set(Interlocked.Exchange(ref _value, 0));
        }
    }

    /// <summary>The series stood at zero when it was found idle, so there is a rest only if somebody adds this instant.</summary>
    internal void RetireInto(Func<Gauge> total)
    {
        Retired = true;
        var rest = Interlocked.Exchange(ref _value, 0);
        if (rest != 0)
        {
            total().Add(rest);
        }
    }

    private protected override bool NoticeChange()
    {
        var seen = _seen;
        _seen = Value;
        return seen != _seen || _seen != 0;
    }
}
