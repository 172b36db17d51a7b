using Ambient.Telemetry.Metrics;

namespace Ambient.Xds.Delta;

/// <summary>What a delta server counts, by the names that dashboards know.</summary>
public sealed class DeltaServerMetrics
{
    /// <summary>Registers the families.</summary>
    public DeltaServerMetrics(MetricRegistry registry)
    {
        var bare = new FamilyOptions { BareCounterName = true };
        Streams = registry.Gauge("pilot_xds", "Streams that are open").Single;
        Pushes = registry.Counter("pilot_xds_pushes", "Responses sent, by type", bare with { Labels = ["type"] });
        Rejects = registry.Counter("pilot_total_xds_rejects", "Responses that clients refused, by type", bare with { Labels = ["type"] });
        ExpiredNonces = registry.Counter("pilot_xds_expired_nonce", "Requests that answer an old response, by type", bare with { Labels = ["type"] });
    }

    internal Gauge Streams { get; }

    internal CounterFamily Pushes { get; }

    internal CounterFamily Rejects { get; }

    internal CounterFamily ExpiredNonces { get; }
}
