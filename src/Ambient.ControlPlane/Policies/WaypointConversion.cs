using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using Ambient.Mesh.Config;
using Ambient.Mesh.Http;
using Google.Protobuf;
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
        var converted = Rules(policy.Spec, action).SelectMany((rule, index) => WaypointRules.Convert(rule, narrow: action == "ALLOW", ns, $"spec.rules[{index}]")).ToList();
        var authorization = new Proto.Authorization
        {
            Name = policy.Metadata.Name,
            Namespace = ns,
            Action = action switch
            {
                "AUDIT" => Proto.Authorization.Types.Action.Audit,
                // Whom an extension would have to be asked about is denied, as with Istio where the extension is not configured.
                "DENY" or "CUSTOM" => Proto.Authorization.Types.Action.Deny,
                _ => Proto.Authorization.Types.Action.Allow,
            },
            DryRun = policy.Metadata.Annotation(Annotations.DryRun) == "true",
        };
        authorization.Rules.Add(converted.Select(rule => rule.Rule).OfType<Proto.AuthorizationRule>());
        var unsupported = converted.SelectMany(rule => rule.Unsupported);
        if (action == "CUSTOM")
        {
            unsupported = unsupported.Append("spec.action: CUSTOM needs an external authorizer, which is not supported: what its rules match is denied. Use ALLOW or DENY");
        }

        if (Refusal(authorization) is { } why)
        {
            unsupported = unsupported.Append($"No waypoint takes the policy, so that all is denied that it is attached to: {why}");
        }

        return new TargetedPolicy(authorization, new(targets), new(unsupported.Distinct()));
    }

    /// <summary>An action that nobody knows allows nothing.</summary>
    private static IReadOnlyList<AuthorizationRule> Rules(AuthorizationPolicySpec spec, string action) =>
        action is "ALLOW" or "DENY" or "AUDIT" or "CUSTOM" ? spec.Rules ?? [] : [];

    /// <summary>Why a waypoint would not take a policy; null where it does. What names it is denied then.</summary>
    private static string? Refusal(Proto.Authorization authorization)
    {
        try
        {
            WaypointDecoder.DecodePolicy(ResourceKey.Of(authorization.Namespace, authorization.Name), authorization.ToByteString());
            return null;
        }
        catch (MeshConfigException error)
        {
            return error.Message;
        }
    }
}
