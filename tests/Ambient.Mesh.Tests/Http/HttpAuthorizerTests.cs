using System.Net;
using Ambient.Api;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Http;

namespace Ambient.Mesh.Tests.Http;

/// <summary>Every attribute of a rule, matching and not; the order of policies; what is refused because it is not known.</summary>
public sealed class HttpAuthorizerTests
{
    /// <summary>GET shop.example/api/items?id=1 from shop/web at 10.0.0.1, to 10.96.0.9:80, with some headers.</summary>
    private static readonly Request Get = new("GET /api/items?id=1", "x-team: blue", "x-empty:", "x-twice: a", "x-twice: b");

    [Theory]
    // Without anything.
    [InlineData("", true)]
    [InlineData("from: [{}]", true)]
    [InlineData("to: [{}]", true)]
    // Who.
    [InlineData("from: [{principals: [{exact: \"cluster.local/ns/shop/sa/web\"}]}]", true)]
    [InlineData("from: [{principals: [{exact: \"cluster.local/ns/shop/sa/we\"}]}]", false)]
    [InlineData("from: [{principals: [{prefix: \"cluster.local/\"}]}]", true)]
    [InlineData("from: [{principals: [{suffix: \"/sa/web\"}]}]", true)]
    [InlineData("from: [{principals: [{presence: {}}]}]", true)]
    [InlineData("from: [{notPrincipals: [{exact: \"cluster.local/ns/shop/sa/web\"}]}]", false)]
    [InlineData("from: [{notPrincipals: [{exact: \"cluster.local/ns/shop/sa/bot\"}]}]", true)]
    [InlineData("from: [{namespaces: [{exact: shop}]}]", true)]
    [InlineData("from: [{namespaces: [{exact: shop2}, {prefix: sh}]}]", true)]
    [InlineData("from: [{namespaces: [{exact: pay}]}]", false)]
    [InlineData("from: [{notNamespaces: [{suffix: op}]}]", false)]
    [InlineData("from: [{notNamespaces: [{suffix: ay}]}]", true)]
    [InlineData("from: [{serviceAccounts: [{namespace: shop, serviceAccount: web}]}]", true)]
    [InlineData("from: [{serviceAccounts: [{namespace: pay, serviceAccount: web}]}]", false)]
    [InlineData("from: [{notServiceAccounts: [{namespace: shop, serviceAccount: web}]}]", false)]
    [InlineData("from: [{notServiceAccounts: [{namespace: shop, serviceAccount: bot}]}]", true)]
    [InlineData("from: [{ips: [{address: \"CgAAAA==\", length: 8}]}]", true)]
    [InlineData("from: [{ips: [{address: \"CgAAAg==\", length: 32}]}]", false)]
    [InlineData("from: [{notIps: [{address: \"CgAAAA==\", length: 8}]}]", false)]
    [InlineData("from: [{notIps: [{address: \"CwAAAA==\", length: 8}]}]", true)]
    [InlineData("from: [{requestPrincipals: [{presence: {}}]}]", false)]
    [InlineData("from: [{notRequestPrincipals: [{presence: {}}]}]", true)]
    // All fields of a source, any source.
    [InlineData("from: [{namespaces: [{exact: shop}], notPrincipals: [{suffix: web}]}]", false)]
    [InlineData("from: [{namespaces: [{exact: pay}]}, {namespaces: [{exact: shop}]}]", true)]
    // What.
    [InlineData("to: [{hosts: [{exact: \"shop.example\"}]}]", true)]
    [InlineData("to: [{hosts: [{exact: \"SHOP.Example\"}]}]", true)]
    [InlineData("to: [{hosts: [{suffix: \".Example\"}]}]", true)]
    [InlineData("to: [{hosts: [{prefix: \"shop.\"}]}]", true)]
    [InlineData("to: [{hosts: [{presence: {}}]}]", true)]
    [InlineData("to: [{hosts: [{exact: \"example\"}]}]", false)]
    [InlineData("to: [{notHosts: [{exact: \"SHOP.example\"}]}]", false)]
    [InlineData("to: [{notHosts: [{exact: \"pay.example\"}]}]", true)]
    [InlineData("to: [{ports: [80, 81]}]", true)]
    [InlineData("to: [{ports: [8080]}]", false)]
    [InlineData("to: [{notPorts: [80]}]", false)]
    [InlineData("to: [{notPorts: [8080]}]", true)]
    [InlineData("to: [{methods: [{exact: POST}, {exact: GET}]}]", true)]
    [InlineData("to: [{methods: [{exact: get}]}]", false)]
    [InlineData("to: [{methods: [{presence: {}}]}]", true)]
    [InlineData("to: [{methods: [{prefix: G}]}]", true)]
    [InlineData("to: [{notMethods: [{exact: GET}]}]", false)]
    [InlineData("to: [{notMethods: [{exact: POST}]}]", true)]
    [InlineData("to: [{paths: [{text: {exact: \"/api/items\"}}]}]", true)]
    [InlineData("to: [{paths: [{text: {exact: \"/api/items?id=1\"}}]}]", false)]
    [InlineData("to: [{paths: [{text: {exact: \"/API/items\"}}]}]", false)]
    [InlineData("to: [{paths: [{text: {prefix: \"/api\"}}]}]", true)]
    [InlineData("to: [{paths: [{text: {suffix: \"/items\"}}]}]", true)]
    [InlineData("to: [{paths: [{text: {presence: {}}}]}]", true)]
    [InlineData("to: [{paths: [{template: \"/api/{*}\"}]}]", true)]
    [InlineData("to: [{paths: [{template: \"/{**}\"}]}]", true)]
    [InlineData("to: [{paths: [{template: \"/{*}\"}]}]", false)]
    [InlineData("to: [{notPaths: [{text: {prefix: \"/api\"}}]}]", false)]
    [InlineData("to: [{notPaths: [{template: \"/api/{*}/x\"}]}]", true)]
    [InlineData("to: [{methods: [{exact: GET}], paths: [{text: {exact: \"/\"}}]}]", false)]
    [InlineData("to: [{methods: [{exact: PUT}]}, {paths: [{text: {prefix: \"/api\"}}]}]", true)]
    // When.
    [InlineData("when: [{key: \"request.headers[x-team]\", values: [{exact: blue}]}]", true)]
    [InlineData("when: [{key: \"request.headers[X-Team]\", values: [{exact: red}, {exact: blue}]}]", true)]
    [InlineData("when: [{key: \"request.headers[x-team]\", values: [{exact: Blue}]}]", false)]
    [InlineData("when: [{key: \"request.headers[x-team]\", values: [{presence: {}}]}]", true)]
    [InlineData("when: [{key: \"request.headers[x-empty]\", values: [{presence: {}}]}]", true)]
    [InlineData("when: [{key: \"request.headers[x-none]\", values: [{presence: {}}]}]", false)]
    [InlineData("when: [{key: \"request.headers[x-none]\", notValues: [{presence: {}}]}]", true)]
    [InlineData("when: [{key: \"request.headers[x-team]\", notValues: [{prefix: bl}]}]", false)]
    [InlineData("when: [{key: \"request.headers[x-none]\", notValues: [{exact: blue}]}]", true)]
    [InlineData("when: [{key: \"request.headers[x-twice]\", values: [{exact: \"a,b\"}]}]", true)]
    [InlineData("when: [{key: \"request.headers[:method]\", values: [{exact: GET}]}]", true)]
    [InlineData("when: [{key: \"request.headers[host]\", values: [{exact: \"shop.example\"}]}]", true)]
    [InlineData("when: [{key: \"request.headers[:path]\", values: [{exact: \"/api/items?id=1\"}]}]", true)]
    [InlineData("when: [{key: \"source.ip\", ips: [{address: \"CgAAAQ==\", length: 32}]}]", true)]
    [InlineData("when: [{key: \"source.ip\", notIps: [{address: \"CgAAAQ==\", length: 32}]}]", false)]
    [InlineData("when: [{key: \"remote.ip\", ips: [{address: \"CgAAAQ==\", length: 32}]}]", true)]
    [InlineData("when: [{key: \"destination.ip\", ips: [{address: \"CmAACQ==\", length: 32}]}]", true)]
    [InlineData("when: [{key: \"destination.ip\", notIps: [{address: \"CmAAAA==\", length: 12}]}]", false)]
    [InlineData("when: [{key: \"destination.port\", ports: [80]}]", true)]
    [InlineData("when: [{key: \"destination.port\", notPorts: [80]}]", false)]
    [InlineData("when: [{key: \"source.namespace\", values: [{exact: shop}]}]", true)]
    [InlineData("when: [{key: \"source.namespace\", notValues: [{exact: shop}]}]", false)]
    [InlineData("when: [{key: \"source.principal\", values: [{suffix: web}]}]", true)]
    [InlineData("when: [{key: \"source.principal\", notValues: [{suffix: web}]}]", false)]
    [InlineData("when: [{key: \"source.serviceAccount\", values: [{exact: \"shop/web\"}]}]", true)]
    [InlineData("when: [{key: \"source.serviceAccount\", notValues: [{exact: \"shop/web\"}]}]", false)]
    [InlineData("when: [{key: \"connection.sni\", values: [{presence: {}}]}]", false)]
    [InlineData("when: [{key: \"connection.sni\", notValues: [{exact: x}]}]", true)]
    [InlineData("when: [{key: \"request.auth.claims[iss]\", values: [{presence: {}}]}]", false)]
    [InlineData("when: [{key: \"request.auth.principal\", notValues: [{presence: {}}]}]", true)]
    [InlineData("when: [{key: \"destination.port\", ports: [80]}, {key: \"source.namespace\", values: [{exact: pay}]}]", false)]
    // All of from, to and when.
    [InlineData("from: [{namespaces: [{exact: shop}]}], to: [{methods: [{exact: GET}]}], when: [{key: \"destination.port\", ports: [80]}]", true)]
    [InlineData("from: [{namespaces: [{exact: pay}]}], to: [{methods: [{exact: GET}]}]", false)]
    public void A_rule_holds_if_one_source_one_operation_and_all_conditions_do(string rule, bool holds)
    {
        var allow = Scene.Policy("ALLOW", $"{{ {rule} }}").Verdict(Get);
        Assert.Equal((holds, holds ? HttpVerdictReason.AllowedByPolicy : HttpVerdictReason.NotAllowed), (allow.Allowed, allow.Reason));
        var deny = Scene.Policy("DENY", $"{{ {rule} }}").Verdict(Get);
        Assert.Equal((!holds, holds ? HttpVerdictReason.DeniedByPolicy : HttpVerdictReason.NoAllowPolicies), (deny.Allowed, deny.Reason));
    }

