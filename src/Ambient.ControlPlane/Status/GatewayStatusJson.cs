using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Gateways;

namespace Ambient.ControlPlane.Status;

/// <summary>What gateways and routes lack in their status.</summary>
internal static class GatewayStatusJson
{
    /// <summary>The whole status of a gateway is ours, as far as it names it.</summary>
    public static StatusPatch? Due(GatewayState gateway, DateTimeOffset now)
    {
        var current = gateway.Source.Status;
        var wanted = gateway.Wanted with
        {
            Conditions = Timed(gateway.Wanted.Conditions, current?.Conditions, now),
            Listeners = [.. gateway.Wanted.Listeners!.Select(listener => listener with
            {
                Conditions = Timed(listener.Conditions, current?.Listeners?.FirstOrDefault(other => other.Name == listener.Name)?.Conditions, now),
            })],
        };
        var json = JsonSerializer.SerializeToNode(wanted, ResourceJson.Default.GatewayStatus)!.AsObject();
        return current is not null && JsonNode.DeepEquals(json, JsonSerializer.SerializeToNode(Ours(current, wanted), ResourceJson.Default.GatewayStatus))
            ? null
            : new StatusPatch(gateway.Source, json);
    }

    /// <summary>Our parents of a route; those of other controllers stay.</summary>
    public static StatusPatch? Due(RouteState route, DateTimeOffset now)
    {
        var current = route.Source.Status?.Parents;
        var others = (current ?? []).Where(parent => !GatewayStatuses.IsOurs(parent.ControllerName));
        var ours = route.Wanted.Select(parent => parent with
        {
            Conditions = Timed(
                parent.Conditions,
                current?.FirstOrDefault(other => other.ParentRef == parent.ParentRef && other.ControllerName == parent.ControllerName)?.Conditions,
                now),
        });
        var json = JsonSerializer.SerializeToNode(new RouteStatus { Parents = [.. others, .. ours] }, ResourceJson.Default.RouteStatus)!.AsObject();
        return current is not null && JsonNode.DeepEquals(json, JsonSerializer.SerializeToNode(route.Source.Status, ResourceJson.Default.RouteStatus))
            ? null
            : new StatusPatch(route.Source, json, IsApplied: false);
    }

    /// <summary>Conditions with the time of their last change: now, unless the status was the same before.</summary>
    private static Condition[] Timed(IReadOnlyList<Condition>? wanted, IReadOnlyList<Condition>? current, DateTimeOffset now) =>
    [
        .. (wanted ?? []).Select(condition =>
        {
            var before = current?.FirstOrDefault(other => other.Type == condition.Type);
            var since = before?.Status == condition.Status ? before?.LastTransitionTime : null;
            return condition with { LastTransitionTime = since ?? new DateTimeOffset(now.Ticks - (now.Ticks % TimeSpan.TicksPerSecond), now.Offset) };
        }),
    ];

    /// <summary>What is there of the conditions that we write: others may add theirs.</summary>
    private static GatewayStatus Ours(GatewayStatus current, GatewayStatus wanted) => current with
    {
        Conditions = [.. (wanted.Conditions ?? []).Select(condition => current.Conditions?.FirstOrDefault(other => other.Type == condition.Type)).OfType<Condition>()],
    };
}
