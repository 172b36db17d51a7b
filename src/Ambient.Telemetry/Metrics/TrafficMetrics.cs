namespace Ambient.Telemetry.Metrics;

/// <summary>The connection metrics of the node proxy, by the names that dashboards know.</summary>
public sealed class TrafficMetrics
{
    private static readonly FamilyOptions PerConnection = new()
    {
        Labels = TrafficLabels.Names,
        OptionalLabels = TrafficLabels.Optional,
        LabelsKeptInTotals = ["reporter", "request_protocol", "response_flags", "connection_security_policy"],
    };

    /// <summary>Registers the families; <paramref name="options"/> may change the bounds, the labels stay.</summary>
    public TrafficMetrics(MetricRegistry registry, FamilyOptions? options = null)
    {
        var perConnection = options is null
            ? PerConnection
            : PerConnection with { MaxSeries = options.MaxSeries, IdleTime = options.IdleTime };
        Opened = registry.Counter("istio_tcp_connections_opened", "Connections opened", perConnection);
        Closed = registry.Counter("istio_tcp_connections_closed", "Connections closed", perConnection);
        ReceivedBytes = registry.Counter("istio_tcp_received_bytes", "Bytes from client to server", perConnection);
        SentBytes = registry.Counter("istio_tcp_sent_bytes", "Bytes from server to client", perConnection);
        Failed = registry.Counter("istio_tcp_connections_failed", "Connections that failed", perConnection);
        SocketsOpen = registry.Gauge("istio_tcp_sockets_open", "Sockets that are open", new FamilyOptions { Labels = ["reporter"] });
    }

    /// <summary>Connections opened (flag <c>-</c>).</summary>
    public CounterFamily Opened { get; }

    /// <summary>Connections closed, with the final flag.</summary>
    public CounterFamily Closed { get; }

    /// <summary>Bytes from client to server (flag <c>-</c>), whoever reports.</summary>
    public CounterFamily ReceivedBytes { get; }

    /// <summary>Bytes from server to client (flag <c>-</c>), whoever reports.</summary>
    public CounterFamily SentBytes { get; }

    /// <summary>Connections that failed, with the final flag.</summary>
    public CounterFamily Failed { get; }

    /// <summary>Sockets open now, by reporter.</summary>
    public GaugeFamily SocketsOpen { get; }
}
