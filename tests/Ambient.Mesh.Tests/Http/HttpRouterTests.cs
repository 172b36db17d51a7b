using Ambient.Mesh.Http;

namespace Ambient.Mesh.Tests.Http;

/// <summary>Which rule a request takes, and what the rule makes of it.</summary>
public sealed class HttpRouterTests
{
    [Theory]
    // Paths.
    [InlineData("path: {exact: \"/a\"}", "GET /a?q", true)]
    [InlineData("path: {exact: \"/a\"}", "GET /a/", false)]
    [InlineData("path: {exact: \"/a\"}", "GET /A", false)]
    [InlineData("path: {exact: \"/a\"}, ignoreCase: true", "GET /A", true)]
    [InlineData("path: {segments: \"/a\"}", "GET /a", true)]
    [InlineData("path: {segments: \"/a\"}", "GET /a/", true)]
    [InlineData("path: {segments: \"/a\"}", "GET /a/b", true)]
    [InlineData("path: {segments: \"/a\"}", "GET /ab", false)]
    [InlineData("path: {segments: \"/a/\"}", "GET /a", true)]
    [InlineData("path: {segments: \"/a/\"}", "GET /a/b", true)]
    [InlineData("path: {segments: \"/\"}", "GET /anything", true)]
    [InlineData("path: {segments: \"/a\"}, ignoreCase: true", "GET /A/b", true)]
    [InlineData("path: {prefix: \"/a\"}", "GET /ab", true)]
    [InlineData("path: {prefix: \"/a/\"}", "GET /a", false)]
    [InlineData("path: {regex: \"/a.c\"}", "GET /abc?d", true)]
    [InlineData("path: {regex: \"/a.c\"}", "GET /abcd", false)]
    [InlineData("path: {regex: \"/a|/b\"}", "GET /b", true)]
    [InlineData("path: {regex: \"/a|/b\"}", "GET /bc", false)]
    [InlineData("path: {regex: \"/A\"}, ignoreCase: true", "GET /a", true)]
    // Methods, hosts and schemes.
    [InlineData("method: {exact: GET}", "GET /", true)]
    [InlineData("method: {exact: POST}", "GET /", false)]
    [InlineData("method: {regex: \"GET|HEAD\"}", "GET /", true)]
    [InlineData("authority: {exact: \"Shop.example\"}", "GET /", true)]
    [InlineData("authority: {exact: \"shop\"}", "GET /", false)]
    [InlineData("authority: {prefix: \"SHOP.\"}", "GET /", true)]
    [InlineData("authority: {regex: \"shop[.].*\"}", "GET /", true)]
    [InlineData("scheme: {exact: http}", "GET /", true)]
    [InlineData("scheme: {exact: https}", "GET /", false)]
    // Fields.
    [InlineData("headers: [{name: \"X-Team\", value: {exact: blue}}]", "GET /", true)]
    [InlineData("headers: [{name: \"x-team\", value: {exact: Blue}}]", "GET /", false)]
    [InlineData("headers: [{name: \"x-team\", value: {prefix: bl}}]", "GET /", true)]
    [InlineData("headers: [{name: \"x-team\", value: {regex: \"b(l|u)+e\"}}]", "GET /", true)]
    [InlineData("headers: [{name: \"x-team\", value: {regex: \"b\"}}]", "GET /", false)]
    [InlineData("headers: [{name: \"x-empty\", value: {present: true}}]", "GET /", true)]
    [InlineData("headers: [{name: \"x-empty\"}]", "GET /", true)]
    [InlineData("headers: [{name: \"x-none\", value: {present: true}}]", "GET /", false)]
    [InlineData("headers: [{name: \"x-none\", value: {exact: a}, invert: true}]", "GET /", true)]
    [InlineData("headers: [{name: \"x-team\", value: {exact: blue}, invert: true}]", "GET /", false)]
    [InlineData("headers: [{name: \"x-team\", value: {exact: red}, invert: true}]", "GET /", true)]
    [InlineData("headers: [{name: \"x-team\", value: {exact: blue}}, {name: \"x-none\", value: {exact: a}}]", "GET /", false)]
    [InlineData("headers: [{name: \"x-twice\", value: {exact: \"a,b\"}}]", "GET /", true)]
    [InlineData("headers: [{name: \":method\", value: {exact: GET}}]", "GET /", true)]
    // Queries.
    [InlineData("query: [{name: animal, value: {exact: whale}}]", "GET /?animal=whale", true)]
    [InlineData("query: [{name: animal, value: {exact: whale}}]", "GET /?x=1&animal=whale&y", true)]
    [InlineData("query: [{name: animal, value: {exact: whale}}]", "GET /?animal=dolphin&animal=whale", false)]
    [InlineData("query: [{name: animal, value: {exact: whale}}]", "GET /?animals=whale", false)]
    [InlineData("query: [{name: animal, value: {exact: whale}}]", "GET /", false)]
    [InlineData("query: [{name: animal, value: {regex: \"w.*\"}}]", "GET /?animal=whale", true)]
    [InlineData("query: [{name: animal, value: {present: true}}]", "GET /?animal", true)]
    [InlineData("query: [{name: animal, value: {exact: \"\"}}]", "GET /?animal=", true)]
    [InlineData("query: [{name: animal, value: {exact: whale}, invert: true}]", "GET /", true)]
    // All of them.
    [InlineData("path: {segments: \"/a\"}, method: {exact: GET}, query: [{name: b, value: {exact: c}}]", "GET /a?b=c", true)]
    [InlineData("path: {segments: \"/a\"}, method: {exact: GET}, query: [{name: b, value: {exact: c}}]", "GET /a?b=d", false)]
    [InlineData("", "GET /", true)]
    public void A_match_holds_if_all_that_is_set_does(string match, string line, bool holds)
    {
        var decision = Scene.Route($$"""matches: [{ {{match}} }], response: {status: 299}""")
            .Decide(new Request(line, "x-team: blue", "x-empty:", "x-twice: a", "x-twice: b"));
        Assert.Equal(holds ? (RouteOutcome.Respond, 299, 0) : (RouteOutcome.NoRoute, 404, -1), (decision.Outcome, decision.Status, decision.Match));
    }

