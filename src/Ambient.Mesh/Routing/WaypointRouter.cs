using System.Net;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Routing;

/// <summary>A CONNECT request that reached a waypoint.</summary>
/// <param name="Network">The network of the waypoint.</param>
/// <param name="Waypoint">The waypoint's own workload.</param>
/// <param name="ClientNamespace">The namespace that the client has proved: which services it sees.</param>
/// <param name="Authority">Where the stream wants to go.</param>
public readonly record struct WaypointRequest(string Network, Workload Waypoint, string ClientNamespace, HboneAuthority Authority);

/// <summary>What a request to a waypoint is addressed to, or the status that refuses it. Either a service or a workload is set, or neither.</summary>
public sealed record WaypointTarget
{
    /// <summary>200 to go on; otherwise the answer: 400 not served by this waypoint, 503 not known.</summary>
    public required int Status { get; init; }

    /// <summary>The service that was addressed.</summary>
    public Service? Service { get; init; }

    /// <summary>The workload that was addressed itself.</summary>
    public Workload? Workload { get; init; }

    /// <summary>The service's port, or the workload's.</summary>
    public ushort Port { get; init; }

    /// <summary>What is declared to be spoken there.</summary>
    public AppProtocol Protocol { get; init; }

    /// <summary>Why it is refused, for people.</summary>
    public string? Detail { get; init; }
}

/// <summary>
/// Decides what a request to a waypoint is for, and where a connection goes from there.
/// <code>
/// authority ─1─ workload or service? ── none ── 503
///              2─ does it stand behind this waypoint? ── no ── 400
///              3─ has it the port? what is spoken there? ── no port ── 503
/// </code>
/// </summary>
public static class WaypointRouter
{
    private const int BadRequest = 400;
    private const int Unavailable = 503;

    /// <summary>Decides what a request is for.</summary>
    public static WaypointTarget Decide(MeshSnapshot mesh, in WaypointRequest request)
    {
        // 1. A workload's own address comes before a virtual one, as for those who send.
        var authority = request.Authority;
        if (authority.Address is { } address && mesh.FindWorkload(request.Network, address) is { } workload)
        {
            // 2.
            return workload.Waypoint is { } own && GatewayLookup.IsBehind(mesh, own, request.Waypoint)
                ? new WaypointTarget { Status = 200, Workload = workload, Port = authority.Port, Protocol = Spoken(mesh, workload, authority.Port) }
                : Refuse(BadRequest, $"workload {workload.Uid} is not bound to this waypoint");
        }

        var service = authority.Hostname is { } hostname
            ? mesh.FindServiceByHostname(hostname, request.ClientNamespace)
            : mesh.FindServiceByVip(request.Network, authority.Address!, request.ClientNamespace);
        if (service is null)
        {
            return Refuse(Unavailable, $"{authority} is no service or workload that is known");
        }

        // 2.
        if (!IsBound(mesh, service, request.Waypoint))
        {
            return Refuse(BadRequest, $"service {service.Key} is not bound to this waypoint");
        }

        // 3.
        foreach (var port in service.Ports)
        {
            if (port.ServicePort == authority.Port)
            {
                return new WaypointTarget { Status = 200, Service = service, Port = authority.Port, Protocol = port.Protocol };
            }
        }

        return Refuse(Unavailable, $"service {service.Key} has no port {authority.Port}; it has {string.Join(", ", service.Ports.Select(port => port.ServicePort))}");
    }

    /// <summary>Chooses the endpoint for a connection that a waypoint passes on as it is.</summary>
    internal static OutboundDecision Onward(MeshSnapshot mesh, WaypointTarget target, in OutboundRequest request, Random random)
    {
        if (target.Workload is { } workload)
        {
            return workload.Network == request.Source.Network
                ? OutboundRouter.ToEndpoint(request, new ChosenEndpoint(workload, target.Port, null, 1, 1))
                : OutboundRouter.Refuse(request, RefusalReason.CrossNetworkNeedsService,
                    $"workload {workload.Uid} is in network '{workload.Network}', which only services reach");
        }

        var service = target.Service!;
        if (service.LoadBalancing is { Mode: LoadBalancingMode.Passthrough })
        {
            return OutboundRouter.Passthrough(request, service);
        }

        if (EndpointChoice.Choose(mesh, service, target.Port, PortLookup.Standard, request, random) is not { } chosen)
        {
            return OutboundRouter.NoUpstream(mesh, request, service);
        }

        return chosen.Workload.Network == request.Source.Network
            ? OutboundRouter.ToEndpoint(request, chosen)
            : OutboundRouter.ToNetwork(mesh, request, service, chosen.Workload, null, random);
    }

    private static bool IsBound(MeshSnapshot mesh, Service service, Workload waypoint)
    {
        foreach (var weighted in service.WeightedWaypoints)
        {
            if (GatewayLookup.IsBehind(mesh, weighted.Gateway, waypoint))
            {
                return true;
            }
        }

        return service.Waypoint is { } gateway && GatewayLookup.IsBehind(mesh, gateway, waypoint);
    }

    /// <summary>What one of the workload's services says is spoken on a port of it.</summary>
    private static AppProtocol Spoken(MeshSnapshot mesh, Workload workload, ushort port)
    {
        foreach (var membership in workload.Memberships)
        {
            if (mesh.Services.TryGetValue(membership.Service, out var service)
                && (Find(membership.Ports.AsSpan(), port, service) ?? Find(service.Ports.AsSpan(), port, service)) is { } protocol and not AppProtocol.Unknown)
            {
                return protocol;
            }
        }

        return AppProtocol.Unknown;
    }

    private static AppProtocol? Find(ReadOnlySpan<PortMapping> ports, ushort target, Service service)
    {
        foreach (var port in ports)
        {
            if (port.TargetPort != target)
            {
                continue;
            }

            foreach (var declared in service.Ports)
            {
                if (declared.ServicePort == port.ServicePort)
                {
                    return declared.Protocol;
                }
            }
        }

        return null;
    }

    private static WaypointTarget Refuse(int status, string detail) => new() { Status = status, Detail = detail };
}