    [Theory]
    [InlineData("shop.example", "shop.example:8080", true)]
    [InlineData("shop.example:8080", "shop.example:8080", true)]
    [InlineData("shop.example:8080", "shop.example", false)]
    [InlineData("shop.example", "shop.example.", true)]
    [InlineData("shop.example", "Shop.Example.:80", true)]
    [InlineData("shop.example", "shop.example.evil", false)]
    [InlineData("[2001:db8::1]", "[2001:DB8::1]:80", true)]
    public void A_host_is_the_same_with_and_without_its_port(string host, string authority, bool same) =>
        Assert.Equal(!same, Scene.Policy("DENY", $$"""{to: [{hosts: [{exact: "{{host}}"}]}]}""").Verdict(new Request("GET /", $"host: {authority}")).Allowed);

    [Theory]
    [InlineData("/foo/{*}", "/foo/bar", true)]
    [InlineData("/foo/{*}", "/foo/bar/baz", false)]
    [InlineData("/foo/{*}", "/foo/", false)]
    [InlineData("/foo/{**}/", "/foo/bar/", true)]
    [InlineData("/foo/{**}/", "/foo//", true)]
    [InlineData("/foo/{**}/", "/foo/bar", false)]
    [InlineData("/foo/{*}/bar/{**}", "/foo/buzz/bar/", true)]
    [InlineData("/foo/{*}/bar/{**}", "/foo/buzz/bar/baz", true)]
    [InlineData("/foo/{*}/bar/{**}", "/foo/buzz/bar", false)]
    [InlineData("/foo/{*}/bar/{**}", "/foo/a/b/bar/baz", false)]
    [InlineData("/{**}", "/", true)]
    [InlineData("/{**}", "/a/b/c", true)]
    [InlineData("/a/{**}/z", "/a/b/c/z", true)]
    [InlineData("/a/{**}/z", "/a/z", false)]
    [InlineData("/a/{**}/z", "/a/bz", false)]
    [InlineData("/{*}/foo/", "/x/foo/", true)]
    [InlineData("/{*}/foo/", "/x/foo", false)]
    public void Templates_match_as_Istio_documents_and_Envoy_does(string template, string path, bool holds) =>
        Assert.Equal(holds, PathTemplate.Parse(template).Holds(path));

