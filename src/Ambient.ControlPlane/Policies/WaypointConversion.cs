using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Policies;

/// <summary>A policy with targets as waypoints enforce it.</summary>
/// <param name="Authorization">What they get.</param>
/// <param name="Targets">What it is attached to, all in its own namespace or without one.</param>
/// <param name="Unsupported">The fields that no waypoint evaluates, with what becomes of them.</param>
internal sealed record TargetedPolicy(Proto.Authorization Authorization, Values<PolicyTargetReference> Targets, Values<string> Unsupported)
{
    public string Key => ResourceKey.Of(Authorization.Namespace, Authorization.Name);
}

/// <summary>AuthorizationPolicy with targetRefs → authorization of layer 7.</summary>
internal static class WaypointConversion
{
    /// <summary>What a policy is attached to; none where it selects workloads.</summary>
    public static IReadOnlyList<PolicyTargetReference> Targets(AuthorizationPolicySpec? spec) =>
        [.. spec?.TargetRefs ?? [], .. spec?.TargetRef is { } single ? [single] : Array.Empty<PolicyTargetReference>()];

    public static TargetedPolicy? Convert(AuthorizationPolicy policy)
    {
        var targets = Targets(policy.Spec);
        if (targets.Count == 0)
        {
            return null;
        }

        var ns = policy.Metadata.Namespace ?? "";
        var action = policy.Spec!.Action is { Length: > 0 } named ? named : "ALLOW";
        var converted = (policy.Spec.Rules ?? []).SelectMany((rule, index) => WaypointRules.Convert(rule, narrow: action == "ALLOW", ns, $"spec.rules[{index}]")).ToList();
        var authorization = new Proto.Authorization
        {
            Name = policy.Metadata.Name,
            Namespace = ns,
            Action = action switch
            {
                "ALLOW" => Proto.Authorization.Types.Action.Allow,
                "AUDIT" => Proto.Authorization.Types.Action.Audit,
                // Whom an extension would have to be asked about is denied, as with Istio where the extension is not configured.
                _ => Proto.Authorization.Types.Action.Deny,
            },
            DryRun = policy.Metadata.Annotation(Annotations.DryRun) == "true",
        };
        authorization.Rules.Add(converted.Select(rule => rule.Rule).OfType<Proto.AuthorizationRule>());
        var unsupported = converted.SelectMany(rule => rule.Unsupported);
        if (action == "CUSTOM")
        {
            unsupported = unsupported.Append("spec.action: CUSTOM needs an external authorizer, which is not supported: what its rules match is denied. Use ALLOW or DENY");
        }

        return new TargetedPolicy(authorization, new(targets), new(unsupported.Distinct()));
    }
}
