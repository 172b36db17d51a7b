using Ambient.Mesh.Config;
using Ambient.Mesh.Http;
using Google.Protobuf;
using Way = Ambient.Api.Waypoints;

namespace Ambient.Mesh.Tests.Http;

/// <summary>What is refused, with its place, and how traffic policies lie over each other.</summary>
public sealed class WaypointDecoderTests
{
    [Theory]
    [InlineData("routes: [{}, {matches: [{}, {path: {regex: \"(\"}}]}]", "routes[1]: matches[1]: the expression '('")]
    [InlineData("routes: [{matches: [{path: {}}]}]", "path holds a match of no known kind")]
    [InlineData("routes: [{matches: [{method: {}}]}]", "method holds a match of no known kind")]
    [InlineData("routes: [{matches: [{method: {present: false}}]}]", "method holds a match of no known kind")]
    [InlineData("routes: [{matches: [{headers: [{value: {exact: a}}]}]}]", "has no name")]
    [InlineData("routes: [{ports: [70000]}]", "ports holds 70000")]
    [InlineData("routes: [{redirect: {status: 200}}]", "redirect.status is 200")]
    [InlineData("routes: [{response: {status: 42}}]", "response.status is 42")]
    [InlineData("routes: [{forward: {backends: [{service: \"a/b\", port: 70000}]}}]", "backends.port holds 70000")]
    [InlineData("routes: [{requestHeaders: {set: [{name: \"a b\", value: c}]}}]", "'a b' is no name of a header")]
    [InlineData("routes: [{requestHeaders: {remove: [\"a:b\"]}}]", "'a:b' is no name of a header")]
    [InlineData("routes: [{responseHeaders: {add: [{name: a, value: \"b\\r\\nc\"}]}}]", "the value of the header 'a' has control characters")]
    [InlineData("routes: [{requestHeaders: {set: [{name: \"Transfer-Encoding\", value: chunked}]}}]", "'Transfer-Encoding' is not for routes to set")]
    [InlineData("routes: [{requestHeaders: {add: [{name: \"content-length\", value: \"0\"}]}}]", "'content-length' is not for routes to set")]
    [InlineData("routes: [{requestHeaders: {set: [{name: \":path\", value: \"/\"}]}}]", "':path' is not for routes to set")]
    [InlineData("routes: [{responseHeaders: {set: [{name: \":authority\", value: a}]}}]", "':authority' is not for routes to set")]
    [InlineData("routes: [{requestHeaders: {set: [{name: host, value: \"a b\"}]}}]", "host is 'a b'")]
    [InlineData("routes: [{redirect: {authority: \"a b\"}}]", "redirect.authority is 'a b'")]
    [InlineData("routes: [{redirect: {scheme: \"http://\"}}]", "redirect.scheme is 'http://'")]
    [InlineData("routes: [{forward: {rewrite: {authority: \"a/b\"}}}]", "rewrite.authority is 'a/b'")]
    [InlineData("routes: [{forward: {rewrite: {prefix: \"/a b\"}}}]", "the path '/a b'")]
    [InlineData("routes: [{redirect: {fullPath: \"/a\\r\\nb\"}}]", "has characters that no request's target may have")]
    [InlineData("routes: [{fault: {abortGrpcStatus: 4000000000, abortShare: 1}}]", "fault.abort_grpc_status is 4000000000")]
    [InlineData("routes: [{timeout: \"-1s\"}]", "timeout is -1 s")]
    [InlineData("routes: [{retry: {attempts: 1, conditions: [\"often\"]}}]", "retry.conditions holds 'often'")]
    [InlineData("traffic: {ports: [{port: 70000}]}", "traffic.ports.port holds 70000")]
    [InlineData("traffic: {outliers: {maxEjectionPercent: 101}}", "outliers.max_ejection_percent is 101")]
    [InlineData("subsets: [{name: v1, traffic: {pool: {connectTimeout: \"-1s\"}}}]", "subset v1: pool.connect_timeout is -1 s")]
    public void A_service_that_cannot_be_understood_is_refused_with_its_place(string fields, string words) =>
        Assert.Contains(words, Assert.Throws<MeshConfigException>(() => Scene.Service(fields)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("{from: [{principals: [{}]}]}", "rules[0]: principals holds a match of no known kind")]
    [InlineData("{}, {to: [{paths: [{template: \"/{**}/{*}\"}]}]}", "rules[1]: the path template")]
    [InlineData("{to: [{paths: [{}]}]}", "paths holds a pattern of no known kind")]
    [InlineData("{to: [{ports: [70000]}]}", "ports holds 70000")]
    [InlineData("{from: [{ips: [{address: \"CgA=\", length: 8}]}]}", "ips holds an address of 2 bytes")]
    [InlineData("{from: [{ips: [{address: \"CgAAAA==\", length: 33}]}]}", "the prefix length 33")]
    [InlineData("{when: [{key: \"request.time\", values: [{exact: a}]}]}", "the condition's attribute 'request.time' is not known")]
    [InlineData("{when: [{key: \"request.headers[]\", values: [{exact: a}]}]}", "is not known")]
    [InlineData("{when: [{key: \"source.ip\", values: [{exact: a}]}]}", "values of the wrong kind")]
    [InlineData("{when: [{key: \"destination.port\", ips: [{address: \"CgAAAA==\", length: 8}]}]}", "values of the wrong kind")]
    [InlineData("{when: [{key: \"source.namespace\"}]}", "no values")]
    public void A_policy_that_cannot_be_understood_is_refused_with_its_place(string rules, string words) =>
        Assert.Contains(words, Assert.Throws<MeshConfigException>(() => Scene.Policy("DENY", rules)).Message, StringComparison.Ordinal);

    [Fact]
    public void Other_bytes_and_unknown_actions_are_refused()
    {
        var garbage = ByteString.CopyFrom(0x0a, 0xff);
        Assert.Contains("not an ambient.waypoint.v1.Service", Assert.Throws<MeshConfigException>(() => WaypointDecoder.DecodeService("a/b", garbage)).Message, StringComparison.Ordinal);
        Assert.Throws<MeshConfigException>(() => WaypointDecoder.DecodeWaypoint("a/b", garbage));
        Assert.Throws<MeshConfigException>(() => WaypointDecoder.DecodePolicy("a/b", garbage));
        Assert.Throws<MeshConfigException>(() => WaypointDecoder.DecodePolicy("a/b", new Way.Authorization { Action = (Way.Authorization.Types.Action)9 }.ToByteString()));
        Assert.Contains("holds the service x/y", Assert.Throws<MeshConfigException>(
            () => WaypointDecoder.DecodeService("a/b", new Way.Service { Namespace = "x", Hostname = "y" }.ToByteString())).Message, StringComparison.Ordinal);
    }

    /// <summary>Whatever comes, the control plane gets a reason and the stream lives on.</summary>
    [Fact]
    public void Bytes_that_went_astray_are_refused_with_a_reason_or_taken()
    {
        var service = Scene.Message<Way.Service>("""
            namespace: shop, hostname: "shop.example", bound: true, policies: ["a/b"], subsets: [{name: v1, workloads: ["w"], traffic: {balancer: RANDOM}}],
            traffic: {pool: {maxConnections: 1, connectTimeout: "1s"}, outliers: {consecutive5xx: 1, maxEjectionPercent: 9}, ports: [{port: 80, traffic: {}}]},
            routes: [{source: R, ports: [80], matches: [{path: {regex: "/a[b-c]+"}, headers: [{name: x, value: {prefix: y}}], query: [{name: q, value: {exact: z}}]}],
              forward: {backends: [{service: "a/b", port: 1, weight: 2}], rewrite: {prefix: "/x", authority: h}}, mirrors: [{service: "a/b", share: 5}],
              timeout: "1s", retry: {attempts: 1, statuses: [503], conditions: ["5xx"]}, fault: {delay: "1s", abortGrpcStatus: 3, abortShare: 1},
              requestHeaders: {set: [{name: a, value: b}], remove: [c]}}, {redirect: {port: 443, status: 301}}]
            """).ToByteArray();
        var policy = Scene.Message<Way.Authorization>("""
            name: p, rules: [{from: [{ips: [{address: "CgAAAA==", length: 8}], principals: [{suffix: w}]}], to: [{paths: [{template: "/a/{*}/{**}"}], ports: [80]}],
              when: [{key: "request.headers[a]", values: [{exact: b}]}]}]
            """).ToByteArray();
        var random = new Random(99);
        var (taken, refused) = (0, 0);
        for (var round = 0; round < 4000; round++)
        {
            var bytes = (round % 2 == 0 ? service : policy).ToArray();
            for (var flips = random.Next(1, 4); flips > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            try
            {
                _ = round % 2 == 0
                    ? (object)WaypointDecoder.DecodeService("shop/shop.example", ByteString.CopyFrom(bytes))
                    : WaypointDecoder.DecodePolicy("shop/p", ByteString.CopyFrom(bytes));
                taken++;
            }
            catch (MeshConfigException)
            {
                refused++;
            }
        }

        Assert.InRange(taken, 100, 3900);
        Assert.InRange(refused, 100, 3900);
    }

    [Fact]
    public void A_port_replaces_and_a_subset_lies_over_the_service()
    {
        var service = Scene.Service("""
            traffic: {balancer: RANDOM, pool: {maxConnections: 10, connectTimeout: "1s"}, outliers: {consecutive5xx: 5},
              ports: [{port: 81, traffic: {balancer: ROUND_ROBIN}}]},
            subsets: [
              {name: bare},
              {name: own, traffic: {pool: {maxConnections: 20}, ports: [{port: 82, traffic: {outliers: {consecutiveGatewayErrors: 3, interval: "1s", baseEjectionTime: "2s", maxEjectionPercent: 50, minHealthPercent: 20}}}]}}]
            """).Waypoint.FindService(Scene.Shop)!;

        Assert.Equal((Balancer.Random, 10, 1.0, 5), Of(service.TrafficFor(80)));
        Assert.Equal((Balancer.RoundRobin, int.MaxValue, 10.0, 0), Of(service.TrafficFor(81)));
        Assert.Equal((Balancer.Random, 10, 1.0, 5), Of(service.TrafficFor(80, "bare")));
        Assert.Equal((Balancer.RoundRobin, int.MaxValue, 10.0, 0), Of(service.TrafficFor(81, "bare")));
        Assert.Equal((Balancer.Random, 20, 10.0, 5), Of(service.TrafficFor(80, "own")));
        Assert.Equal((Balancer.RoundRobin, 20, 10.0, 0), Of(service.TrafficFor(81, "own")));
        Assert.Equal((Balancer.LeastRequest, int.MaxValue, 10.0, 0), Of(service.TrafficFor(82, "own")));
        Assert.Equal((Balancer.Random, 10, 1.0, 5), Of(service.TrafficFor(80, "unknown")));
        Assert.Equal(
            new OutlierDetection
            {
                ConsecutiveGatewayErrors = 3,
                Interval = TimeSpan.FromSeconds(1),
                BaseEjectionTime = TimeSpan.FromSeconds(2),
                MaxEjectionPercent = 50,
                MinHealthPercent = 20,
            },
            service.TrafficFor(82, "own").Outliers);
        Assert.Equal((10.0, 30.0, 10), (service.TrafficFor(80).Outliers!.Interval.TotalSeconds, service.TrafficFor(80).Outliers!.BaseEjectionTime.TotalSeconds, service.TrafficFor(80).Outliers!.MaxEjectionPercent));

        static (Balancer, int, double, int) Of(TrafficPolicy policy) =>
            (policy.Balancer, policy.Pool.MaxConnections, policy.Pool.ConnectTimeout.TotalSeconds, policy.Outliers?.Consecutive5xx ?? 0);
    }

    [Fact]
    public void A_store_tells_what_changed()
    {
        var scene = Scene.Service("policies: [\"shop/p\"]");
        var changes = new List<WaypointChange>();
        scene.Store.Changed += changes.Add;
        scene.WithPolicy("shop/p", "rules: [{}]");
        scene.WithService("shop", "shop.example", "policies: [\"shop/p\"], routes: [{response: {status: 200}}]");
        scene.WithService("shop", "shop.example", "policies: []");
        scene.With("policies: [\"shop/p\"]");
        scene.With("policies: [\"shop/p\"]");
        scene.WithService("shop", "shop.example", bound: false);
        var removal = new WaypointUpdate();
        Assert.True(removal.IsEmpty);
        removal.RemovedServices.Add(Scene.Shop);
        removal.RemovedPolicies.Add("shop/p");
        removal.RemovedWaypoints.Add("shop/gate");
        scene.Store.Apply(removal);
        Assert.Equal([true, false, true, true, false, true, true], changes.Select(change => change.PoliciesChanged));
        Assert.Equal((0, 0, null), (scene.Waypoint.Services.Count(), scene.Waypoint.Policies.Count, scene.Waypoint.Waypoint));
        Assert.Equal(changes[^2].After, changes[^1].Before);
    }
}