    [Theory]
    [InlineData("foo/{*}")]
    [InlineData("/{**}/foo/{*}")]
    [InlineData("/{**}/{**}")]
    [InlineData("/foo/{*}.txt")]
    [InlineData("/*/baz/{*}")]
    [InlineData("/{id}/{*}")]
    public void A_template_that_Istio_refuses_is_refused(string template) =>
        Assert.Throws<FormatException>(() => PathTemplate.Parse(template));

    [Fact]
    public void Without_identity_nothing_of_it_matches()
    {
        var plain = new Request("GET /") { Connection = Get.Connection with { Identity = null } };
        Assert.False(Scene.Policy("ALLOW", "{from: [{principals: [{presence: {}}]}]}").Verdict(plain).Allowed);
        Assert.False(Scene.Policy("ALLOW", "{from: [{namespaces: [{presence: {}}]}]}").Verdict(plain).Allowed);
        Assert.False(Scene.Policy("ALLOW", "{when: [{key: \"source.serviceAccount\", values: [{presence: {}}]}]}").Verdict(plain).Allowed);
        Assert.True(Scene.Policy("ALLOW", "{from: [{notPrincipals: [{presence: {}}]}]}").Verdict(plain).Allowed);
    }

    [Fact]
    public void A_policy_that_denies_comes_before_one_that_allows_wherever_either_stands()
    {
        var scene = new Scene()
            .WithPolicy("istio-system/all", "action: DENY, rules: [{to: [{methods: [{exact: DELETE}]}]}]")
            .WithPolicy("shop/web", "action: ALLOW, rules: [{from: [{namespaces: [{exact: shop}]}]}]")
            .With("policies: [\"istio-system/all\"]")
            .WithService("shop", "shop.example", "policies: [\"shop/web\"]");
        Assert.True(scene.Verdict(new Request("GET /")).Allowed);
        var verdict = scene.Verdict(new Request("DELETE /"));
        Assert.Equal((false, "istio-system/all", 0), (verdict.Allowed, verdict.Policy?.Key, verdict.RuleIndex));

        // The waypoint's policies hold for workloads that are addressed themselves, the service's do not.
        Assert.True(HttpAuthorizer.Evaluate(scene.Waypoint, null, new Request("GET /") { Connection = Get.Connection with { Identity = null } }.Facts).Allowed);
        Assert.False(HttpAuthorizer.Evaluate(scene.Waypoint, null, new Request("DELETE /").Facts).Allowed);
    }

