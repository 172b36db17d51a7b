using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Policies;
using Ambient.ControlPlane.Waypoints;

namespace Ambient.ControlPlane.Status;

/// <summary>What the derivation says of an object, as a condition of its status.</summary>
internal static class Conditions
{
    /// <summary>The field managers, as Istio names them: whoever takes over from the other takes over its fields.</summary>
    public const string PolicyManager = "istio-ambient-ztunnel-policy";
    public const string ServiceManager = "istio-ambient-service";

    /// <summary>Whether the node proxies enforce a policy.</summary>
    public static ConditionTarget Of(ConvertedPolicy policy) => new(
        policy.Source,
        policy.Source.Status?.Conditions,
        policy.Condition is { } wanted
            ? Condition(wanted.Holds, wanted.Reason, wanted.Message) with { ObservedGeneration = policy.Source.Metadata.Generation ?? 0 }
            : null);

    /// <summary>Whether a service has the waypoint that it asks for.</summary>
    public static ConditionTarget Of(BoundService service) => new(
        service.Source,
        service.Source.Status?.Conditions,
        service.Binding.Condition is { } wanted ? Condition(wanted.Holds, wanted.Reason, wanted.Message) : null);

    private static Condition Condition(bool holds, string reason, string message) =>
        new() { Status = holds ? "True" : "False", Reason = reason, Message = message };
}
