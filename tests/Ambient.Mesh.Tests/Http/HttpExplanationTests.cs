using Ambient.Mesh.Http;

namespace Ambient.Mesh.Tests.Http;

/// <summary>The words in which decisions are explained, and that they agree with the decisions.</summary>
public sealed class HttpExplanationTests
{
    private static readonly Request Delete = new("DELETE /admin/users?all", "x-team: blue");

    [Theory]
    [InlineData("DENY", "{to: [{methods: [{exact: DELETE}]}]}", "explicitly denied by: shop/p (rule 0: method DELETE is one of [DELETE])")]
    [InlineData("DENY", "{to: [{ports: [81]}]}, {from: [{namespaces: [{exact: shop}]}], to: [{paths: [{text: {prefix: \"/admin\"}}], notMethods: [{exact: GET}]}], when: [{key: \"request.headers[x-team]\", values: [{exact: blue}]}]}",
        "explicitly denied by: shop/p (rule 1: source namespace shop is one of [shop], method DELETE is none of [GET], path /admin/users is one of [/admin*], request.headers[x-team] blue is one of [blue])")]
    [InlineData("DENY", "{}", "explicitly denied by: shop/p (rule 0: matches everything)")]
    [InlineData("DENY", "{to: [{hosts: [{exact: \"shop.example\"}], paths: [{template: \"/{*}/users\"}]}]}",
        "explicitly denied by: shop/p (rule 0: path /admin/users is one of [/{*}/users], host shop.example is one of [shop.example])")]
    [InlineData("ALLOW", "{from: [{serviceAccounts: [{namespace: shop, serviceAccount: web}]}]}", "allowed by: shop/p (rule 0: service account shop/web is one of [shop/web])")]
    [InlineData("ALLOW", "", "allow policies exist, but none allowed (nearest: shop/p has no rules and so allows nothing)")]
    [InlineData("ALLOW", "{to: [{methods: [{exact: GET}], paths: [{text: {exact: \"/x\"}}]}]}",
        "allow policies exist, but none allowed (nearest: shop/p rule 0: method DELETE is none of [GET])")]
    [InlineData("ALLOW", "{from: [{namespaces: [{exact: pay}]}], to: [{methods: [{exact: GET}]}]}, {from: [{namespaces: [{exact: shop}]}], to: [{methods: [{exact: GET}]}, {methods: [{exact: DELETE}], notPaths: [{text: {prefix: \"/admin\"}}]}]}",
        "allow policies exist, but none allowed (nearest: shop/p rule 1: path /admin/users is one of [/admin*])")]
    [InlineData("ALLOW", "{when: [{key: \"request.headers[x-none]\", values: [{exact: a}]}]}",
        "allow policies exist, but none allowed (nearest: shop/p rule 0: request.headers[x-none] (absent) is none of [a])")]
    [InlineData("ALLOW", "{from: [{requestPrincipals: [{presence: {}}]}]}",
        "allow policies exist, but none allowed (nearest: shop/p rule 0: request principal (no verified token) is none of [*])")]
    [InlineData("DENY", "{to: [{methods: [{exact: GET}]}]}", "allowed: no policy that allows applies, and none denies")]
    public void A_verdict_names_policy_rule_and_attribute(string action, string rules, string words)
    {
        var scene = Scene.Policy(action, rules);
        Assert.Equal(words, HttpVerdictExplanation.Render(scene.Waypoint, Scene.Shop, Delete.Facts, scene.Verdict(Delete)));
    }

    [Theory]
    [InlineData("DENY", "{to: [{methods: [{exact: GET}]}]}", "explicitly denied by: shop/p (rule 0: what it asks of HTTP cannot be told of this connection)")]
    [InlineData("DENY", "{to: [{methods: [{exact: GET}], ports: [80]}]}", "explicitly denied by: shop/p (rule 0: destination port 80 is one of [80])")]
    [InlineData("ALLOW", "{to: [{methods: [{exact: GET}]}]}", "allow policies exist, but none allowed (nearest: shop/p rule 0: it asks for HTTP, which this connection is not)")]
    [InlineData("ALLOW", "{when: [{key: \"connection.sni\", values: [{exact: b}]}]}", "allow policies exist, but none allowed (nearest: shop/p rule 0: connection.sni a is none of [b])")]
    public void A_verdict_on_another_connection_says_what_could_be_told(string action, string rules, string words)
    {
        var scene = Scene.Policy(action, rules);
        var verdict = scene.Connection(Delete, "a");
        Assert.Equal(words, HttpVerdictExplanation.RenderConnection(scene.Waypoint, Scene.Shop, Delete.Connection, verdict, "a"));
    }