    [Fact]
    public void Any_policy_that_allows_is_enough_and_without_rules_none_allows()
    {
        var scene = new Scene().With("").WithService("shop", "shop.example", "policies: [\"shop/none\", \"shop/get\"]")
            .WithPolicy("shop/none", "action: ALLOW").WithPolicy("shop/get", "action: ALLOW, rules: [{to: [{methods: [{exact: PUT}]}]}, {to: [{methods: [{exact: GET}]}]}]");
        var verdict = scene.Verdict(Get);
        Assert.Equal((true, "shop/get", 1), (verdict.Allowed, verdict.Policy?.Key, verdict.RuleIndex));
        Assert.False(scene.Verdict(new Request("POST /")).Allowed);
        Assert.True(Scene.Service("policies: [\"shop/p\"]").WithPolicy("shop/p", "action: DENY").Verdict(Get).Allowed);
    }

    [Fact]
    public void What_is_audited_is_noted_and_changes_nothing()
    {
        var scene = new Scene().With("").WithService("shop", "shop.example", "policies: [\"shop/audit\", \"shop/get\"]")
            .WithPolicy("shop/audit", "action: AUDIT, rules: [{}]").WithPolicy("shop/get", "action: ALLOW, rules: [{to: [{methods: [{exact: GET}]}]}]");
        Assert.Equal((true, "shop/audit"), (scene.Verdict(Get).Allowed, scene.Verdict(Get).Audited?.Key));
        var refused = scene.Verdict(new Request("POST /"));
        Assert.Equal((false, "audited by: shop/audit"), (refused.Allowed, HttpVerdictExplanation.RenderNotes(refused)));
        Assert.True(Scene.Policy("AUDIT", "{}").Verdict(Get).Allowed);
        Assert.Null(Scene.Policy("AUDIT", "{to: [{methods: [{exact: PUT}]}]}").Verdict(Get).Audited);
    }