    [Fact]
    public void The_first_rule_for_the_port_that_matches_wins()
    {
        var scene = Scene.Service("""
            routes: [
              {source: "other port", ports: [81], response: {status: 201}},
              {source: "second", ports: [80], matches: [{path: {exact: "/x"}}, {path: {exact: "/y"}}], response: {status: 202}},
              {source: "third", matches: [{path: {segments: "/y"}}], response: {status: 203}},
              {source: "last", response: {status: 204}}]
            """);
        Assert.Equal((202, 1), At("GET /y", 80));
        Assert.Equal((203, 0), At("GET /y/z", 80));
        Assert.Equal((204, -1), At("GET /", 80));
        Assert.Equal((201, -1), At("GET /y", 81));
        Assert.Equal((203, 0), At("GET /y", 82));

        (int, int) At(string line, int port)
        {
            var decision = scene.Decide(new Request(line) { Port = port });
            return (decision.Status, decision.Match);
        }
    }

    [Fact]
    public void Without_routes_for_the_port_requests_go_to_the_service_itself()
    {
        var decision = Scene.Service("""routes: [{ports: [81], response: {status: 200}}], traffic: {pool: {maxRequests: 7}}""").Decide(new Request("GET /"));
        Assert.Equal((RouteOutcome.Forward, Scene.Shop, 80, 7), (decision.Outcome, decision.Destination, decision.Port, decision.Traffic.Pool.MaxRequests));
        Assert.Equal((null, null, null), (decision.Route, decision.Target, decision.Subset));
        Assert.Same(RetryPolicy.Default, decision.Retry);
    }

    [Fact]
    public void A_workload_that_is_addressed_itself_has_no_routes()
    {
        var decision = HttpRouter.Decide(Scene.Service("").Waypoint, null, new Request("GET /") { Port = 8080 }.Facts, new Random(1));
        Assert.Equal((RouteOutcome.Forward, null, 8080), (decision.Outcome, decision.Destination, decision.Port));
    }

