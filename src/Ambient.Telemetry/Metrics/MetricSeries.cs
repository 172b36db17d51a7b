namespace Ambient.Telemetry.Metrics;

/// <summary>
/// One series of a family. Holders keep it as long as they like: what is added to a series that has been retired meanwhile goes to
/// the live series of the same labels, so nothing is lost and nothing is counted twice.
/// </summary>
public abstract class MetricSeries
{
    private long _changedAt;

    private protected MetricSeries(LabelValues labels) => Labels = labels;

    internal LabelValues Labels { get; }

    /// <summary>
    /// Set before the value is taken away. Who adds does so first and looks here afterwards (both are full fences), so either
    /// the retiring side takes the addition along or the adding side sees the mark and carries it on.
    /// </summary>
    private protected volatile bool Retired;

    internal void Born(long now) => _changedAt = now;

    /// <summary>Whether the series has stood still until now since the given time. Called by one sweep at a time.</summary>
    internal bool IsIdle(long now, long idleTicks)
    {
        if (NoticeChange())
        {
            _changedAt = now;
        }

        return now - _changedAt >= idleTicks;
    }

    /// <summary>Whether the value differs from what the previous call saw, or must not be retired as it is.</summary>
    private protected abstract bool NoticeChange();
}
