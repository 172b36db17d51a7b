using System.Globalization;
using System.Text.RegularExpressions;
using Ambient.Telemetry.Metrics;

namespace Ambient.Telemetry.Tests.Metrics;

/// <summary>The metrics that ztunnel wrote after ten connections, written again from the same counts.</summary>
public sealed partial class GoldenMetricsTests
{
    [Theory]
    [InlineData("metrics-source.txt")]
    [InlineData("metrics-destination.txt")]
    public async Task Same_counts_give_the_same_bytes(string file)
    {
        var recorded = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Golden/ztunnel", file));

        var registry = new MetricRegistry();
        // The descriptors of the recorded process are not ours to reproduce; what ours are is tested elsewhere.
        registry.ObservedGauge("process_open_fds", "", () => 28);
        registry.ObservedGauge("process_max_fds", "", () => 20000);
        registry.Gauge("istio_build", "", new FamilyOptions { Labels = ["component", "tag"] }).With("ztunnel", "unknown").Set(1);
        var traffic = new TrafficMetrics(registry);
        Replay(recorded, traffic);

        // Wanted difference: ours says in a HELP line what a family counts; the recording left such wording out.
        var ours = string.Join('\n', (await registry.TextAsync()).Split('\n').Where(line => !line.StartsWith("# HELP ", StringComparison.Ordinal)));
        Assert.Equal(recorded, ours);
    }

    private static void Replay(string recorded, TrafficMetrics traffic)
    {
        var counters = new Dictionary<string, CounterFamily>
        {
            ["istio_tcp_connections_opened_total"] = traffic.Opened,
            ["istio_tcp_connections_closed_total"] = traffic.Closed,
            ["istio_tcp_connections_failed_total"] = traffic.Failed,
            ["istio_tcp_received_bytes_total"] = traffic.ReceivedBytes,
            ["istio_tcp_sent_bytes_total"] = traffic.SentBytes,
        };
        foreach (var sample in recorded.Split('\n').Select(line => Sample().Match(line)).Where(match => match.Success))
        {
            var labels = Label().Matches(sample.Groups["labels"].Value)
                .ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value);
            var value = long.Parse(sample.Groups["value"].Value, CultureInfo.InvariantCulture);
            switch (sample.Groups["name"].Value)
            {
                case "istio_tcp_sockets_open":
                    traffic.SocketsOpen.With(labels["reporter"]).Set(value);
                    break;
                case "istio_build":
                    break;
                case var name:
                    counters[name].With(Labels(labels)).Add(value);
                    break;
            }
        }
    }

    private static LabelValues Labels(Dictionary<string, string> labels)
    {
        string? Known(string name) => labels[name] == "unknown" ? null : labels[name];
        TrafficPeer Peer(string side) => new()
        {
            Workload = Known($"{side}_workload"),
            CanonicalService = Known($"{side}_canonical_service"),
            CanonicalRevision = Known($"{side}_canonical_revision"),
            Namespace = Known($"{side}_workload_namespace"),
            Principal = Known($"{side}_principal"),
            App = Known($"{side}_app"),
            Version = Known($"{side}_version"),
            Cluster = Known($"{side}_cluster"),
            Region = Known($"{side}_region"),
            Zone = Known($"{side}_zone"),
        };
        return new TrafficLabels
        {
            Reporter = labels["reporter"],
            Source = Peer("source"),
            Destination = Peer("destination"),
            DestinationService = Known("destination_service"),
            DestinationServiceNamespace = Known("destination_service_namespace"),
            DestinationServiceName = Known("destination_service_name"),
            RequestProtocol = labels["request_protocol"],
            ResponseFlags = labels["response_flags"],
            MutualTls = labels["connection_security_policy"] == "mutual_tls",
        }.ToValues();
    }

    [GeneratedRegex(@"^(?<name>\w+)\{(?<labels>.*)\} (?<value>\d+)$")]
    private static partial Regex Sample();

    [GeneratedRegex(@"(\w+)=""([^""]*)""")]
    private static partial Regex Label();
}
