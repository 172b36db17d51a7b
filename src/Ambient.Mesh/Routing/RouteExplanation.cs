using System.Text;

namespace Ambient.Mesh.Routing;

/// <summary>Says in words what led to an outbound decision: one line for logs, several for <c>explain</c>.</summary>
public static class RouteExplanation
{
    /// <summary>One line; for a refusal it names what is missing.</summary>
    public static string Render(OutboundDecision decision) => decision.Kind switch
    {
        OutboundKind.Refused => $"{Words(decision.Refusal)}: {decision.Detail}",
        _ => string.Join("; ", Steps(decision)),
    };

    /// <summary>The steps in order.</summary>
    public static IReadOnlyList<string> Steps(OutboundDecision decision)
    {
        var request = decision.Request;
        var steps = new List<string>
        {
            $"{request.Source.Uid} ({request.Source.Identity}) asks for {request.Destination}",
            decision.Service is { } service ? $"which is service {service.Key}" : "which is no service",
        };
        if (decision.Waypoint is { } waypoint)
        {
            steps.Add($"whose traffic has to pass waypoint {waypoint.Destination} port {waypoint.Port}");
        }

        if (decision.NetworkGateway is { } gateway)
        {
            steps.Add($"in another network, reached through gateway {gateway.Destination} port {gateway.Port}");
        }

        if (decision.Endpoints > 1 || decision.Eligible != decision.Endpoints)
        {
            steps.Add($"{decision.Eligible} of {decision.Endpoints} endpoints can take it");
        }

        steps.Add(Outcome(decision));
        return steps;
    }

    /// <summary>The refusal's class in a few words, stable for logs.</summary>
    public static string Words(RefusalReason reason) => reason switch
    {
        RefusalReason.SelfCall => "attempted recursive call to ourselves",
        RefusalReason.UnknownWaypoint => "unknown waypoint",
        RefusalReason.NoHealthyUpstream => "no healthy upstream",
        RefusalReason.NoAddress => "no valid destination",
        RefusalReason.CrossNetworkNeedsService => "attempted cross-network call to a workload",
        RefusalReason.UnknownNetworkGateway => "unknown network gateway",
        _ => "carried",
    };

    private static string Outcome(OutboundDecision decision)
    {
        var text = new StringBuilder();
        if (decision.Endpoint is { } endpoint)
        {
            text.Append("to workload ").Append(endpoint.Uid).Append(", ");
        }

        var where = decision.Dial?.ToString() ?? $"{decision.ResolveHostname}:{decision.DialPort}";
        return text.Append(decision.Kind switch
        {
            OutboundKind.Hbone => $"HBONE to {where} for {decision.Authority}, expecting {string.Join(" or ", decision.ExpectedIdentities)}",
            OutboundKind.DoubleHbone => $"two tunnels, the outer to {where} for {decision.Authority}",
            OutboundKind.Plaintext => $"plaintext to {where}",
            OutboundKind.Passthrough => $"passed through to {where}",
            _ => $"refused: {Words(decision.Refusal)}: {decision.Detail}",
        }).ToString();
    }
}
