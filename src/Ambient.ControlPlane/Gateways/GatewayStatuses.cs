using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Waypoints;

namespace Ambient.ControlPlane.Gateways;

/// <summary>What a gateway's status is derived from, beside the gateway.</summary>
/// <param name="Controller">The controller of its class.</param>
/// <param name="Addresses">Where it is reached, once it has been ready.</param>
/// <param name="Exists">Whether there is such a secret.</param>
/// <param name="Attached">How many routes a listener has.</param>
internal sealed record GatewayFacts(
    string Controller, IReadOnlyList<GatewayAddress> Addresses, Func<SecretReference, bool> Exists, Func<Listener, int> Attached);

/// <summary>Gateway → its status, as the Gateway API defines the conditions and Istio gives the reasons.</summary>
internal static class GatewayStatuses
{
    /// <summary>The controller of gateways at the mesh's edge; their routes' parents name it too.</summary>
    public const string EdgeController = "istio.io/gateway-controller";

    private static readonly RouteGroupKind[] HttpKinds = [KindOf("HTTPRoute"), KindOf("GRPCRoute")];

    /// <summary>Whether the gateways of a controller get their status from us.</summary>
    public static bool IsOurs(string? controller) => controller is WaypointObjects.Controller or EdgeController;

    public static GatewayStatus Of(Gateway gateway, GatewayFacts facts)
    {
        var listeners = (gateway.Spec?.Listeners ?? []).Select(listener => Of(listener, gateway, facts)).ToList();
        var invalid = listeners.Where(listener => listener.Conditions!.Any(condition => condition is { Type: "Programmed", Status: "False" })).Select(listener => listener.Name).ToList();
        return new GatewayStatus
        {
            Addresses = facts.Addresses.Count == 0 ? null : facts.Addresses,
            Conditions =
            [
                invalid.Count == 0
                    ? StatusCondition.True(gateway, "Accepted", "Accepted", "The gateway is valid.")
                    : StatusCondition.True(gateway, "Accepted", "ListenersNotValid", $"Listeners are not valid: {string.Join(", ", invalid)}."),
                facts.Addresses.Count > 0
                    ? StatusCondition.True(gateway, "Programmed", "Programmed", $"Traffic is taken at {facts.Addresses[^1].Value}:{string.Join(",", Ports(gateway))}.")
                    : StatusCondition.False(gateway, "Programmed", "AddressNotAssigned", NoAddress(gateway, facts.Controller)),
                StatusCondition.True(gateway, "ResolvedRefs", "ResolvedRefs", "All references are resolved."),
            ],
            Listeners = listeners,
        };
    }

    private static IEnumerable<int> Ports(Gateway gateway) => (gateway.Spec?.Listeners ?? []).Select(listener => listener.Port).Distinct();

    private static string NoAddress(Gateway gateway, string controller) => controller == WaypointObjects.Controller
        ? $"Service {gateway.Metadata.Namespace}/{gateway.Metadata.Name} has no ready endpoint yet: see the pods labelled gateway.networking.k8s.io/gateway-name={gateway.Metadata.Name}."
        : "No address is assigned to the gateway.";

    private static ListenerStatus Of(Listener listener, Gateway gateway, GatewayFacts facts)
    {
        var supported = facts.Controller != WaypointObjects.Controller || listener is { Protocol: "HBONE", Port: Api.Ports.Hbone };
        var missing = (listener.Tls?.CertificateRefs ?? []).Where(reference => !facts.Exists(reference)).Select(reference => reference.Name).ToList();
        return new ListenerStatus
        {
            Name = listener.Name,
            AttachedRoutes = facts.Attached(listener),
            SupportedKinds = KindsOf(listener.Protocol),
            Conditions =
            [
                supported
                    ? StatusCondition.True(gateway, "Accepted", "Accepted", "The listener is valid.")
                    : StatusCondition.False(gateway, "Accepted", "UnsupportedProtocol", $"A waypoint has one listener, of protocol HBONE at port {Api.Ports.Hbone}; this one is {listener.Protocol} at {listener.Port}."),
                StatusCondition.False(gateway, "Conflicted", "NoConflicts", "No other listener is in the way."),
                missing.Count == 0
                    ? StatusCondition.True(gateway, "Programmed", "Programmed", "The listener is ready for traffic.")
                    : StatusCondition.False(gateway, "Programmed", "Invalid", "The listener has a reference that leads nowhere."),
                missing.Count == 0
                    ? StatusCondition.True(gateway, "ResolvedRefs", "ResolvedRefs", "All references are resolved.")
                    : StatusCondition.False(gateway, "ResolvedRefs", "InvalidCertificateRef", $"There is no secret {string.Join(", ", missing)}."),
            ],
        };
    }

    private static IReadOnlyList<RouteGroupKind> KindsOf(string? protocol) => protocol switch
    {
        "HTTP" or "HTTPS" => HttpKinds,
        "TCP" => [KindOf("TCPRoute")],
        "TLS" => [KindOf("TLSRoute")],
        _ => [],
    };

    private static RouteGroupKind KindOf(string kind) => new() { Group = "gateway.networking.k8s.io", Kind = kind };
}
