using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Policies;
using Ambient.ControlPlane.Status;

namespace Ambient.ControlPlane.Tests.Status;

public sealed class PolicyConditionsTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 10, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("action: ALLOW, rules: [{from: [{source: {namespaces: [a]}}]}]", "True", "Accepted")]
    [InlineData("action: ALLOW, rules: [{to: [{operation: {methods: [GET]}}]}]", "True", "UnsupportedValue")]
    [InlineData("action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]", "True", "UnsupportedValue")]
    [InlineData("action: AUDIT, rules: [{}]", "False", "UnsupportedValue")]
    [InlineData("action: ALLOW, rules: [{to: [{operation: {ports: [x]}}]}]", "False", "Invalid")]
    public void A_condition_tells_what_became_of_the_policy(string spec, string status, string reason)
    {
        var condition = Assert.Single(ConditionsFor(Converted(spec))!)!;

        Assert.Equal("ZtunnelAccepted", (string?)condition["type"]);
        Assert.Equal((status, reason), ((string?)condition["status"], (string?)condition["reason"]));
        Assert.Equal("3", (string?)condition["observedGeneration"]);
        Assert.Equal("2026-11-21T10:00:00Z", (string?)condition["lastTransitionTime"]);
    }

    [Fact]
    public void A_DENY_policy_that_cannot_take_effect_says_so()
    {
        var condition = Converted("action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]").Condition!;

        Assert.Contains("no effect", condition.Message, StringComparison.Ordinal);
        Assert.Contains("to.operation.methods", condition.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_policy_for_waypoints_has_no_such_condition() =>
        Assert.Null(ConditionsFor(Converted("targetRefs: [{kind: Service, name: web}], rules: [{}]")));

    [Fact]
    public void What_is_there_already_is_not_written_again()
    {
        var policy = Converted("rules: [{}]");
        var written = Current(policy, "True", "Accepted", policy.Condition!.Message, generation: 3);

        Assert.Null(ConditionsFor(written));
    }

    [Fact]
    public void A_condition_that_only_changes_its_text_keeps_its_time()
    {
        var written = Current(Converted("rules: [{}]"), "True", "UnsupportedValue", "other", generation: 2);

        var condition = Assert.Single(ConditionsFor(written)!)!;

        Assert.Equal("2026-11-20T10:00:00Z", (string?)condition["lastTransitionTime"]);
    }

    [Fact]
    public void A_condition_that_is_no_longer_due_is_taken_away()
    {
        var written = Current(Converted("targetRefs: [{kind: Service, name: web}], rules: [{}]"), "True", "Accepted", "", generation: 3);

        Assert.Empty(ConditionsFor(written)!);
    }

    private static JsonArray? ConditionsFor(ConvertedPolicy policy) =>
        Conditions.Due(policy, Now)?.Status["conditions"]!.AsArray();

    private static ConvertedPolicy Current(ConvertedPolicy policy, string status, string reason, string message, long generation) => policy with
    {
        Source = policy.Source with
        {
            Status = new PolicyStatus
            {
                Conditions =
                [
                    new Condition
                    {
                        Type = "ZtunnelAccepted", Status = status, Reason = reason, Message = message, ObservedGeneration = generation,
                        LastTransitionTime = Now - TimeSpan.FromDays(1),
                    },
                ],
            },
        },
    };

    private static ConvertedPolicy Converted(string spec)
    {
        var policy = Manifest.Read($$"""
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: p, namespace: shop, generation: 3}
            spec: { {{spec}} }
            """)[0].As(ResourceJson.Default.AuthorizationPolicy);
        return AuthorizationConversion.Convert(
            new Accepted<AuthorizationPolicy>(policy, policy, [.. PolicyValidation.Problems(policy)]), "istio-system", dryRunPolicies: false);
    }
}
