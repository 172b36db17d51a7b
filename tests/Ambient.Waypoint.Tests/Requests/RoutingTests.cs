using Ambient.Mesh.Http;
using Ambient.Mesh.Model;

namespace Ambient.Waypoint.Tests.Requests;

/// <summary>What routes and policies do to requests.</summary>
public sealed class RoutingTests : RequestFixture
{
    private const string Canary = "shop/canary.shop.svc.cluster.local";

    [Fact]
    public async Task A_denied_request_learns_nothing_and_the_record_everything()
    {
        var server = Own(RawServer.Saying("ok"));
        Serve(new HttpService { Key = Shop, Policies = ["shop/no-delete", "shop/shadow"] }, endpoints: server.Address);
        Waypoint.Apply(new WaypointUpdate
        {
            Policies =
            {
                Policy("shop/no-delete", HttpPolicyAction.Deny, new HttpOperation { Methods = [new StringMatch(StringMatchKind.Exact, "DELETE")] }),
                Policy("shop/shadow", HttpPolicyAction.Deny, new HttpOperation { Methods = [new StringMatch(StringMatchKind.Exact, "GET")] }, dryRun: true),
            },
        });
        var answer = await AskAsync("DELETE /things/1 HTTP/1.1\r\nHost: web\r\n\r\n");
        Assert.Equal(403, StatusOf(answer));
        Assert.Equal("RBAC: access denied", BodyOf(answer));
        Assert.Equal(200, StatusOf(await GetAsync("/")));
        Assert.Single(server.Requests);
        var line = (await LogAsync(2))[0];
        Assert.Contains("details=\"rbac_access_denied_matched_policy[shop/no-delete]\"", line);
        Assert.Contains("explicitly denied by: shop/no-delete (rule 0: method DELETE", line);
        Assert.Contains("status=403 flags=\"-\"", line);
        var metrics = await MetricsAsync();
        Assert.Contains("ambient_authorization_verdicts_total{policy=\"shop/no-delete\",rule=\"0\",verdict=\"denied\"} 1", metrics);
        Assert.Contains("ambient_authorization_verdicts_total{policy=\"shop/shadow\",rule=\"\",verdict=\"dry-run-denied\"} 1", metrics);
        Assert.Contains("response_code=\"403\"", metrics);
    }

    [Fact]
    public async Task Weights_split_requests()
    {
        var (stable, canary) = (Own(RawServer.Saying("stable")), Own(RawServer.Saying("canary")));
        Serve(service: Canary, endpoints: canary.Address);
        Serve(Routes(To("/", new Backend { Service = Shop, Port = 80, Weight = 90 }, new Backend { Service = Canary, Port = 80, Weight = 10 })), endpoints: stable.Address);
        await using var client = await RawClient.ConnectAsync(Address);
        for (var i = 0; i < 500; i++)
        {
            await client.SendAsync("GET / HTTP/1.1\r\nHost: web\r\n\r\n");
            await client.ReadAnswerAsync();
        }

        Assert.InRange(canary.Requests.Count, 20, 90);
        Assert.Equal(500, canary.Requests.Count + stable.Requests.Count);
        Assert.Contains("destination_service_name=\"canary\"", await MetricsAsync());
    }

    [Fact]
    public async Task Headers_path_and_host_are_changed_as_the_route_says()
    {
        var server = Own(RawServer.Always("HTTP/1.1 200 OK\r\nX-Secret: 1\r\nContent-Length: 0\r\n\r\n"));
        Serve(
            Routes(To("/old", new Backend
            {
                Service = Shop,
                Port = 80,
                RequestHeaders = new HeaderChanges { Set = [new HeaderValue("x-backend", "b")] },
            }) with
            {
                Forward = new ForwardAction
                {
                    Backends = [new Backend { Service = Shop, Port = 80, RequestHeaders = new HeaderChanges { Set = [new HeaderValue("x-backend", "b")] } }],
                    TotalWeight = 1,
                    Authority = "other.example",
                    Path = new PathChange(false, "/new"),
                },
                RequestHeaders = new HeaderChanges { Remove = ["x-gone"], Add = [new HeaderValue("x-added", "a")], Set = [new HeaderValue("x-set", "s")] },
                ResponseHeaders = new HeaderChanges { Remove = ["x-secret"], Set = [new HeaderValue("x-route", "r")] },
            }),
            endpoints: server.Address);
        var answer = await GetAsync("/old/a?q=1", "X-Gone: 1\r\nX-Set: old\r\nX-Added: first\r\n");
        Assert.Contains("x-route: r\r\n", answer);
        Assert.DoesNotContain("x-secret", answer);
        var seen = Assert.Single(server.Requests);
        Assert.StartsWith("GET /new/a?q=1 HTTP/1.1\r\nhost: other.example\r\n", seen);
        Assert.Contains("x-set: s\r\n", seen);
        Assert.Contains("x-added: first\r\n", seen);
        Assert.Contains("x-added: a\r\n", seen);
        Assert.Contains("x-backend: b\r\n", seen);
        Assert.DoesNotContain("x-gone", seen);
        Assert.Contains("path=\"/old/a?q=1\"", Assert.Single(await LogAsync()));
    }

