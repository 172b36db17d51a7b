using Ambient.Telemetry.Metrics;

namespace Ambient.Telemetry.Tests.Metrics;

/// <summary>The request metrics as Istio's dashboards ask for them.</summary>
public sealed class RequestMetricsTests
{
    private static readonly TrafficLabels Traffic = new()
    {
        Reporter = "waypoint",
        Source = new TrafficPeer
        {
            Workload = "web",
            CanonicalService = "web",
            CanonicalRevision = "v1",
            Namespace = "shop",
            Principal = "spiffe://cluster.local/ns/shop/sa/web",
            App = "web",
            Version = "v1",
            Cluster = "Kubernetes",
            Region = "r1",
        },
        Destination = new TrafficPeer { Workload = "cart", Namespace = "shop" },
        DestinationService = "cart.shop.svc.cluster.local",
        DestinationServiceName = "cart",
        DestinationServiceNamespace = "shop",
        RequestProtocol = "http",
        MutualTls = true,
    };

    private const string Labels =
        "reporter=\"waypoint\",source_workload=\"web\",source_canonical_service=\"web\",source_canonical_revision=\"v1\",source_workload_namespace=\"shop\","
        + "source_principal=\"spiffe://cluster.local/ns/shop/sa/web\",source_app=\"web\",source_version=\"v1\",source_cluster=\"Kubernetes\","
        + "destination_service=\"cart.shop.svc.cluster.local\",destination_service_namespace=\"shop\",destination_service_name=\"cart\","
        + "destination_workload=\"cart\",destination_canonical_service=\"unknown\",destination_canonical_revision=\"unknown\","
        + "destination_workload_namespace=\"shop\",destination_principal=\"unknown\",destination_app=\"unknown\",destination_version=\"unknown\","
        + "destination_cluster=\"unknown\",request_protocol=\"http\",response_flags=\"-\",connection_security_policy=\"mutual_tls\","
        + "response_code=\"200\",grpc_response_status=\"\"";

    [Fact]
    public async Task Names_and_labels_are_Istios()
    {
        var registry = new MetricRegistry(new ManualTime());
        var metrics = new RequestMetrics(registry);
        Count(metrics, RequestMetrics.LabelsOf(Traffic, 200, null), milliseconds: 7, received: 0, sent: 1200);

        var text = await registry.TextAsync(ExpositionFormat.PrometheusText);
        Assert.Contains($"\nistio_requests_total{{{Labels}}} 1\n", text, StringComparison.Ordinal);
        Assert.Contains($"\nistio_request_duration_milliseconds_bucket{{{Labels},le=\"5.0\"}} 0\n", text, StringComparison.Ordinal);
        Assert.Contains($"\nistio_request_duration_milliseconds_bucket{{{Labels},le=\"10.0\"}} 1\n", text, StringComparison.Ordinal);
        Assert.Contains($"\nistio_request_duration_milliseconds_sum{{{Labels}}} 7\n", text, StringComparison.Ordinal);
        Assert.Contains($"\nistio_request_bytes_bucket{{{Labels},le=\"0.5\"}} 1\n", text, StringComparison.Ordinal);
        Assert.Contains($"\nistio_response_bytes_bucket{{{Labels},le=\"2500.0\"}} 1\n", text, StringComparison.Ordinal);
        Assert.Contains($"\nistio_response_bytes_sum{{{Labels}}} 1200\n", text, StringComparison.Ordinal);
        Assert.Equal(
            "0.5 1 5 10 25 50 100 250 500 1000 2500 5000 10000 30000 60000 300000 600000 1800000 3600000",
            string.Join(' ', metrics.Duration.Bounds));
    }

    [Theory]
    [InlineData(200, 0, "response_code=\"200\",grpc_response_status=\"0\"")]
    [InlineData(200, 14, "response_code=\"200\",grpc_response_status=\"14\"")]
    [InlineData(403, null, "response_code=\"403\",grpc_response_status=\"\"")]
    [InlineData(0, null, "response_code=\"0\",grpc_response_status=\"\"")]
    public async Task The_answer_is_part_of_the_series(int status, int? grpcStatus, string labels)
    {
        var registry = new MetricRegistry(new ManualTime());
        new RequestMetrics(registry).Requests.With(RequestMetrics.LabelsOf(Traffic, status, grpcStatus)).Add();
        Assert.Contains(labels + "} 1", await registry.TextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_known_pair_costs_no_allocation()
    {
        var metrics = new RequestMetrics(new MetricRegistry(new ManualTime()));
        var labels = RequestMetrics.LabelsOf(Traffic, 200, null);
        Count(metrics, labels, 1, 2, 3);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            Count(metrics, labels, i, i, i);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(1001, metrics.Requests.With(labels).Value);
    }

    /// <summary>Whoever is beyond the bounds is counted with the others of the same code, so that sums by code stay right.</summary>
    [Fact]
    public async Task Series_are_bounded_and_histograms_sooner()
    {
        var registry = new MetricRegistry(new ManualTime());
        var metrics = new RequestMetrics(registry, new FamilyOptions { MaxSeries = 2000 });
        for (var i = 0; i < 3000; i++)
        {
            var labels = RequestMetrics.LabelsOf(Traffic with { DestinationService = $"s{i}" }, i % 2 == 0 ? 200 : 503, null);
            Count(metrics, labels, 1, 1, 1);
        }

        var lines = (await registry.TextAsync()).Split('\n');
        var requests = lines.Where(line => line.StartsWith("istio_requests_total", StringComparison.Ordinal)).ToArray();
        Assert.Equal(2002, requests.Length);
        Assert.Equal(3000, requests.Sum(line => int.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture)));
        Assert.Contains(requests, line => line.Contains("destination_service=\"overflow\"", StringComparison.Ordinal)
            && line.Contains("response_code=\"503\"", StringComparison.Ordinal) && line.EndsWith(" 500", StringComparison.Ordinal));
        Assert.Equal(1026, lines.Count(line => line.StartsWith("istio_request_duration_milliseconds_count", StringComparison.Ordinal)));
    }

    private static void Count(RequestMetrics metrics, LabelValues labels, double milliseconds, long received, long sent)
    {
        metrics.Requests.With(labels).Add();
        metrics.Duration.With(labels).Observe(milliseconds);
        metrics.RequestBytes.With(labels).Observe(received);
        metrics.ResponseBytes.With(labels).Observe(sent);
    }
}