    [Fact]
    public void What_the_waypoint_does_not_serve_is_unavailable()
    {
        Assert.Equal((RouteOutcome.UnknownService, 503), Of(new Scene().With("")));
        Assert.Equal((RouteOutcome.UnknownService, 503), Of(new Scene().With("").WithService("shop", "shop.example", bound: false)));

        static (RouteOutcome, int) Of(Scene scene) => (scene.Decide(new Request("GET /")).Outcome, scene.Decide(new Request("GET /")).Status);
    }

    [Fact]
    public void Shares_are_as_the_weights_and_what_has_no_backend_gets_500()
    {
        var scene = Scene.Route("""
            forward: {backends: [{service: "shop/v1", port: 8080, weight: 70}, {service: "shop/v2", port: 8081, weight: 20}, {port: 80, weight: 10}, {service: "shop/v3", weight: 0}]}
            """);
        var random = new Random(7);
        var counts = new Dictionary<string, int>();
        for (var i = 0; i < 10_000; i++)
        {
            var decision = HttpRouter.Decide(scene.Waypoint, Scene.Shop, new Request("GET /").Facts, random);
            var key = decision.Outcome == RouteOutcome.NoBackend ? $"{decision.Status}" : $"{decision.Destination}:{decision.Port}";
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }

        Assert.Equal(["500", "shop/v1:8080", "shop/v2:8081"], counts.Keys.Order());
        Assert.InRange(counts["shop/v1:8080"], 6800, 7200);
        Assert.InRange(counts["shop/v2:8081"], 1850, 2150);
        Assert.InRange(counts["500"], 850, 1150);
    }

    [Theory]
    [InlineData("forward: {backends: [{service: \"shop/v1\", weight: 0}, {service: \"shop/v2\", weight: 0}]}")]
    [InlineData("forward: {backends: [{weight: 1}]}")]
    [InlineData("forward: {}")]
    [InlineData("source: nothing")]
    public void Without_a_weight_or_a_backend_every_request_gets_500(string route)
    {
        var decision = Scene.Route(route).Decide(new Request("GET /"));
        Assert.Equal((RouteOutcome.NoBackend, 500, null), (decision.Outcome, decision.Status, decision.Destination));
    }

    [Fact]
    public void A_backend_brings_its_policy_its_subset_and_its_changes()
    {
        var scene = Scene.Route("""
            forward: {backends: [{service: "pay/pay.example", port: 90, weight: 1, subset: v2,
              requestHeaders: {set: [{name: "X-A", value: b}], add: [{name: c, value: d}], remove: ["E", "connection", "content-length"]}, responseHeaders: {remove: ["server"]}}]},
            requestHeaders: {set: [{name: "x-a", value: r}]}, responseHeaders: {add: [{name: z, value: y}]}
            """).WithService("pay", "pay.example", """traffic: {balancer: RANDOM}, subsets: [{name: v2, workloads: ["w1", "w2"], traffic: {balancer: ROUND_ROBIN}}]""", bound: false);
        var decision = scene.Decide(new Request("GET /"));
        Assert.Equal(("pay/pay.example", 90, Balancer.RoundRobin), (decision.Destination, decision.Port, decision.Traffic.Balancer));
        Assert.Equal(["w1", "w2"], decision.Subset!.Order());
        Assert.Equal(new HeaderValue("x-a", "b"), decision.Backend!.RequestHeaders!.Set.Single());
        Assert.Equal(new HeaderValue("c", "d"), decision.Backend.RequestHeaders.Add.Single());
        Assert.Equal("e", decision.Backend.RequestHeaders.Remove.Single());
        Assert.Equal("server", decision.Backend.ResponseHeaders!.Remove.Single());
        Assert.Equal(new HeaderValue("x-a", "r"), decision.Route!.RequestHeaders!.Set.Single());
        Assert.Equal(new HeaderValue("z", "y"), decision.Route.ResponseHeaders!.Add.Single());
        Assert.Same(decision.Traffic, scene.Decide(new Request("GET /other")).Traffic);
    }

