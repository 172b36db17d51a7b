using System.Collections.Immutable;
using System.Net;
using Ambient.Api;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Routing;

/// <summary>
/// Decides where a captured connection goes.
/// <code>
/// destination ─1─ own port on loopback? ─────────────────────────────── refused
///     │
///     2─ service with a waypoint? ──────── 3─ waypoint endpoint ─────── HBONE to it (unknown: refused)
///     │
///     4─ endpoint of the service, or workload at the address ── none ── refused (service) or passthrough
///     │
///     5─ in another network? ───────────────────────────────────────── two tunnels, through its gateway
///     │
///     6─ workload with a waypoint, and not coming from it? ─────────── HBONE to the waypoint
///     │
///     7─ its address, its protocol ─────────────────────────────────── HBONE or plaintext
/// </code>
/// </summary>
public static class OutboundRouter
{
    /// <summary>Decides. The same snapshot, request and random numbers give the same answer.</summary>
    public static OutboundDecision Decide(MeshSnapshot mesh, in OutboundRequest request, Random random)
    {
        if (request.Target is { } target)
        {
            return WaypointRouter.Onward(mesh, target, request, random);
        }

        var (address, port) = (request.Destination.Address, request.Destination.Port);

        // 1. Calls to this proxy's own ports would loop.
        if (IPAddress.IsLoopback(address) && IllegalPorts.Contains(port))
        {
            return Refuse(request, RefusalReason.SelfCall, $"{request.Destination} is a port of the proxy itself");
        }

        // 2. The service that the address means. A workload's own address comes before a virtual one.
        var service = mesh.FindWorkload(request.Network, address) is null
            ? mesh.FindServiceByVip(request.Network, address, request.Source.Namespace)
            : null;
        if (service is not null && WaypointOf(service, random) is { } waypoint)
        {
            // 3. The waypoint is never bypassed: if it is missing, so is the way.
            return ToWaypoint(mesh, request, service, waypoint, random);
        }

        // 4. The endpoint. A virtual address comes before a workload's here.
        var addressed = mesh.FindServiceByVip(request.Source.Network, address, request.Source.Namespace);
        if (addressed is { LoadBalancing.Mode: LoadBalancingMode.Passthrough })
        {
            return Passthrough(request, addressed);
        }

        var chosen = addressed is not null
            ? EndpointChoice.Choose(mesh, addressed, port, PortLookup.Standard, request, random)
            : mesh.FindWorkload(request.Source.Network, address) is { } workload
                ? new ChosenEndpoint(workload, (ushort)port, null, 1, 1)
                : null;
        if (chosen is not { } upstream)
        {
            return service is null && addressed is null
                ? Passthrough(request, null)
                : NoUpstream(mesh, request, (addressed ?? service)!);
        }

        // 5. Other networks are reached through their gateway.
        if (upstream.Workload.Network != request.Source.Network)
        {
            return upstream.Service is null
                ? Refuse(request, RefusalReason.CrossNetworkNeedsService,
                    $"{request.Destination} is workload {upstream.Workload.Uid} in network '{upstream.Workload.Network}', which only services reach")
                : ToNetwork(mesh, request, upstream.Service, upstream.Workload, null, random);
        }

        // 6. A workload's waypoint takes what is addressed to the workload itself.
        if (upstream.Service is null && upstream.Workload.Waypoint is { } own && !ComesFrom(mesh, own, request))
        {
            return ToWaypoint(mesh, request, null, own, random);
        }

        // 7. Straight to the endpoint.
        return ToEndpoint(request, upstream);
    }

    private static GatewayAddress? WaypointOf(Service service, Random random)
    {
        ulong total = 0;
        foreach (var weighted in service.WeightedWaypoints)
        {
            total += weighted.Weight;
        }

        if (total == 0)
        {
            return service.Waypoint;
        }

        var ticket = (ulong)random.NextInt64((long)total);
        foreach (var weighted in service.WeightedWaypoints)
        {
            if (ticket < weighted.Weight)
            {
                return weighted.Gateway;
            }

            ticket -= weighted.Weight;
        }

        return service.Waypoint;
    }

    private static OutboundDecision ToWaypoint(
        MeshSnapshot mesh, in OutboundRequest request, Service? service, GatewayAddress waypoint, Random random)
    {
        if (GatewayLookup.Choose(mesh, waypoint, request, random) is not { } chosen)
        {
            return Refuse(request, RefusalReason.UnknownWaypoint, $"waypoint {waypoint} not found", service) with { Waypoint = waypoint };
        }

        if (chosen.Workload.Network != request.Source.Network)
        {
            return service is null
                ? Refuse(request, RefusalReason.CrossNetworkNeedsService,
                    $"waypoint {waypoint} is in network '{chosen.Workload.Network}', which only services reach") with { Waypoint = waypoint }
                : ToNetwork(mesh, request, service, chosen.Workload, waypoint, random);
        }

        var family = GatewayLookup.FamilyOf(waypoint, request.Client);
        var decision = new OutboundDecision
        {
            Kind = OutboundKind.Hbone,
            Request = request,
            Service = service,
            Waypoint = waypoint,
            Endpoint = chosen.Workload,
            Authority = request.Destination.ToString(),
            ExpectedIdentities = Service.ExpectedIdentities(chosen.Service, chosen.Workload),
            Endpoints = chosen.Endpoints,
            Eligible = chosen.Eligible,
        };
        return WithAddress(decision, AddressChoice.Choose(chosen.Workload, chosen.Service, family), chosen.Port);
    }

