using System.Text;
using Ambient.Mesh.Http;
using Ambient.Mesh.Model;

namespace Ambient.Waypoint.Tests.Requests;

/// <summary>Requests that go through: what the endpoint gets and what the client gets.</summary>
public sealed class ForwardingTests : RequestFixture
{
    [Fact]
    public async Task A_request_and_its_answer_pass_with_what_a_waypoint_adds()
    {
        var server = Own(RawServer.Always("HTTP/1.1 200 OK\r\nServer: hidden\r\nX-Own: 1\r\nContent-Length: 2\r\n\r\nok"));
        Serve(endpoints: server.Address);

        var answer = await GetAsync("/a?b=c", "X-Client: 1\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-Forwarded-Client-Cert: URI=spiffe://evil\r\n");

        Assert.Equal(200, StatusOf(answer));
        Assert.Equal("ok", BodyOf(answer));
        Assert.Contains("server: ambient\r\n", answer);
        Assert.DoesNotContain("hidden", answer);
        Assert.Contains("x-own: 1\r\n", answer);
        Assert.Contains("\r\ndate: ", answer);
        var seen = Assert.Single(server.Requests);
        Assert.StartsWith("GET /a?b=c HTTP/1.1\r\nhost: web\r\nx-client: 1\r\n", seen);
        Assert.Contains("x-forwarded-proto: http\r\n", seen);
        Assert.Matches("x-request-id: [0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\r\n", seen);
        Assert.Matches("traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n", seen);
        Assert.DoesNotContain("x-hop", seen);
        Assert.DoesNotContain("spiffe://evil", seen);
    }

    [Fact]
    public async Task Ids_that_the_client_brings_stay()
    {
        var server = Own(RawServer.Saying("ok"));
        Serve(endpoints: server.Address);
        await GetAsync("/", "x-request-id: mine\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nx-forwarded-proto: https\r\n");
        var seen = Assert.Single(server.Requests);
        Assert.Contains("x-request-id: mine\r\n", seen);
        Assert.Contains("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n", seen);
        Assert.Contains("x-forwarded-proto: https\r\n", seen);
        var line = Assert.Single(await LogAsync());
        Assert.Contains("request_id=\"mine\"", line);
        Assert.Contains("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", line);
    }

    [Fact]
    public async Task One_record_says_all()
    {
        var server = Own(RawServer.Always("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello"));
        Serve(endpoints: server.Address);
        await AskAsync("POST /things HTTP/1.1\r\nHost: web\r\nContent-Length: 3\r\n\r\nabc");

        var line = Assert.Single(await LogAsync());
        foreach (var part in new[]
        {
            "\tinfo\t", "src.identity=\"spiffe://cluster.local/ns/shop/sa/client\"", $"dst.addr={server.Address}", "dst.service=\"web.shop.svc.cluster.local\"",
            "dst.workload=\"pod-1\"", "method=\"POST\"", "authority=\"web\"", "path=\"/things\"", "protocol=\"HTTP/1.1\"", "status=201", "flags=\"-\"",
            "details=\"via_upstream\"", "bytes_sent=5", "bytes_recv=3", "attempts=1",
        })
        {
            Assert.Contains(part, line);
        }

        var metrics = await MetricsAsync();
        var series = Assert.Single(metrics.Split('\n'), row => row.StartsWith("istio_requests_total{", StringComparison.Ordinal));
        foreach (var label in new[]
        {
            "reporter=\"waypoint\"", "source_principal=\"spiffe://cluster.local/ns/shop/sa/client\"", "destination_workload=\"web\"",
            "destination_principal=\"spiffe://cluster.local/ns/shop/sa/web\"", "destination_service=\"web.shop.svc.cluster.local\"",
            "destination_service_name=\"web\"", "destination_service_namespace=\"shop\"", "request_protocol=\"http\"", "response_code=\"201\"",
            "response_flags=\"-\"", "connection_security_policy=\"mutual_tls\"", "grpc_response_status=\"\"",
        })
        {
            Assert.Contains(label, series);
        }

        Assert.EndsWith(" 1", series);
        Assert.Contains("istio_request_duration_milliseconds_count{", metrics);
        Assert.Matches("istio_request_bytes_sum\\{.*\\} 3\n", metrics);
        Assert.Matches("istio_response_bytes_sum\\{.*\\} 5\n", metrics);
    }

    [Fact]
    public async Task Connections_are_used_again_both_ways()
    {
        var server = Own(RawServer.Saying("ok"));
        Serve(endpoints: server.Address);
        await using var client = await RawClient.ConnectAsync(Address);
        for (var i = 0; i < 5; i++)
        {
            await client.SendAsync($"GET /{i} HTTP/1.1\r\nHost: web\r\n\r\n");
            Assert.Equal(200, StatusOf(await client.ReadAnswerAsync()));
        }

        Assert.Equal(5, server.Requests.Count);
        Assert.Equal(1, server.Accepted);
    }

