using Ambient.Telemetry.Metrics;

namespace Ambient.Xds.Delta;

/// <summary>What a delta client counts.</summary>
public sealed class DeltaClientMetrics
{
    /// <summary>Registers the families.</summary>
    public DeltaClientMetrics(MetricRegistry registry)
    {
        Terminations = registry.Counter(
            "istio_xds_connection_terminations", "Streams to the control plane that ended, by reason", new FamilyOptions { Labels = ["reason"] });
        Messages = registry.Counter("istio_xds_message", "Responses received, by type", new FamilyOptions { Labels = ["url"] });
        MessageBytes = registry.Counter("istio_xds_message_bytes", "Bytes of responses received, by type", new FamilyOptions { Labels = ["url"] });
    }

    internal CounterFamily Terminations { get; }

    internal CounterFamily Messages { get; }

    internal CounterFamily MessageBytes { get; }
}
