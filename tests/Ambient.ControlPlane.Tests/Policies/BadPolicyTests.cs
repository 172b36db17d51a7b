using Ambient.Api.Security;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Policies;

namespace Ambient.ControlPlane.Tests.Policies;

/// <summary>A policy that cannot be read changes nothing for the worse.</summary>
public sealed class BadPolicyTests
{
    private readonly MeshModel _model = new(new MeshSettings());

    [Fact]
    public void The_previous_version_stays_in_force_and_the_condition_names_the_field()
    {
        var good = Offer("ALLOW", "ports: [\"80\"]");
        var bad = Offer("ALLOW", "ports: [\"80\", \"eighty\"]");

        Assert.NotNull(good.Authorizations["shop/p"]);
        Assert.Empty(bad.Authorizations);
        var condition = bad.Policies["shop/p"]!.Condition!;
        Assert.Equal((false, PolicyCondition.Invalid), (condition.Holds, condition.Reason));
        Assert.Contains("spec.rules[0].to[0].operation.ports: 'eighty'", condition.Message, StringComparison.Ordinal);
        Assert.Contains("previous version stays in force", condition.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_second_bad_version_still_holds_the_last_good_one()
    {
        Offer("ALLOW", "ports: [\"80\"]");
        Offer("ALLOW", "ports: [\"a\"]");
        var again = Offer("ALLOW", "ports: [\"b\"]");

        Assert.Empty(again.Authorizations);
        Assert.Contains("previous version", again.Policies["shop/p"]!.Condition!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_good_version_takes_over_again()
    {
        Offer("ALLOW", "ports: [\"80\"]");
        Offer("ALLOW", "ports: [\"a\"]");
        var better = Offer("ALLOW", "ports: [\"81\"]");

        Assert.Equal([81u], better.Authorizations["shop/p"]!.Rules[0].Clauses[0].Matches[0].DestinationPorts);
        Assert.Same(PolicyCondition.Enforced, better.Policies["shop/p"]!.Condition);
    }

    [Fact]
    public void Of_a_new_ALLOW_policy_the_unreadable_rule_allows_nothing()
    {
        var changes = Offer("ALLOW", "ports: [\"80\", \"a\"]");

        Assert.Empty(changes.Authorizations["shop/p"]!.Rules);
    }

    [Fact]
    public void Of_a_new_DENY_policy_the_unreadable_part_denies_more()
    {
        var changes = Offer("DENY", "ports: [\"80\", \"a\"]");

        var rule = Assert.Single(changes.Authorizations["shop/p"]!.Rules);
        Assert.Empty(rule.Clauses);
    }

    [Fact]
    public void An_unset_mode_of_the_namespace_does_not_open_a_strict_mesh()
    {
        _model.Apply("""
            apiVersion: security.istio.io/v1
            kind: PeerAuthentication
            metadata: {name: default, namespace: istio-system}
            spec: {mtls: {mode: STRICT}}
            ---
            apiVersion: security.istio.io/v1
            kind: PeerAuthentication
            metadata: {name: default, namespace: shop}
            spec: {mtls: {mode: UNSET}}
            ---
            apiVersion: security.istio.io/v1
            kind: PeerAuthentication
            metadata: {name: web, namespace: shop}
            spec:
              selector: {matchLabels: {app: web}}
              portLevelMtls: {"80": {mode: PERMISSIVE}}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: web-1, namespace: shop, labels: {app: web}}
            status: {phase: Running, podIP: 10.9.1.1}
            """);

        var changes = _model.Settle();

        var key = Assert.Single(changes.Addresses["Kubernetes//Pod/shop/web-1"]!.Workload.AuthorizationPolicies);
        Assert.Equal("shop/converted_peer_authentication_web", key);
        var policy = changes.Authorizations[key]!;
        Assert.Equal(Ambient.Api.Security.Action.Deny, policy.Action);
        Assert.Contains(Assert.Single(policy.Rules).Clauses, clause => clause.Matches[0].NotPrincipals.Any(match => match.MatchTypeCase == StringMatch.MatchTypeOneofCase.Presence));
        Assert.Contains(policy.Rules[0].Clauses, clause => clause.Matches[0].NotDestinationPorts.Contains(80));
    }

    [Theory]
    [InlineData("trustDomains: [other]", "prefix", "other/")]
    [InlineData("trustDomains: [other*]", "prefix", "other")]
    public void A_trust_domain_is_a_prefix_of_principals(string source, string kind, string value)
    {
        var rule = Assert.Single(OfferSource(source).Authorizations["shop/p"]!.Rules);

        var match = Assert.Single(Assert.Single(Assert.Single(rule.Clauses).Matches).Principals);
        Assert.Equal((kind, value), ("prefix", match.Prefix));
    }

    [Fact]
    public void A_trust_domain_beside_principals_cannot_be_said_and_allows_nothing()
    {
        var changes = OfferSource("trustDomains: [other], principals: [\"*/sa/web\"]");

        Assert.Empty(changes.Authorizations["shop/p"]!.Rules);
        Assert.Contains("from.source.trustDomains", changes.Policies["shop/p"]!.Condition!.Message, StringComparison.Ordinal);
    }

    private MeshChanges Offer(string action, string operation) => Apply(action, $"to: [{{operation: {{{operation}}}}}]");

    private MeshChanges OfferSource(string source) => Apply("ALLOW", $"from: [{{source: {{{source}}}}}]");

    private MeshChanges Apply(string action, string rule)
    {
        _model.Apply($$"""
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: p, namespace: shop, uid: u1}
            spec:
              action: {{action}}
              rules:
              - {{rule}}
            """);
        return _model.Settle();
    }
}