    [Theory]
    [InlineData("DENY", "{to: [{methods: [{exact: GET}]}]}", DryRunOutcome.WouldDeny, "dry run: shop/p would deny")]
    [InlineData("DENY", "{to: [{methods: [{exact: PUT}]}]}", DryRunOutcome.None, "")]
    [InlineData("ALLOW", "{to: [{methods: [{exact: GET}]}]}", DryRunOutcome.WouldAllow, "dry run: shop/p would allow")]
    [InlineData("ALLOW", "{to: [{methods: [{exact: PUT}]}]}", DryRunOutcome.WouldNotAllow, "dry run: no policy in dry run would allow")]
    public void A_policy_in_dry_run_is_noted_and_never_enforced(string action, string rule, DryRunOutcome outcome, string words)
    {
        var verdict = Scene.Policy(action, rule, dryRun: true).Verdict(Get);
        Assert.Equal((true, outcome, words), (verdict.Allowed, verdict.DryRun, HttpVerdictExplanation.RenderNotes(verdict)));
    }

    [Fact]
    public void What_is_not_known_denies()
    {
        var late = Scene.Service("policies: [\"shop/late\", \"shop/p\"]").WithPolicy("shop/p", "action: ALLOW, rules: [{}]");
        Assert.Equal((false, HttpVerdictReason.UnknownPolicy, "shop/late"), Of(late.Verdict(Get)));
        Assert.False(late.Waypoint.IsComplete(Scene.Shop));
        Assert.True(late.WithPolicy("shop/late", "action: ALLOW, rules: [{}]").Verdict(Get).Allowed);
        Assert.True(late.Waypoint.IsComplete(Scene.Shop));

        // A policy that denies by name is told by name, also while another is missing.
        var denied = Scene.Service("policies: [\"shop/late\", \"shop/p\"]").WithPolicy("shop/p", "action: DENY, rules: [{}]").Verdict(Get);
        Assert.Equal(HttpVerdictReason.DeniedByPolicy, denied.Reason);

        Assert.Equal((false, HttpVerdictReason.UnknownConfiguration, Scene.Shop), Of(new Scene().WithService("shop", "shop.example").Verdict(Get)));
        Assert.Equal((false, HttpVerdictReason.UnknownConfiguration, Scene.Shop), Of(new Scene().With("").Verdict(Get)));
        Assert.Equal((false, HttpVerdictReason.UnknownConfiguration, Scene.Shop), Of(new Scene().With("").WithService("shop", "shop.example", bound: false).Verdict(Get)));
        Assert.False(HttpAuthorizer.Evaluate(WaypointSnapshot.Empty, null, Get.Facts).Allowed);
        Assert.False(HttpAuthorizer.EvaluateConnection(WaypointSnapshot.Empty, null, Get.Connection).Allowed);

        static (bool, HttpVerdictReason, string?) Of(HttpVerdict verdict) => (verdict.Allowed, verdict.Reason, verdict.UnknownKey);
    }

