using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Entries;
using Ambient.ControlPlane.Policies;

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
/// <param name="services">Services, with their waypoints.</param>
/// <param name="entries">ServiceEntries, with theirs.</param>
/// <param name="targeted">Policies as waypoints hold them.</param>
/// <param name="gateways">Gateways.</param>
/// <param name="classes">Their classes.</param>
/// <param name="settings">Of the mesh.</param>
internal sealed class PolicyAttachments(
    Collection<BoundService> services,
    Collection<BoundEntry> entries,
    Collection<TargetedPolicy> targeted,
    Collection<Gateway> gateways,
    Collection<GatewayClass> classes,
    MeshSettings settings)
{
    /// <summary>The attachment of a policy with target references; null for one that selects workloads.</summary>
    public PolicyAttachment? Of(Accepted<AuthorizationPolicy> accepted, Reads reads)
    {
        var policy = accepted.Latest;
        var targets = WaypointConversion.Targets(policy.Spec);
        if (targets.Count == 0)
        {
            return null;
        }

        if (accepted.Problems.Count > 0)
        {
            return new PolicyAttachment(policy, false, PolicyAttachment.Invalid, string.Join("; ", accepted.Problems) + (accepted.IsHeldBack
                ? ". The previous version stays in force."
                : ". Until that is put right, the policy allows less, or denies more, than it says."));
        }

        var unsupported = reads.Get(targeted, ResourceKey.Of(policy))?.Unsupported ?? Values<string>.None;
        if (policy.Spec?.Action == "CUSTOM")
        {
            return new PolicyAttachment(policy, false, PolicyAttachment.Invalid, Sentence(unsupported));
        }

        var complaints = targets.Select(target => Complaint(target, policy.Metadata.Namespace ?? "", reads)).OfType<(string Reason, string Message)>().ToList();
        if (complaints.Count == targets.Count)
        {
            return new PolicyAttachment(policy, false, complaints[0].Reason, Sentence(complaints.Select(complaint => complaint.Message)));
        }

        return complaints.Count + unsupported.Count == 0
            ? new PolicyAttachment(policy, true, PolicyAttachment.Accepted, $"Attached to {string.Join(", ", targets.Select(target => $"{target.Kind} {target.Name}"))}.")
            : new PolicyAttachment(policy, true, PolicyAttachment.PartiallyInvalid, Sentence(complaints.Select(complaint => complaint.Message).Concat(unsupported)));
    }

    private static string Sentence(IEnumerable<string> parts) => string.Join(" ", parts.Select(part => part.EndsWith('.') ? part : part + "."));

    private (string Reason, string Message)? Complaint(PolicyTargetReference target, string ns, Reads reads)
    {
        switch (target.Group ?? "", target.Kind)
        {
            case ("" or "core", "Service"):
                return Complaint(target, ns, reads.Get(services, ResourceKey.Of(ns, target.Name ?? ""))?.Binding);
            case ("networking.istio.io", "ServiceEntry"):
                return Complaint(target, ns, reads.Get(entries, ResourceKey.Of(ns, target.Name ?? ""))?.Binding);
            case ("gateway.networking.k8s.io", "Gateway"):
                return reads.Get(gateways, ResourceKey.Of(ns, target.Name ?? "")) is null ? Missing(target, ns) : null;
            case ("gateway.networking.k8s.io", "GatewayClass") when ns != settings.RootNamespace:
                return (PolicyAttachment.Invalid, $"Only policies of namespace {settings.RootNamespace} can be attached to a GatewayClass.");
            case ("gateway.networking.k8s.io", "GatewayClass"):
                return reads.Get(classes, target.Name ?? "") is null ? Missing(target, null) : null;
            default:
                return (PolicyAttachment.Invalid, $"A policy cannot be attached to a {target.Kind} of group '{target.Group}'; use a Service, a ServiceEntry, a Gateway or a GatewayClass.");
        }
    }

    private static (string Reason, string Message)? Complaint(PolicyTargetReference target, string ns, Binding? binding) => binding switch
    {
        null => Missing(target, ns),
        { Condition.Holds: true } => null,
        _ => (PolicyAttachment.NotBound, $"{target.Kind} {ns}/{target.Name} has no waypoint that would enforce the policy: {binding.Condition?.Message ?? $"label it {Api.Labels.UseWaypoint}."}"),
    };

    private static (string, string) Missing(PolicyTargetReference target, string? ns) =>
        (PolicyAttachment.NotFound, $"There is no {target.Kind} {ResourceKey.Of(ns, target.Name ?? "")}.");
}