    internal static OutboundDecision ToNetwork(
        MeshSnapshot mesh, in OutboundRequest request, Service service, Workload endpoint, GatewayAddress? waypoint, Random random)
    {
        if (endpoint.NetworkGateway is not { } gateway)
        {
            return Refuse(request, RefusalReason.UnknownNetworkGateway,
                $"network '{endpoint.Network}' of workload {endpoint.Uid} has no gateway", service);
        }

        if (GatewayLookup.Choose(mesh, gateway, request, random) is not { } chosen)
        {
            return Refuse(request, RefusalReason.UnknownNetworkGateway,
                $"gateway {gateway} of network '{endpoint.Network}' not found", service);
        }

        var decision = new OutboundDecision
        {
            Kind = OutboundKind.DoubleHbone,
            Request = request,
            Service = service,
            Waypoint = waypoint,
            NetworkGateway = gateway,
            Endpoint = chosen.Workload,
            Authority = $"{service.Hostname}:{request.Destination.Port}",
            ExpectedIdentities = Service.ExpectedIdentities(chosen.Service, chosen.Workload),
            InnerIdentities = Service.ExpectedIdentities(service, null),
            Endpoints = chosen.Endpoints,
            Eligible = chosen.Eligible,
        };
        return WithAddress(
            decision,
            AddressChoice.Choose(chosen.Workload, chosen.Service, GatewayLookup.FamilyOf(gateway, request.Client)),
            chosen.Port);
    }

    internal static OutboundDecision ToEndpoint(in OutboundRequest request, in ChosenEndpoint upstream)
    {
        var workload = upstream.Workload;
        var address = AddressChoice.Choose(workload, upstream.Service, request.Destination.Address);
        var hbone = workload.Protocol == TunnelProtocol.Hbone;
        var decision = new OutboundDecision
        {
            Kind = hbone ? OutboundKind.Hbone : OutboundKind.Plaintext,
            Request = request,
            Service = upstream.Service,
            Endpoint = workload,
            Authority = hbone && address is not null ? new IPEndPoint(address, upstream.Port).ToString() : null,
            ExpectedIdentities = hbone ? Service.ExpectedIdentities(upstream.Service, workload) : [],
            Endpoints = upstream.Endpoints,
            Eligible = upstream.Eligible,
        };
        return WithAddress(decision, address, hbone ? Ports.Hbone : upstream.Port, upstream.Port);
    }

    private static OutboundDecision WithAddress(OutboundDecision decision, IPAddress? address, int port, int authorityPort = 0)
    {
        if (address is not null)
        {
            return decision with { Dial = new IPEndPoint(address, port), DialPort = port };
        }

        var endpoint = decision.Endpoint!;
        return endpoint.Hostname.Length > 0
            ? decision with
            {
                ResolveHostname = endpoint.Hostname,
                DialPort = port,
                Authority = decision.Kind == OutboundKind.Hbone ? decision.Authority ?? $"{endpoint.Hostname}:{authorityPort}" : decision.Authority,
            }
            : Refuse(decision.Request, RefusalReason.NoAddress, $"workload {endpoint.Uid} has no address", decision.Service) with
            {
                Endpoint = endpoint,
                Waypoint = decision.Waypoint,
            };
    }

    /// <summary>
    /// Whether the client is the waypoint itself, which may go on to the workload: it runs under the identity of one of the
    /// waypoint's workloads, from an address of that workload.
    /// </summary>
    private static bool ComesFrom(MeshSnapshot mesh, GatewayAddress waypoint, in OutboundRequest request) =>
        mesh.FindWorkload(request.Source.Network, request.Client) is { } client
        && client.Identity == request.Source.Identity
        && GatewayLookup.IsBehind(mesh, waypoint, client);

    internal static OutboundDecision Passthrough(in OutboundRequest request, Service? service) => new()
    {
        Kind = OutboundKind.Passthrough,
        Request = request,
        Service = service,
        Dial = request.Destination,
        DialPort = request.Destination.Port,
    };

    internal static OutboundDecision NoUpstream(MeshSnapshot mesh, in OutboundRequest request, Service service)
    {
        var all = mesh.EndpointsOf(service.Key).Count;
        var port = request.Destination.Port;
        var detail = PortMapping.Find(service.Ports.AsSpan(), (ushort)port) is null
            ? $"service {service.Key} has no port {port}; it has {string.Join(", ", service.Ports.Select(p => p.ServicePort))}"
            : all == 0
                ? $"service {service.Key} has no endpoints"
                : $"none of the {all} endpoints of service {service.Key} can take port {port}: unhealthy, out of the preferred locality, or without that port";
        return Refuse(request, RefusalReason.NoHealthyUpstream, detail, service) with { Endpoints = all };
    }

    internal static OutboundDecision Refuse(in OutboundRequest request, RefusalReason reason, string detail, Service? service = null) => new()
    {
        Kind = OutboundKind.Refused,
        Request = request,
        Service = service,
        Refusal = reason,
        Detail = detail,
    };
}

/// <summary>Ports of the proxy in a pod, which no connection may be carried to.</summary>
public static class IllegalPorts
{
    private static readonly ImmutableArray<int> All = [Ports.Outbound, Ports.InboundPlaintext, Ports.Hbone];

    /// <summary>Whether a port belongs to the proxy.</summary>
    public static bool Contains(int port) => All.Contains(port);
}
