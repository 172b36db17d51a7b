namespace Ambient.Telemetry.Metrics;

/// <summary>The request metrics of a layer-7 proxy, by the names that dashboards know.</summary>
public sealed class RequestMetrics
{
    /// <summary>Upper bounds of all three histograms, in milliseconds or bytes, as Istio's dashboards expect them.</summary>
    private static readonly double[] Bounds =
        [0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000];

    private static readonly FamilyOptions PerRequest = new()
    {
        Labels = [.. TrafficLabels.Names[..^TrafficLabels.Optional], "response_code", "grpc_response_status"],
        LabelsKeptInTotals = ["reporter", "request_protocol", "response_code", "response_flags", "connection_security_policy"],
    };

    /// <summary>
    /// A series of a histogram is written as 22 lines of 1 KB. Three families of a thousand stay below 100 MB a scrape, which is what scrapers
    /// commonly allow; what comes beyond is counted in the overflow series.
    /// </summary>
    private const int MostPerHistogram = 1024;

    /// <summary>Registers the families; <paramref name="options"/> may change the bounds, the labels stay.</summary>
    public RequestMetrics(MetricRegistry registry, FamilyOptions? options = null)
    {
        var perRequest = options is null
            ? PerRequest
            : PerRequest with { MaxSeries = options.MaxSeries, IdleTime = options.IdleTime };
        var perHistogram = perRequest with { MaxSeries = Math.Min(perRequest.MaxSeries, MostPerHistogram) };
        Requests = registry.Counter("istio_requests", "Requests", perRequest);
        Duration = registry.Histogram("istio_request_duration_milliseconds", "Time from the request's head to the answer's end", Bounds, perHistogram);
        RequestBytes = registry.Histogram("istio_request_bytes", "Bytes of the request's body", Bounds, perHistogram);
        ResponseBytes = registry.Histogram("istio_response_bytes", "Bytes of the answer's body", Bounds, perHistogram);
    }

    /// <summary>Requests that ended.</summary>
    public CounterFamily Requests { get; }

    /// <summary>How long they took, in milliseconds.</summary>
    public HistogramFamily Duration { get; }

    /// <summary>Bytes of their bodies.</summary>
    public HistogramFamily RequestBytes { get; }

    /// <summary>Bytes of the answers' bodies.</summary>
    public HistogramFamily ResponseBytes { get; }

    /// <summary>The labels of a request's series.</summary>
    /// <param name="traffic">Who talks to whom, by which protocol, and the flags.</param>
    /// <param name="status">The answer's status; 0 where there was none.</param>
    /// <param name="grpcStatus">The status of a gRPC call, as a number; null for other requests and where none came.</param>
    public static LabelValues LabelsOf(TrafficLabels traffic, int status, int? grpcStatus) =>
        traffic.ToRequestValues(
            status.ToString(System.Globalization.CultureInfo.InvariantCulture),
            grpcStatus?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "");
}