    [Fact]
    public void What_is_not_known_is_named()
    {
        Assert.Equal("the waypoint's own configuration has not been received, so nothing is allowed; check the control plane", Words(new Scene()));
        Assert.Equal("service shop/shop.example is not served by this waypoint, or its configuration has not been received", Words(new Scene().With("")));
        Assert.Equal("policy shop/late targets the service or the waypoint but has not been received, so nothing is allowed; check the control plane",
            Words(Scene.Service("policies: [\"shop/late\"]")));

        static string Words(Scene scene) => HttpVerdictExplanation.Render(scene.Waypoint, Scene.Shop, Delete.Facts, scene.Verdict(Delete));
    }

    [Fact]
    public void A_route_is_told_step_by_step()
    {
        var scene = Scene.Service("""
            routes: [
              {source: "HTTPRoute shop/split", rule: "0", matches: [{path: {exact: "/"}}], response: {status: 200}},
              {source: "HTTPRoute shop/split", rule: "blue", matches: [{path: {segments: "/admin"}, headers: [{name: "x-team", value: {exact: red}}]}], response: {status: 200}},
              {source: "HTTPRoute shop/split", rule: "2", ports: [81], response: {status: 200}},
              {source: "HTTPRoute shop/split", rule: "3", matches: [{path: {segments: "/admin"}, headers: [{name: "x-team", value: {prefix: bl}}]}],
               forward: {backends: [{service: "shop/v1", port: 8080, weight: 90}, {service: "shop/v2", port: 8080, weight: 0}], rewrite: {prefix: "/a", authority: "v.example"}},
               mirrors: [{service: "shop/copy", port: 80, share: 500000}], timeout: "2s", retry: {attempts: 3, conditions: ["5xx"]},
               fault: {delay: "1s", delayShare: 1000000, abortStatus: 418, abortShare: 1000000}}]
            """);
        var decision = scene.Decide(Delete);
        Assert.Equal(
            [
                "DELETE shop.example/admin/users?all asks for shop/shop.example port 80",
                "HTTPRoute shop/split rule 0 does not match: path /admin/users is not /",
                "HTTPRoute shop/split rule blue does not match: header x-team red does not hold for 'blue'",
                "HTTPRoute shop/split rule 3 matches: path /admin/users is /admin/..., header x-team bl* holds for 'blue'",
                "sent on to shop/v1 port 8080, whose weight is 90 of 90",
                "as /a/users?all",
                "for host v.example",
                $"{(decision.IsMirrored(0) ? "copied" : "not copied this time")} to shop/copy port 80, which gets 50%",
                "delayed by 1 s on purpose",
                "answered with 418 on purpose",
                "within 2 s",
                "with 3 more tries on 5xx",
            ],
            HttpRouteExplanation.Steps(Scene.Shop, Delete.Facts, decision));
        Assert.Equal("HTTPRoute shop/split rule 3: sent on to shop/v1 port 8080, whose weight is 90 of 90", HttpRouteExplanation.Render(Scene.Shop, Delete.Facts, decision));
    }

    [Theory]
    [InlineData("", "no route: sent on to shop/shop.example port 80")]
    [InlineData("routes: [{matches: [{path: {exact: \"/\"}}], response: {status: 200}}]", "no route of service shop/shop.example matches DELETE /admin/users on port 80")]
    [InlineData("routes: [{source: R, forward: {}}]", "R has no backend for the request: it names none")]
    [InlineData("routes: [{source: R, forward: {backends: [{service: \"a/b\", weight: 0}]}}]", "R has no backend for the request: all weights are 0")]
    [InlineData("routes: [{source: R, forward: {backends: [{weight: 1}]}}]", "R has no backend for the request: this share's does not exist")]
    [InlineData("routes: [{source: R, redirect: {scheme: https, status: 301}}]", "R: redirected with 301 to https://shop.example/admin/users?all")]
    [InlineData("routes: [{source: R, rule: x, response: {status: 204}}]", "R rule x: answered with 204")]
    [InlineData("routes: [{source: R, forward: {backends: [{service: \"a/b\", port: 90, weight: 1, subset: v1}]}}]", "R: sent on to a/b port 90 subset v1")]
    public void A_route_is_told_in_one_line(string fields, string words) =>
        Assert.Equal(words, HttpRouteExplanation.Render(Scene.Shop, Delete.Facts, Scene.Service(fields).Decide(Delete)));

    [Fact]
    public void Rules_beyond_a_screen_are_counted()
    {
        var routes = string.Join(", ", Enumerable.Range(0, 50).Select(i => $"{{source: R, matches: [{{path: {{exact: \"/{i}\"}}}}], response: {{status: 200}}}}"));
        var scene = Scene.Service($"routes: [{routes}]");
        var steps = HttpRouteExplanation.Steps(Scene.Shop, Delete.Facts, scene.Decide(Delete));
        Assert.Equal("30 more rules do not match", steps[^2]);
        Assert.Equal("no route of service shop/shop.example matches DELETE /admin/users on port 80: 404", steps[^1]);
    }
}