    [Fact]
    public async Task Pipelined_requests_are_answered_in_order()
    {
        var server = Own(new RawServer(async (connection, request) =>
        {
            var path = request.Split(' ')[1];
            await connection.SendAsync($"HTTP/1.1 200 OK\r\nContent-Length: {path.Length}\r\n\r\n{path}");
            return true;
        }));
        Serve(endpoints: server.Address);
        await using var client = await RawClient.ConnectAsync(Address);
        await client.SendAsync(string.Concat(Enumerable.Range(0, 10).Select(i => $"GET /{i} HTTP/1.1\r\nHost: web\r\n\r\n")));
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal($"/{i}", BodyOf(await client.ReadAnswerAsync()));
        }
    }

    [Fact]
    public async Task Bodies_pass_by_length_and_in_chunks()
    {
        var server = Own(new RawServer(async (connection, request) =>
        {
            var body = BodyOf(request);
            await connection.SendAsync($"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body.Length:x}\r\n{body}\r\n0\r\n\r\n");
            return true;
        }));
        Serve(endpoints: server.Address);
        Assert.Equal("hello", BodyOf(await AskAsync("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\n\r\nhello")));
        Assert.Equal("hello world", BodyOf(await AskAsync("POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")));
        Assert.Contains("\r\ncontent-length: 5\r\n", server.Requests.First());
        Assert.Contains("\r\ntransfer-encoding: chunked\r\n", server.Requests.Last());
    }

    [Fact]
    public async Task Interim_answers_pass()
    {
        var server = Own(RawServer.Always("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        Serve(endpoints: server.Address);
        await using var client = await RawClient.ConnectAsync(Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
        var hints = await client.ReadAnswerAsync();
        Assert.StartsWith("HTTP/1.1 103", hints);
        Assert.Contains("link: </style.css>", hints);
        Assert.Equal("ok", BodyOf(await client.ReadAnswerAsync()));
    }

    [Fact]
    public async Task A_client_that_asks_whether_to_send_is_told_so()
    {
        var server = Own(RawServer.Saying("ok"));
        Serve(endpoints: server.Address);
        await using var client = await RawClient.ConnectAsync(Address);
        await client.SendAsync("POST / HTTP/1.1\r\nHost: web\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 100", await client.ReadAnswerAsync());
        await client.SendAsync("hello");
        Assert.Equal("ok", BodyOf(await client.ReadAnswerAsync()));
        Assert.DoesNotContain("expect", Assert.Single(server.Requests));
    }

    [Fact]
    public async Task A_websocket_carries_bytes_both_ways_until_both_ends_are_done()
    {
        var server = Own(new RawServer(async (connection, request) =>
        {
            Assert.Contains("upgrade: websocket\r\n", request);
            await connection.SendAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello");
            Assert.Equal("ping", await connection.ReadAsync(4));
            await connection.SendAsync("pong");
            Assert.Equal("", await connection.ReadToEndAsync());
            return false;
        }));
        Serve(endpoints: server.Address);
        await using var client = await RawClient.ConnectAsync(Address);
        await client.SendAsync("GET /ws HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n");
        var answer = await client.ReadAnswerAsync();
        Assert.Equal(101, StatusOf(answer));
        Assert.Contains("upgrade: websocket\r\n", answer);
        Assert.Equal("hello", await client.ReadAsync(5));
        await client.SendAsync("ping");
        Assert.Equal("pong", await client.ReadAsync(4));
        client.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        Assert.Equal("", await client.ReadToEndAsync());
        Assert.Contains("status=101", Assert.Single(await LogAsync()));
    }

    [Fact]
    public async Task An_upgrade_that_the_endpoint_declines_is_an_ordinary_answer()
    {
        var server = Own(RawServer.Saying("no"));
        Serve(endpoints: server.Address);
        var answer = await GetAsync("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n");
        Assert.Equal("no", BodyOf(answer));
    }

    [Fact]
    public async Task An_early_answer_reaches_a_client_that_is_still_sending()
    {
        var early = Own(new EarlyServer());
        Serve(endpoints: early.Address);
        await using var client = await RawClient.ConnectAsync(Address);
        await client.SendAsync("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 100000000\r\n\r\n" + new string('x', 1000));
        Assert.Equal(413, StatusOf(await client.ReadAnswerAsync()));
        Assert.Contains("status=413", Assert.Single(await LogAsync()));
    }

    [Fact]
    public async Task A_workload_that_is_addressed_itself_gets_its_requests()
    {
        var server = Own(RawServer.Saying("pod"));
        var workload = Endpoint(Shop, server.Address);
        Mesh.Apply(new Mesh.State.MeshUpdate { Workloads = { workload } });
        _addressed = workload;
        Assert.Equal("pod", BodyOf(await GetAsync("/")));
    }

    private Workload? _addressed;

    internal override Waypoint.Requests.RequestConnection Connection(System.Net.IPEndPoint source) => _addressed is null
        ? base.Connection(source)
        : base.Connection(source) with { Service = null, Workload = _addressed, Port = _addressed.Memberships[0].Ports[0].TargetPort };
}