    [Fact]
    public void Without_a_port_a_backend_and_a_mirror_take_the_request_s()
    {
        var decision = Scene.Route("""forward: {backends: [{service: "pay/pay.example", weight: 1}]}, mirrors: [{service: "a/b"}, {service: "a/b", port: 7}]""")
            .WithService("pay", "pay.example", "traffic: {ports: [{port: 8443, traffic: {balancer: RANDOM}}]}").Decide(new Request("GET /") { Port = 8443 });
        Assert.Equal((8443, Balancer.Random), (decision.Port, decision.Traffic.Balancer));
        Assert.Equal([8443, 7], decision.Route!.Mirrors.Select(decision.PortOf));
    }

    [Fact]
    public void A_subset_that_is_not_known_has_no_endpoints()
    {
        var scene = Scene.Route("""forward: {backends: [{service: "pay/pay.example", port: 90, weight: 1, subset: v9}]}""").WithService("pay", "pay.example");
        Assert.Empty(scene.Decide(new Request("GET /")).Subset!);
    }

    [Theory]
    [InlineData("rewrite: {authority: \"other.example\"}", "", "other.example")]
    [InlineData("rewrite: {authority: \"other.example\"}", "requestHeaders: {set: [{name: \"Host\", value: \"header.example\"}]}", "header.example")]
    [InlineData("", "requestHeaders: {set: [{name: \":authority\", value: \"header.example\"}]}", "header.example")]
    [InlineData("", "requestHeaders: {remove: [\"host\"]}", null)]
    [InlineData("", "", null)]
    public void The_host_is_changed_by_a_rewrite_or_by_its_field(string rewrite, string route, string? authority)
    {
        var decision = Scene.Route($$"""forward: {backends: [{service: "shop/v1", weight: 1}], {{rewrite}} }, {{route}}""").Decide(new Request("GET /"));
        Assert.Equal(authority, decision.Authority);
        Assert.True(decision.Route!.RequestHeaders?.Set.IsEmpty ?? true);
        Assert.True(decision.Route.RequestHeaders?.Remove.IsEmpty ?? true);
    }

    [Fact]
    public void Faults_and_copies_come_in_their_shares()
    {
        var scene = Scene.Route("""
            forward: {backends: [{service: "shop/v1", weight: 1}]},
            mirrors: [{service: "shop/all", port: 80, share: 1000000}, {service: "shop/some", port: 81, share: 100000}, {service: "shop/none", port: 82}],
            fault: {delay: "0.250s", delayShare: 500000, abortStatus: 503, abortShare: 200000}
            """);
        var random = new Random(11);
        var (delayed, aborted, all, some, none) = (0, 0, 0, 0, 0);
        for (var i = 0; i < 10_000; i++)
        {
            var decision = HttpRouter.Decide(scene.Waypoint, Scene.Shop, new Request("GET /").Facts, random);
            delayed += decision.Fault.Delay == TimeSpan.FromMilliseconds(250) ? 1 : 0;
            aborted += decision.Fault is { Aborts: true, AbortStatus: 503 } ? 1 : 0;
            all += decision.IsMirrored(0) ? 1 : 0;
            some += decision.IsMirrored(1) ? 1 : 0;
            none += decision.IsMirrored(2) ? 1 : 0;
        }

        Assert.Equal((10_000, 0), (all, none));
        Assert.InRange(delayed, 4800, 5200);
        Assert.InRange(aborted, 1850, 2150);
        Assert.InRange(some, 850, 1150);
    }

    [Fact]
    public void A_fault_may_be_a_status_of_gRPC()
    {
        var decision = Scene.Route("""forward: {backends: [{service: "shop/v1", weight: 1}]}, fault: {abortGrpcStatus: 15, abortShare: 1000000}""").Decide(new Request("POST /pkg.S/M"));
        Assert.Equal((true, 0, 14), (decision.Fault.Aborts, decision.Fault.AbortStatus, decision.Fault.AbortGrpcStatus));
        Assert.False(Scene.Route("""forward: {backends: [{service: "shop/v1", weight: 1}]}, fault: {abortShare: 1000000}""").Decide(new Request("GET /")).Fault.Aborts);
    }