    [Theory]
    [InlineData("{from: [{namespaces: [{exact: shop}]}]}", true, true)]
    [InlineData("{from: [{namespaces: [{exact: pay}]}]}", false, false)]
    [InlineData("{to: [{methods: [{exact: GET}]}]}", true, false)]
    [InlineData("{to: [{methods: [{exact: GET}], ports: [80]}]}", true, false)]
    [InlineData("{to: [{methods: [{exact: GET}], ports: [81]}]}", false, false)]
    [InlineData("{to: [{notPaths: [{text: {prefix: \"/\"}}]}]}", true, false)]
    [InlineData("{to: [{hosts: [{exact: x}]}, {ports: [80]}]}", true, false)]
    [InlineData("{from: [{namespaces: [{exact: shop}]}], when: [{key: \"request.headers[a]\", values: [{exact: b}]}]}", true, false)]
    [InlineData("{from: [{namespaces: [{exact: pay}]}], when: [{key: \"request.headers[a]\", values: [{exact: b}]}]}", false, false)]
    [InlineData("{from: [{requestPrincipals: [{presence: {}}]}]}", true, false)]
    [InlineData("{when: [{key: \"request.auth.principal\", values: [{presence: {}}]}]}", true, false)]
    [InlineData("{when: [{key: \"connection.sni\", values: [{suffix: \".example\"}]}]}", true, true)]
    [InlineData("{when: [{key: \"connection.sni\", notValues: [{suffix: \".example\"}]}]}", false, false)]
    public void On_other_connections_what_HTTP_alone_could_tell_denies_and_never_allows(string rule, bool denies, bool allows)
    {
        Assert.Equal(!denies, Scene.Policy("DENY", rule).Connection(Get, "db.example").Allowed);
        Assert.Equal(allows, Scene.Policy("ALLOW", rule).Connection(Get, "db.example").Allowed);
        Assert.Equal(denies, Scene.Policy("AUDIT", rule).Connection(Get, "db.example").Audited is not null);
    }

    [Fact]
    public void A_principal_of_any_length_is_compared_whole()
    {
        var account = new string('s', 300);
        var request = new Request("GET /") { Connection = Get.Connection with { Identity = new SpiffeId("cluster.local", "shop", account) } };
        Assert.False(Scene.Policy("DENY", $$"""{when: [{key: "source.serviceAccount", values: [{exact: "shop/{{account}}"}]}]}""").Verdict(request).Allowed);
        Assert.False(Scene.Policy("DENY", $$"""{from: [{principals: [{suffix: "{{account}}"}]}]}""").Verdict(request).Allowed);
    }

    [Fact]
    public void Addresses_of_both_families_are_told_apart()
    {
        var six = new Request("GET /") { Connection = Get.Connection with { Source = IPAddress.Parse("2001:db8::7") } };
        var mapped = new Request("GET /") { Connection = Get.Connection with { Source = IPAddress.Parse("::ffff:10.0.0.1") } };
        var scene = Scene.Policy("DENY", "{from: [{ips: [{address: \"CgAAAA==\", length: 8}]}]}");
        Assert.True(scene.Verdict(six).Allowed);
        Assert.False(scene.Verdict(mapped).Allowed);
    }
}
