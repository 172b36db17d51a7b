using System.Globalization;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Entries;
using Ambient.ControlPlane.Policies;
using Ambient.ControlPlane.Routing;
using Ambient.ControlPlane.Waypoints;

namespace Ambient.ControlPlane.Status;

/// <summary>What the derivation says of policies and services, as conditions of their status.</summary>
internal static class Conditions
{
    /// <summary>The field managers, as Istio names them: whoever takes over from the other takes over its fields.</summary>
    public const string PolicyManager = "istio-ambient-ztunnel-policy";
    public const string AttachmentManager = "istio-ambient-waypoint-policy";
    public const string ServiceManager = "istio-ambient-service";

    /// <summary>Of networking resources, which Istio writes no such condition on.</summary>
    public const string NetworkingManager = "ambient-waypoint-networking";

    /// <summary>Whether the node proxies enforce a policy.</summary>
    public static StatusPatch? Due(ConvertedPolicy policy, DateTimeOffset now) => Due(
        policy.Source,
        policy.Source.Status?.Conditions,
        PolicyCondition.Type,
        policy.Condition is { } wanted ? Condition(wanted.Holds, wanted.Reason, wanted.Message, policy.Source) : null,
        now);

    /// <summary>Whether a waypoint enforces a policy.</summary>
    public static StatusPatch? Due(PolicyAttachment policy, DateTimeOffset now) => Due(
        policy.Source,
        policy.Source.Status?.Conditions,
        PolicyAttachment.Type,
        Condition(policy.Holds, policy.Reason, policy.Message, policy.Source),
        now);

    /// <summary>Whether a waypoint carries out a VirtualService or DestinationRule.</summary>
    public static StatusPatch? Due(NetworkingState state, DateTimeOffset now) => Due(
        state.Source, state.Current, PolicyAttachment.Type, Condition(state.Holds, state.Reason, state.Message, state.Source), now);

    /// <summary>Whether a service has the waypoint that it asks for.</summary>
    public static StatusPatch? Due(BoundService service, DateTimeOffset now) => Due(
        service.Source,
        service.Source.Status?.Conditions,
        BindingCondition.Type,
        service.Binding.Condition is { } wanted ? Condition(wanted.Holds, wanted.Reason, wanted.Message) : null,
        now);

    /// <summary>Whether a ServiceEntry has the waypoint that it asks for.</summary>
    public static StatusPatch? Due(BoundEntry entry, DateTimeOffset now) => Due(
        entry.Latest,
        entry.Latest.Status?.Conditions,
        BindingCondition.Type,
        entry.Binding.Condition is { } wanted ? Condition(wanted.Holds, wanted.Reason, wanted.Message) : null,
        now);

    /// <summary>When a condition's status changed: now, unless it is what it was.</summary>
    public static string Since(Condition? current, string? status, DateTimeOffset now) =>
        ((current?.Status == status ? current?.LastTransitionTime : null) ?? now).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static StatusPatch? Due(IResource source, IReadOnlyList<Condition>? conditions, string type, Condition? wanted, DateTimeOffset now)
    {
        var current = conditions?.FirstOrDefault(condition => condition.Type == type);
        if (wanted is null)
        {
            return current is null ? null : Patch(source, []);
        }

        if (current is not null
            && (current.Status, current.Reason, current.Message, current.ObservedGeneration) == (wanted.Status, wanted.Reason, wanted.Message, wanted.ObservedGeneration))
        {
            return null;
        }

        var condition = new JsonObject
        {
            ["type"] = type,
            ["status"] = wanted.Status,
            ["reason"] = wanted.Reason,
            ["message"] = wanted.Message,
            ["lastTransitionTime"] = Since(current, wanted.Status, now),
        };
        if (wanted.ObservedGeneration is { } generation)
        {
            // A string, as Istio writes 64-bit numbers.
            condition["observedGeneration"] = generation.ToString(CultureInfo.InvariantCulture);
        }

        return Patch(source, [(JsonNode)condition]);
    }

    private static StatusPatch Patch(IResource source, JsonArray conditions) => new(source, new JsonObject { ["conditions"] = conditions });

    private static Condition Condition(bool holds, string reason, string message, IResource? observed = null) => new()
    {
        Status = holds ? "True" : "False",
        Reason = reason,
        Message = message,
        ObservedGeneration = observed is null ? null : observed.Metadata.Generation ?? 0,
    };
}
