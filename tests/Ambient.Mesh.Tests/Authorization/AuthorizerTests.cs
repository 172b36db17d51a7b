using System.Net;
using Ambient.Api;
using Ambient.Mesh.Authorization;

namespace Ambient.Mesh.Tests.Authorization;

/// <summary>Verdicts that the recording does not hold, and the words in which verdicts are explained.</summary>
public sealed class AuthorizerTests
{
    private static readonly SpiffeId Web = new("cluster.local", "shop", "web");

    [Theory]
    [InlineData("Deny", "[[[{destinationPorts: [80]}]]]", "explicitly denied by: shop/p (rule 0: destination port 80 is one of [80])")]
    [InlineData("Deny", "[[[{namespaces: [{Exact: other}]}]], [[{namespaces: [{Prefix: sh}]}], [{notDestinationPorts: [81]}]]]",
        "explicitly denied by: shop/p (rule 1: source namespace shop is one of [sh*], destination port 80 is none of [81])")]
    [InlineData("Deny", "[[]]", "explicitly denied by: shop/p (rule 0: matches everything)")]
    [InlineData("Allow", "[]", "allow policies exist, but none allowed (nearest: shop/p has no rules and so allows nothing)")]
    [InlineData("Allow", "[[[{principals: [{Exact: cluster.local/ns/shop/sa/admin}]}]]]",
        "allow policies exist, but none allowed (nearest: shop/p rule 0: principal cluster.local/ns/shop/sa/web is none of [cluster.local/ns/shop/sa/admin])")]
    [InlineData("Allow", "[[[{namespaces: [{Exact: other}]}], [{destinationPorts: [81]}]], [[{namespaces: [{Exact: shop}]}], [{destinationPorts: [82]}]]]",
        "allow policies exist, but none allowed (nearest: shop/p rule 1: destination port 80 is none of [82])")]
    [InlineData("Allow", "[[[{serviceAccounts: [{namespace: shop, serviceAccount: web}]}]]]",
        "allowed by: shop/p (rule 0: service account shop/web is one of [shop/web])")]
    public void A_verdict_names_policy_rule_and_attribute(string action, string rules, string words)
    {
        var (world, facts) = Scene(action, rules, Web);
        var verdict = Authorizer.Evaluate(world.Mesh, world.Workload("w"), facts);
        Assert.Equal(words, VerdictExplanation.Render(world.Mesh, world.Workload("w"), facts, verdict));
    }

    [Fact]
    public void Plaintext_to_a_workload_that_wants_mutual_TLS_is_denied_with_the_missing_identity()
    {
        var (world, facts) = Scene("Deny", "[[[{notPrincipals: [{Presence: []}]}]]]", null);
        var verdict = Authorizer.Evaluate(world.Mesh, world.Workload("w"), facts);
        Assert.Equal(
            "explicitly denied by: shop/p (rule 0: principal (no identity) is none of [*])",
            VerdictExplanation.Render(world.Mesh, world.Workload("w"), facts, verdict));
        Assert.True(Authorizer.Evaluate(world.Mesh, world.Workload("w"), facts with { Identity = Web }).Allowed);
    }

    [Fact]
    public void A_policy_that_is_named_but_not_known_denies()
    {
        var world = new World("workloads:\n- {uid: w, name: w, namespace: shop, workloadIps: [10.0.0.2], authorizationPolicies: [shop/late]}");
        var facts = new ConnectionFacts(IPAddress.Parse("10.0.0.1"), Web, IPAddress.Parse("10.0.0.2"), 80);
        var verdict = Authorizer.Evaluate(world.Mesh, world.Workload("w"), facts);
        Assert.Equal((false, VerdictReason.UnknownPolicy, "shop/late"), (verdict.Allowed, verdict.Reason, verdict.UnknownKey));
    }

    [Theory]
    [InlineData("Deny", "[[[{destinationPorts: [80]}]]]", DryRunOutcome.WouldDeny, "dry run: shop/p would deny")]
    [InlineData("Allow", "[[[{destinationPorts: [80]}]]]", DryRunOutcome.WouldAllow, "dry run: shop/p would allow")]
    [InlineData("Allow", "[[[{destinationPorts: [81]}]]]", DryRunOutcome.WouldNotAllow, "dry run: no policy in dry run would allow")]
    [InlineData("Deny", "[[[{destinationPorts: [81]}]]]", DryRunOutcome.None, "")]
    public void A_policy_in_dry_run_is_reported_and_never_enforced(string action, string rules, DryRunOutcome outcome, string words)
    {
        var (world, facts) = Scene(action, rules, Web, dryRun: true);
        var verdict = Authorizer.Evaluate(world.Mesh, world.Workload("w"), facts);
        Assert.True(verdict.Allowed);
        Assert.Equal(outcome, verdict.DryRun);
        Assert.Equal(words, VerdictExplanation.RenderDryRun(verdict));
    }

    [Fact]
    public void A_principal_of_any_length_is_compared_whole()
    {
        var account = new string('s', 300);
        var (world, facts) = Scene("Deny", $"[[[{{principals: [{{Suffix: {account}}}]}}]]]", Web with { ServiceAccount = account });
        Assert.False(Authorizer.Evaluate(world.Mesh, world.Workload("w"), facts).Allowed);
    }

    private static (World World, ConnectionFacts Facts) Scene(string action, string rules, SpiffeId? identity, bool dryRun = false)
    {
        var world = new World($$"""
            workloads:
            - {uid: w, name: w, namespace: shop, workloadIps: [10.0.0.2], authorizationPolicies: [shop/p]}
            policies:
            - {name: p, namespace: shop, scope: WorkloadSelector, action: {{action}}, dryRun: {{(dryRun ? "true" : "false")}}, rules: {{rules}}}
            """);
        return (world, new ConnectionFacts(IPAddress.Parse("10.0.0.1"), identity, IPAddress.Parse("10.0.0.2"), 80));
    }
}
