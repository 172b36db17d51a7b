using Ambient.Mesh.Http;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Wire = Ambient.Api.Waypoints;

namespace Ambient.Waypoint.Tests.Requests;

/// <summary>What happens when endpoints fail, hang or are gone: tries, time-outs, limits, and the flag of each.</summary>
public sealed class ResilienceTests : RequestFixture
{
    private static readonly RetryPolicy _twice = new() { Attempts = 2, Conditions = RetryConditions.ServerError | RetryConditions.Reset | RetryConditions.ConnectFailure, Backoff = TimeSpan.FromMilliseconds(1) };

    [Fact]
    public async Task A_failed_try_is_repeated_elsewhere()
    {
        var bad = Own(RawServer.Always("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"));
        var good = Own(RawServer.Saying("ok"));
        Serve(Routes(To("/") with { Retry = _twice }), endpoints: [bad.Address, good.Address]);
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal("ok", BodyOf(await GetAsync("/")));
        }

        Assert.Equal(10, good.Requests.Count);
        Assert.InRange(bad.Requests.Count, 0, 10);
    }

    [Fact]
    public async Task An_endpoint_that_nobody_reaches_is_replaced_without_being_asked_to()
    {
        var good = Own(RawServer.Saying("ok"));
        Serve(endpoints: [RawServer.Nobody(), good.Address]);
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(200, StatusOf(await AskAsync("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 2\r\n\r\nhi")));
        }

        Assert.Equal(10, good.Requests.Count);
    }

    [Fact]
    public async Task A_body_is_sent_again_up_to_what_is_kept_and_no_further()
    {
        var server = Own(RawServer.Always("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno"));
        Serve(Routes(To("/") with { Retry = _twice }), endpoints: server.Address);
        Assert.Equal(503, StatusOf(await AskAsync("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\n\r\nhello")));
        Assert.Equal(3, server.Requests.Count);
        Assert.Equal(1, server.Accepted);
        Assert.All(server.Requests, request => Assert.EndsWith("hello", request));
        Assert.Equal(503, StatusOf(await AskAsync($"POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 70000\r\n\r\n{new string('x', 70_000)}")));
        Assert.Equal(4, server.Requests.Count);
        var lines = await LogAsync(2);
        Assert.Contains("flags=\"URX\"", lines[0]);
        Assert.Contains("attempts=3", lines[0]);
        Assert.Contains("attempts=1", lines[1]);
    }

    [Fact]
    public async Task A_stale_connection_is_replaced_for_what_can_be_repeated()
    {
        var dropped = 0;
        var picky = Own(new RawServer(async (connection, request) =>
        {
            if (!request.Contains("/first", StringComparison.Ordinal) && Interlocked.Increment(ref dropped) % 2 == 1)
            {
                return false; // closed without a byte, as when it was idle for too long
            }

            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            return true;
        }));
        Serve(Routes(To("/") with { Retry = RetryPolicy.None }), endpoints: picky.Address);
        Assert.Equal(200, StatusOf(await GetAsync("/first")));
        Assert.Equal(200, StatusOf(await GetAsync("/second")));
        Assert.Equal(200, StatusOf(await GetAsync("/first")));
        var post = await AskAsync("POST /third HTTP/1.1\r\nHost: web\r\nContent-Length: 2\r\n\r\nhi");
        Assert.Equal(503, StatusOf(post));
        Assert.Equal("upstream connect error or disconnect/reset before headers. reset reason: connection termination", BodyOf(post));
        Assert.Contains("flags=\"UC\"", (await LogAsync(4))[3]);
    }

    [Fact]
    public async Task Time_runs_out_for_a_try_and_for_the_whole()
    {
        var hanging = Own(new RawServer(async (connection, _) =>
        {
            await connection.ReadToEndAsync();
            return false;
        }));
        var good = Own(RawServer.Saying("ok"));
        Serve(
            Routes(
                To("/whole") with { Timeout = TimeSpan.FromMilliseconds(150), Retry = RetryPolicy.None },
                To("/try") with { Retry = _twice with { PerTryTimeout = TimeSpan.FromMilliseconds(500) } }),
            endpoints: hanging.Address);
        var late = await GetAsync("/whole");
        Assert.Equal(504, StatusOf(late));
        Assert.Equal("upstream request timeout", BodyOf(late));
        var line = Assert.Single(await LogAsync());
        Assert.Contains("flags=\"UT\"", line);
        Assert.Contains("details=\"response_timeout\"", line);
        Assert.Equal(504, StatusOf(await GetAsync("/try")));
        Assert.Contains("attempts=3", (await LogAsync(2))[1]);
        Mesh.Apply(new Mesh.State.MeshUpdate { Workloads = { Endpoint(Shop, good.Address) } });
        Assert.Equal(200, StatusOf(await GetAsync("/try")));
    }

    [Fact]
    public async Task An_answer_that_takes_too_long_is_cut()
    {
        var dripping = Own(new RawServer(async (connection, _) =>
        {
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
            await connection.ReadToEndAsync();
            return false;
        }));
        Serve(Routes(To("/") with { Timeout = TimeSpan.FromMilliseconds(200) }), endpoints: dripping.Address);
        await using var client = await RawClient.ConnectAsync(Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
        Assert.EndsWith("abc", await client.ReadToEndAsync());
        var line = Assert.Single(await LogAsync());
        Assert.Contains("status=200 flags=\"UT\"", line);
    }

    [Theory]
    [InlineData("", "503", "UC", "upstream_reset_before_response_started{connection_termination}")]
    [InlineData("HTTP/1.1 2x0 OK\r\n\r\n", "502", "UPE", "upstream_reset_before_response_started{protocol_error}")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "200", "UPE", "upstream_reset_after_response_started{protocol_error}")]
    public async Task A_broken_answer_has_its_flag(string answer, string status, string flag, string details)
    {
        var server = Own(new RawServer(async (connection, _) =>
        {
            await connection.SendAsync(answer);
            return false;
        }));
        Serve(Routes(To("/") with { Retry = RetryPolicy.None }), endpoints: server.Address);
        await using var client = await RawClient.ConnectAsync(Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
        await client.ReadUntilAsync("\r\n\r\n");
        var line = Assert.Single(await LogAsync());
        Assert.Contains($"status={status} flags=\"{flag}\" details=\"{details}\"", line);
    }

    [Fact]
    public async Task Nobody_to_ask_and_nobody_reached_have_their_flags()
    {
        Serve();
        var none = await GetAsync("/");
        Assert.Equal(503, StatusOf(none));
        Assert.Equal("no healthy upstream", BodyOf(none));
        Serve(Routes(To("/") with { Retry = _twice }), endpoints: RawServer.Nobody());
        var unreached = await GetAsync("/");
        Assert.Equal(503, StatusOf(unreached));
        Assert.EndsWith("retried and the latest reset reason: remote connection failure", BodyOf(unreached));
        var lines = await LogAsync(2);
        Assert.Contains("flags=\"UH\" details=\"no_healthy_upstream\"", lines[0]);
        Assert.Contains("flags=\"UF,URX\"", lines[1]);
        Assert.Contains("refused", lines[1]);
    }

    [Fact]
    public async Task A_client_that_leaves_ends_the_servers_request()
    {
        var ended = new TaskCompletionSource();
        var server = Own(new RawServer(async (connection, _) =>
        {
            await connection.ReadToEndAsync();
            ended.SetResult();
            return false;
        }));
        Serve(endpoints: server.Address);
        var client = await RawClient.ConnectAsync(Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
        await UntilAsync(() => server.Requests.Count == 1, "the request");
        client.Abort();
        await ended.Task.WaitAsync(Limit);
        Assert.Contains("status=0 flags=\"DC\" details=\"downstream_remote_disconnect\"", Assert.Single(await LogAsync()));
    }

    [Fact]
    public async Task An_endpoint_that_fails_in_a_row_is_left_out_and_comes_back()
    {
        var failing = true;
        var bad = Own(new RawServer(async (connection, _) =>
        {
            await connection.SendAsync(failing ? "HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nbad" : "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad");
            return true;
        }));
        var good = Own(RawServer.Saying("good"));
        Serve(
            WithTraffic(new Wire.TrafficPolicy
            {
                Balancer = Wire.TrafficPolicy.Types.Balancer.RoundRobin,
                Outliers = new Wire.OutlierDetection
                {
                    Consecutive5Xx = 3,
                    BaseEjectionTime = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(700)),
                    MaxEjectionPercent = 50,
                },
            }),
            endpoints: [bad.Address, good.Address]);
        for (var i = 0; i < 8; i++)
        {
            await GetAsync("/");
        }

        Assert.Equal(3, bad.Requests.Count);
        failing = false;
        await UntilAsync(() => GetAsync("/").GetAwaiter().GetResult().EndsWith("bad", StringComparison.Ordinal), "it comes back");
        Assert.Contains("ambient_outlier_ejections_total{service=\"shop/web.shop.svc.cluster.local:80\"} 1", await MetricsAsync());
    }

    [Fact]
    public async Task Limits_of_requests_and_connections_hold()
    {
        var release = new TaskCompletionSource();
        var server = Own(new RawServer(async (connection, _) =>
        {
            await release.Task.WaitAsync(Limit);
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            return true;
        }));
        Serve(Limited(new Wire.ConnectionPool { MaxConnections = 1, MaxPendingRequests = 1 }), endpoints: server.Address);
        var first = GetAsync("/1");
        await UntilAsync(() => server.Requests.Count == 1, "the first is there");
        var second = GetAsync("/2");
        await UntilAsync(() => Plane.Upstreams.All.Any(upstream => upstream.Limits.Pending == 1), "the second waits");
        var third = await GetAsync("/3");
        Assert.Equal(503, StatusOf(third));
        Assert.EndsWith("reset reason: overflow", BodyOf(third));
        Assert.Contains("flags=\"UO\"", Assert.Single(await LogAsync()));
        release.SetResult();
        Assert.Equal(200, StatusOf(await first));
        Assert.Equal(200, StatusOf(await second));
        Assert.Equal(1, server.Accepted);
    }

    [Fact]
    public async Task A_connection_serves_as_many_requests_as_the_policy_says()
    {
        var server = Own(RawServer.Saying("ok"));
        Serve(Limited(new Wire.ConnectionPool { MaxRequestsPerConnection = 2 }), endpoints: server.Address);
        for (var i = 0; i < 6; i++)
        {
            Assert.Equal(200, StatusOf(await GetAsync("/")));
        }

        Assert.Equal(3, server.Accepted);
    }

    [Fact]
    public async Task The_less_busy_endpoint_gets_the_next_request()
    {
        var release = new TaskCompletionSource();
        var slow = Own(new RawServer(async (connection, _) =>
        {
            await release.Task.WaitAsync(Limit);
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            return true;
        }));
        var fast = Own(RawServer.Saying("ok"));
        Serve(endpoints: [slow.Address, fast.Address]);
        var asking = new List<Task<string>>();
        for (var i = 0; i < 40; i++)
        {
            var (one, before) = (GetAsync($"/{i}"), slow.Requests.Count);
            asking.Add(one);
            await UntilAsync(() => one.IsCompleted || slow.Requests.Count > before, "it is answered, or waits");
        }

        Assert.InRange(slow.Requests.Count, 1, 5);
        release.SetResult();
        await Task.WhenAll(asking).WaitAsync(Limit);
    }

    private static HttpService Limited(Wire.ConnectionPool pool) =>
        WithTraffic(new Wire.TrafficPolicy { Pool = pool }) with { Routes = [To("/") with { Retry = RetryPolicy.None }] };

    /// <summary>As it comes from the control plane.</summary>
    private static HttpService WithTraffic(Wire.TrafficPolicy traffic) => WaypointDecoder.DecodeService(
        Shop, new Wire.Service { Namespace = "shop", Hostname = "web.shop.svc.cluster.local", Bound = true, Traffic = traffic }.ToByteString());
}