    [Fact]
    public async Task Redirects_answers_and_what_has_no_route_never_leave()
    {
        var server = Own(RawServer.Saying("ok"));
        Serve(
            Routes(
                new HttpRoute { Matches = [Exact("/moved")], Redirect = new RedirectAction { Authority = "new.example", Status = 301 } },
                new HttpRoute { Matches = [Exact("/teapot")], Response = new ResponseAction(418, "short and stout") },
                To("/nobody", new Backend { Service = null, Port = 80 }),
                To("/here")),
            endpoints: server.Address);
        var moved = await GetAsync("/moved");
        Assert.Equal(301, StatusOf(moved));
        Assert.Contains("location: http://new.example", moved);
        var teapot = await GetAsync("/teapot");
        Assert.Equal(418, StatusOf(teapot));
        Assert.Equal("short and stout", BodyOf(teapot));
        Assert.Equal(500, StatusOf(await GetAsync("/nobody")));
        Assert.Equal(404, StatusOf(await GetAsync("/elsewhere")));
        Assert.Empty(server.Requests);
        Assert.Contains("flags=\"NR\"", (await LogAsync(4))[3]);
    }

    [Fact]
    public async Task Faults_delay_and_answer()
    {
        var server = Own(RawServer.Saying("ok"));
        Serve(
            Routes(
                To("/abort") with { Fault = new FaultPolicy { AbortStatus = 418, AbortShare = 1_000_000 } },
                To("/delay") with { Fault = new FaultPolicy { Delay = TimeSpan.FromMilliseconds(200), DelayShare = 1_000_000 } }),
            endpoints: server.Address);
        Assert.Equal(418, StatusOf(await GetAsync("/abort")));
        var began = TimeProvider.System.GetTimestamp();
        Assert.Equal(200, StatusOf(await GetAsync("/delay")));
        Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalMilliseconds, 200, 5000);
        var lines = await LogAsync(2);
        Assert.Contains("flags=\"FI\"", lines[0]);
        Assert.Contains("details=\"fault_filter_abort\"", lines[0]);
        Assert.Contains("flags=\"DI\"", lines[1]);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_mirror_gets_its_copy_and_delays_nobody()
    {
        var release = new TaskCompletionSource();
        var server = Own(RawServer.Saying("ok"));
        var mirror = Own(new RawServer(async (connection, _) =>
        {
            await release.Task.WaitAsync(Limit);
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            return true;
        }));
        Serve(service: Canary, endpoints: mirror.Address);
        Serve(Routes(To("/") with { Mirrors = [new Mirror(Canary, 80, null, 1_000_000)] }), endpoints: server.Address);
        Assert.Equal("ok", BodyOf(await GetAsync("/get")));
        Assert.Equal("ok", BodyOf(await AskAsync("POST /post HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\n\r\nhello")));
        await UntilAsync(() => mirror.Requests.Count == 2, "both copies");
        release.SetResult();
        Assert.Contains(mirror.Requests, request => request.StartsWith("GET /get HTTP/1.1\r\nhost: web-shadow\r\n", StringComparison.Ordinal));
        Assert.Contains(mirror.Requests, request => request.StartsWith("POST /post", StringComparison.Ordinal) && request.EndsWith("hello", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_subset_takes_only_its_own()
    {
        var (one, two) = (Own(RawServer.Saying("one")), Own(RawServer.Saying("two")));
        var (first, second) = (Endpoint(Shop, one.Address, "one"), Endpoint(Shop, two.Address, "two"));
        Serve(Routes(To("/", new Backend { Service = Shop, Port = 80, Subset = "v2" })) with { Subsets = [new ServiceSubset { Name = "v2", Workloads = [second.Uid] }] });
        Mesh.Apply(new Mesh.State.MeshUpdate { Workloads = { first, second } });
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal("two", BodyOf(await GetAsync("/")));
        }
    }

    [Fact]
    public async Task Requests_follow_endpoints_that_come_and_go()
    {
        var (one, two) = (Own(RawServer.Saying("one")), Own(RawServer.Saying("two")));
        var first = Endpoint(Shop, one.Address, "one");
        Serve();
        Mesh.Apply(new Mesh.State.MeshUpdate { Workloads = { first } });
        Assert.Equal("one", BodyOf(await GetAsync("/")));
        Mesh.Apply(new Mesh.State.MeshUpdate { Workloads = { Endpoint(Shop, two.Address, "two") }, RemovedAddresses = { first.Uid } });
        Assert.Equal("two", BodyOf(await GetAsync("/")));
    }

    private static RouteMatch Exact(string path) => new() { Path = new PathMatcher(PathMatchKind.Exact, path) };
}
