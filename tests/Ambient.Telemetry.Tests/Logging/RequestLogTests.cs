using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Ambient.Telemetry.Logging;

namespace Ambient.Telemetry.Tests.Logging;

/// <summary>The line about a request: what the line about a connection says of its ends, and then what HTTP knows.</summary>
public sealed class RequestLogTests
{
    private static readonly RequestLogEntry Entry = new()
    {
        Source = new AccessLogPeer
        {
            Address = IPEndPoint.Parse("10.1.0.1:4711"),
            Workload = "web-1",
            Namespace = "shop",
            Identity = "spiffe://cluster.local/ns/shop/sa/web",
            Cluster = "Kubernetes",
        },
        Destination = new AccessLogPeer { Address = IPEndPoint.Parse("[2001:db8::2]:8080"), Workload = "cart-1", Namespace = "shop" },
        DestinationService = "cart.shop.svc.cluster.local",
        Route = "HTTPRoute shop/split rule 0",
        Method = "GET",
        Authority = "cart",
        Path = "/items?q=\"1\"\n",
        Protocol = "HTTP/1.1",
        Status = 200,
        Flags = "-",
        Details = "via_upstream",
        BytesReceived = 0,
        BytesSent = 12,
        Attempts = 1,
        Duration = TimeSpan.FromMilliseconds(3.9),
        RequestId = "r-1",
        TraceParent = "00-a-b-01",
    };

    [Fact]
    public async Task A_request_is_one_line()
    {
        Assert.Equal(
            "2026-08-01T10:20:30.000000Z\tinfo\taccess\trequest complete\tsrc.addr=10.1.0.1:4711 src.workload=\"web-1\" src.namespace=\"shop\" "
            + "src.identity=\"spiffe://cluster.local/ns/shop/sa/web\" src.cluster=\"Kubernetes\" dst.addr=[2001:db8::2]:8080 "
            + "dst.service=\"cart.shop.svc.cluster.local\" dst.workload=\"cart-1\" dst.namespace=\"shop\" route=\"HTTPRoute shop/split rule 0\" "
            + "method=\"GET\" authority=\"cart\" path=\"/items?q=\\\"1\\\"\\n\" protocol=\"HTTP/1.1\" status=200 flags=\"-\" details=\"via_upstream\" "
            + "bytes_sent=12 bytes_recv=0 attempts=1 duration=\"3ms\" request_id=\"r-1\" traceparent=\"00-a-b-01\"\n",
            await LinesAsync(LogFormat.Plain, Entry));
    }

    [Fact]
    public async Task A_refusal_says_why_as_a_warning()
    {
        var line = await LinesAsync(LogFormat.Plain, Entry with
        {
            Status = 403,
            GrpcStatus = 7,
            Details = "rbac_access_denied_matched_policy[shop/p]",
            Error = "explicitly denied by: shop/p (rule 0: method GET is one of [GET])",
        });
        Assert.Contains("\twarn\taccess\trequest complete\t", line, StringComparison.Ordinal);
        Assert.Contains("status=403 grpc_status=7 flags=\"-\" details=\"rbac_access_denied_matched_policy[shop/p]\"", line, StringComparison.Ordinal);
        Assert.EndsWith("error=\"explicitly denied by: shop/p (rule 0: method GET is one of [GET])\"\n", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task As_JSON_it_has_the_same_keys_in_the_same_order()
    {
        var json = JsonNode.Parse(await LinesAsync(LogFormat.Json, Entry with { GrpcStatus = 0, Error = "e" }))!.AsObject();
        var plain = await LinesAsync(LogFormat.Plain, Entry with { GrpcStatus = 0, Error = "e" });
        var keys = json.Select(pair => pair.Key).SkipWhile(key => key != "src.addr").ToArray();
        Assert.Equal(
            keys.Order(StringComparer.Ordinal),
            System.Text.RegularExpressions.Regex.Matches(plain, @"(?<=[\t ])[a-z_.]+(?==)").Select(match => match.Value).Order(StringComparer.Ordinal));
        Assert.Equal(200, (int)json["status"]!);
        Assert.Equal("/items?q=\"1\"\n", (string?)json["path"]);
    }

    [Fact]
    public async Task Levels_tell_before_an_entry_is_made()
    {
        using var output = new MemoryStream();
        await using var logs = new LogOutput(LogFormat.Plain, LogFilter.Parse("access=warn"), output, new ManualTime());
        var log = new RequestLog(logs.Factory);
        Assert.Equal((false, true), (log.WritesCompleted, log.WritesFailed));
    }

    private static async Task<string> LinesAsync(LogFormat format, RequestLogEntry entry)
    {
        using var output = new MemoryStream();
        await using (var logs = new LogOutput(format, LogFilter.Default, output, new ManualTime()))
        {
            new RequestLog(logs.Factory).Completed(entry);
        }

        return Encoding.UTF8.GetString(output.ToArray());
    }
}
