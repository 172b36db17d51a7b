using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;

namespace Ambient.ControlPlane.Waypoints;

/// <summary>What waypoints make of a policy: the condition <c>WaypointAccepted</c>.</summary>
/// <param name="Source">The policy.</param>
/// <param name="Holds">Whether any waypoint enforces it.</param>
/// <param name="Reason">One of the reasons below.</param>
/// <param name="Message">For people.</param>
internal sealed record PolicyAttachment(AuthorizationPolicy Source, bool Holds, string Reason, string Message)
{
    public const string Type = "WaypointAccepted";

    public const string Accepted = "Accepted";
    public const string Invalid = "Invalid";
    public const string PartiallyInvalid = "PartiallyInvalid";
    public const string NotBound = "AncestorNotBound";
    public const string NotFound = "TargetNotFound";
}

/// <summary>Finds out whether what a policy is attached to is there, and has a waypoint.</summary>
internal sealed class PolicyAttachments(
    Collection<BoundService> services, Collection<Gateway> gateways, Collection<GatewayClass> classes, MeshSettings settings)
{
    /// <summary>The attachment of a policy with target references; null for one that selects workloads.</summary>
    public PolicyAttachment? Of(AuthorizationPolicy policy, Reads reads)
    {
        PolicyTargetReference[] targets = [.. policy.Spec?.TargetRefs ?? [], .. policy.Spec?.TargetRef is { } single ? [single] : Array.Empty<PolicyTargetReference>()];
        if (targets.Length == 0)
        {
            return null;
        }

        var complaints = targets.Select(target => Complaint(target, policy.Metadata.Namespace ?? "", reads)).OfType<(string Reason, string Message)>().ToList();
        var text = string.Join(" ", complaints.Select(complaint => complaint.Message));
        return complaints.Count == 0
            ? new PolicyAttachment(policy, true, PolicyAttachment.Accepted, $"Attached to {string.Join(", ", targets.Select(target => $"{target.Kind} {target.Name}"))}.")
            : complaints.Count < targets.Length
                ? new PolicyAttachment(policy, true, PolicyAttachment.PartiallyInvalid, text)
                : new PolicyAttachment(policy, false, complaints[0].Reason, text);
    }

    private (string Reason, string Message)? Complaint(PolicyTargetReference target, string ns, Reads reads)
    {
        switch (target.Group ?? "", target.Kind)
        {
            case ("" or "core", "Service"):
                return reads.Get(services, ResourceKey.Of(ns, target.Name ?? "")) is not { } service
                    ? Missing(target, ns)
                    : service.Binding.Condition is { Holds: true }
                        ? null
                        : (PolicyAttachment.NotBound, $"Service {ns}/{target.Name} has no waypoint that would enforce the policy: {service.Binding.Condition?.Message ?? $"label it {Api.Labels.UseWaypoint}."}");
            case ("gateway.networking.k8s.io", "Gateway"):
                return reads.Get(gateways, ResourceKey.Of(ns, target.Name ?? "")) is null ? Missing(target, ns) : null;
            case ("gateway.networking.k8s.io", "GatewayClass") when ns != settings.RootNamespace:
                return (PolicyAttachment.Invalid, $"Only policies of namespace {settings.RootNamespace} can be attached to a GatewayClass.");
            case ("gateway.networking.k8s.io", "GatewayClass"):
                return reads.Get(classes, target.Name ?? "") is null ? Missing(target, null) : null;
            default:
                return (PolicyAttachment.Invalid, $"A policy cannot be attached to a {target.Kind} of group '{target.Group}'; use a Service, a Gateway or a GatewayClass.");
        }
    }

    private static (string, string) Missing(PolicyTargetReference target, string? ns) =>
        (PolicyAttachment.NotFound, $"There is no {target.Kind} {ResourceKey.Of(ns, target.Name ?? "")}.");
}
