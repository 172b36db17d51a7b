using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Api.Security;
using Action = Ambient.Api.Security.Action;

namespace Ambient.ControlPlane.Policies;

/// <summary>What an AuthorizationPolicy has become.</summary>
/// <param name="Source">The version that the API server holds.</param>
/// <param name="Authorization">What proxies get; null where they get nothing.</param>
/// <param name="Selector">The workloads that have to name it; null where it applies by its namespace.</param>
/// <param name="Condition">What to say about it; null where waypoints, not node proxies, are concerned.</param>
internal sealed record ConvertedPolicy(
    AuthorizationPolicy Source,
    Authorization? Authorization,
    WorkloadSelector? Selector,
    PolicyCondition? Condition);

/// <summary>AuthorizationPolicy → WDS Authorization.</summary>
internal static class AuthorizationConversion
{
    public static ConvertedPolicy Convert(Accepted<AuthorizationPolicy> policy, string rootNamespace, bool dryRunPolicies)
    {
        var spec = policy.InForce.Spec ?? new AuthorizationPolicySpec();
        if (spec.TargetRef is not null || spec.TargetRefs is { Count: > 0 })
        {
            return new ConvertedPolicy(policy.Latest, null, null, null);
        }

        var (authorization, condition) = Convert(policy.InForce, spec, rootNamespace, dryRunPolicies);
        if (policy.Problems.Count > 0)
        {
            condition = PolicyCondition.Unreadable(policy.Problems, policy.IsHeldBack);
        }

        return new ConvertedPolicy(policy.Latest, authorization, authorization is null ? null : spec.Selector, condition);
    }

    private static (Authorization? Authorization, PolicyCondition Condition) Convert(
        AuthorizationPolicy policy, AuthorizationPolicySpec spec, string rootNamespace, bool dryRunPolicies)
    {
        if (spec.Action is "AUDIT" or "CUSTOM")
        {
            return (null, PolicyCondition.NotEnforced(
                $"ztunnel has no action {spec.Action}; attach the policy to a waypoint with targetRefs"));
        }

        var dryRun = policy.Metadata.Annotation(Annotations.DryRun) == "true";
        if (dryRun && !dryRunPolicies)
        {
            return (null, PolicyCondition.NotEnforced(
                "dry-run policies are not sent to ztunnel; AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY=true sends them"));
        }

        var ns = policy.Metadata.Namespace ?? "";
        var deny = spec.Action == "DENY";
        ConvertedRule[] rules = [.. Rules(spec).Select(rule => RuleConversion.Convert(rule, deny, ns))];
        var authorization = new Authorization
        {
            Name = policy.Metadata.Name,
            Namespace = ns,
            Scope = spec.Selector is not null ? Scope.WorkloadSelector : ns == rootNamespace ? Scope.Global : Scope.Namespace,
            Action = deny ? Action.Deny : Action.Allow,
            DryRun = dryRun,
        };
        authorization.Rules.AddRange(rules.Select(rule => rule.Rule).OfType<Rule>());
        return (authorization, ConditionOf(rules, deny));
    }

    /// <summary>An action that nobody knows allows nothing.</summary>
    private static IReadOnlyList<AuthorizationRule> Rules(AuthorizationPolicySpec spec) =>
        spec.Action is null or "" or "ALLOW" or "DENY" ? spec.Rules ?? [] : [];

    private static PolicyCondition ConditionOf(ConvertedRule[] rules, bool deny)
    {
        string[] unsupported = [.. rules.SelectMany(rule => rule.Unsupported).Distinct()];
        return (unsupported, deny) switch
        {
            ([], _) => PolicyCondition.Enforced,
            (_, false) => PolicyCondition.RulesLeftOut(unsupported),
            (_, true) => PolicyCondition.RulesChanged(unsupported, rules.Count(rule => !rule.CanApply), rules.Length),
        };
    }
}