    [Theory]
    [InlineData("", 2, "connect-failure, refused-stream, unavailable, cancelled", 25, null)]
    [InlineData("retry: {}", 0, "", 25, null)]
    [InlineData("retry: {attempts: 5}", 5, "connect-failure, refused-stream, unavailable, cancelled", 25, null)]
    [InlineData("retry: {attempts: 3, statuses: [503, 504], backoff: \"0.1s\", perTryTimeout: \"2s\"}", 3, "connect-failure, refused-stream, unavailable, cancelled, 503, 504", 100, 2)]
    [InlineData("retry: {attempts: 1, conditions: [\"5xx\", \"retriable-status-codes\", \"reset\"], statuses: [429]}", 1, "5xx, reset, 429", 25, null)]
    public void Retries_are_Istios_where_nothing_is_said(string retry, int attempts, string on, int backoff, int? perTry)
    {
        var policy = Scene.Route($$"""forward: {backends: [{service: "shop/v1", weight: 1}]}, {{retry}}""").Decide(new Request("GET /")).Retry;
        Assert.Equal((attempts, on, backoff), (policy.Attempts, policy.Words(), (int)policy.Backoff.TotalMilliseconds));
        Assert.Equal(perTry is { } s ? TimeSpan.FromSeconds(s) : null, policy.PerTryTimeout);
    }

    [Theory]
    [InlineData("5xx", 500, true)]
    [InlineData("5xx", 499, false)]
    [InlineData("gateway-error", 502, true)]
    [InlineData("gateway-error", 503, true)]
    [InlineData("gateway-error", 504, true)]
    [InlineData("gateway-error", 500, false)]
    [InlineData("retriable-4xx", 409, true)]
    [InlineData("retriable-4xx", 404, false)]
    [InlineData("connect-failure", 503, false)]
    public void Statuses_are_retried_by_condition(string condition, int status, bool retried) =>
        Assert.Equal(retried, Scene.Route($$"""forward: {}, retry: {attempts: 1, conditions: ["{{condition}}"]}""").Decide(new Request("GET /")).Retry.OnStatus(status));

    [Theory]
    [InlineData("cancelled", 1)]
    [InlineData("deadline-exceeded", 4)]
    [InlineData("resource-exhausted", 8)]
    [InlineData("internal", 13)]
    [InlineData("unavailable", 14)]
    public void Statuses_of_gRPC_are_retried_by_name(string condition, int status)
    {
        var retry = Scene.Route($$"""forward: {}, retry: {attempts: 1, conditions: ["{{condition}}"]}""").Decide(new Request("GET /")).Retry;
        Assert.Equal([status], Enumerable.Range(0, 17).Where(retry.OnGrpcStatus));
    }

    [Fact]
    public void A_route_answers_with_its_body()
    {
        var decision = Scene.Route("""response: {status: 418, body: "short and stout"}, timeout: "3s" """).Decide(new Request("GET /"));
        Assert.Equal((RouteOutcome.Respond, 418, "short and stout", TimeSpan.FromSeconds(3)), (decision.Outcome, decision.Status, decision.Body, decision.Timeout));
    }

    [Fact]
    public void Deciding_allocates_nothing_where_nothing_is_rewritten()
    {
        var scene = Scene.Service("""
            policies: ["shop/p"], routes: [
              {matches: [{path: {regex: "/v[0-9]+/.*"}, headers: [{name: "x-team", value: {exact: red}}]}], response: {status: 200}},
              {matches: [{path: {segments: "/api"}, method: {exact: GET}}], forward: {backends: [{service: "shop/v1", weight: 9}, {service: "shop/v2", weight: 1}]}}]
            """).WithPolicy("shop/p", """rules: [{from: [{principals: [{suffix: "/sa/web"}]}], to: [{methods: [{exact: GET}], paths: [{template: "/api/{**}"}]}]}]""");
        var request = new Request("GET /api/items");
        var random = new Random(3);
        var sum = 0;
        for (var i = 0; i < 100; i++)
        {
            sum += Once();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            sum += Once();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(1100, sum);

        int Once() => HttpAuthorizer.Evaluate(scene.Waypoint, Scene.Shop, request.Facts).Allowed
            && HttpRouter.Decide(scene.Waypoint, Scene.Shop, request.Facts, random).Outcome == RouteOutcome.Forward ? 1 : 0;
    }
}
