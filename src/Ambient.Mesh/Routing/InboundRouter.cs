using System.Net;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Routing;

/// <summary>A CONNECT request that reached a workload of this proxy.</summary>
/// <param name="Network">The network of this proxy.</param>
/// <param name="Workload">The workload whose listener took the tunnel.</param>
/// <param name="LocalAddress">The address that the tunnel was opened to.</param>
/// <param name="Authority">Where the stream wants to go.</param>
public readonly record struct InboundRequest(
    string Network, Workload Workload, IPAddress LocalAddress, HboneAuthority Authority);

/// <summary>Where a tunnelled connection goes, or the status that refuses it.</summary>
/// <param name="Status">200 to go on to authorization; otherwise the answer: 400 not ours, 503 cannot be resolved.</param>
/// <param name="Destination">The workload's address and the application's port, which policies see; null if refused.</param>
/// <param name="ProxyProtocol">A PROXY protocol header has to come before the first byte.</param>
/// <param name="ProxyDestination">The destination that this header names.</param>
/// <param name="Detail">Why it is refused, for people.</param>
public sealed record InboundDecision(
    int Status, IPEndPoint? Destination, bool ProxyProtocol, IPEndPoint? ProxyDestination, string? Detail);

/// <summary>
/// Decides where a tunnelled connection goes: 1. is the destination ours, 2. which port of the workload is meant,
/// 3. is it a port that an application may have.
/// </summary>
public static class InboundRouter
{
    private const int BadRequest = 400;
    private const int Unavailable = 503;

    /// <summary>Decides.</summary>
    public static InboundDecision Decide(MeshSnapshot mesh, in InboundRequest request)
    {
        // 1. Nobody may reach other workloads through us.
        if (!IsOurs(mesh, request))
        {
            return Refuse(BadRequest, $"ip mismatch: {request.LocalAddress} != {request.Authority.Address}");
        }

        // 2. The address is always the tunnel's own: a peer chooses ports, not addresses.
        var tunnel = request.Workload.ApplicationTunnel;
        IPEndPoint? named = request.Authority.Address is { } address ? new IPEndPoint(address, request.Authority.Port) : null;
        int port = request.Authority.Port;
        if (request.Authority.Hostname is { } hostname)
        {
            if (FindService(mesh, hostname, request.Workload) is not { } service)
            {
                return Refuse(Unavailable, $"hostname {hostname} is not a known service");
            }

            if (TargetPort(service, request) is { } target)
            {
                port = target;
            }
            else if (tunnel?.Port is null)
            {
                return Refuse(Unavailable, $"service {service.Key} has no target for port {request.Authority.Port} on workload {request.Workload.Uid}");
            }

            named = VirtualAddress(service, request.Network) is { } vip ? new IPEndPoint(vip, request.Authority.Port) : null;
            if (named is null && tunnel is { ProxyProtocol: true })
            {
                return Refuse(Unavailable, $"service {service.Key} has no address that a PROXY header could name");
            }
        }

        // 3. Tunnels in tunnels to ourselves would loop.
        port = tunnel?.Port ?? port;
        return IllegalPorts.Contains(port)
            ? Refuse(Unavailable, $"port {port} is a port of the proxy itself")
            : new InboundDecision(200, new IPEndPoint(request.LocalAddress, port), tunnel is { ProxyProtocol: true }, named, null);
    }

    /// <summary>
    /// The service that a connection to a workload's port most likely was for, for telemetry: the one that the client's
    /// proxy named, if the workload is in it, otherwise the first of the workload's services that has the port.
    /// </summary>
    public static Service? Attribute(MeshSnapshot mesh, Workload workload, int port, string? forwardedHost)
    {
        if (!workload.DeclaresServices)
        {
            return null;
        }

        Service? byPort = null;
        foreach (var membership in workload.Memberships)
        {
            if (!mesh.Services.TryGetValue(membership.Service, out var service))
            {
                continue;
            }

            if (forwardedHost is not null && service.Hostname == forwardedHost)
            {
                return service;
            }

            if (byPort is null && (HasTarget(service.Ports.AsSpan(), port) || HasTarget(membership.Ports.AsSpan(), port)))
            {
                byPort = service;
            }
        }

        return byPort;
    }

    private static bool IsOurs(MeshSnapshot mesh, in InboundRequest request)
    {
        if (request.Authority.Address is not { } address
            || address.Equals(request.LocalAddress)
            || request.Workload.ApplicationTunnel is not null)
        {
            return true;
        }

        // A waypoint takes what is addressed to the services and workloads that it stands before.
        var waypoint = mesh.FindWorkload(request.Network, address) is { } workload
            ? workload.Waypoint
            : mesh.FindServiceByVip(request.Network, address, request.Workload.Namespace)?.Waypoint;
        return waypoint is not null && GatewayLookup.IsBehind(mesh, waypoint, request.Workload);
    }

    private static Service? FindService(MeshSnapshot mesh, string hostname, Workload workload) =>
        mesh.Services.GetValueOrDefault(Service.KeyOf(workload.Namespace, hostname))
        ?? mesh.FindServiceByHostname(hostname, workload.Namespace);

    private static int? TargetPort(Service service, in InboundRequest request)
    {
        if (request.Workload.MembershipIn(service.Key) is { } membership
            && PortMapping.Find(membership.Ports.AsSpan(), request.Authority.Port) is { } own and not 0)
        {
            return own;
        }

        return PortMapping.Find(service.Ports.AsSpan(), request.Authority.Port) is { } shared and not 0 ? shared : null;
    }

    /// <summary>A virtual address of a service: of the own network and IPv4 first, then of the own network, then any.</summary>
    private static IPAddress? VirtualAddress(Service service, string network)
    {
        NetworkAddress? best = null;
        var bestRank = -1;
        foreach (var vip in service.Vips)
        {
            var rank = vip.Network != network ? 0 : AddressBits.Of(vip.Address).IsV6 ? 1 : 2;
            if (rank > bestRank)
            {
                (best, bestRank) = (vip, rank);
            }
        }

        return best?.Address;
    }

    private static bool HasTarget(ReadOnlySpan<PortMapping> ports, int port)
    {
        foreach (var mapping in ports)
        {
            if (mapping.TargetPort == port)
            {
                return true;
            }
        }

        return false;
    }

    private static InboundDecision Refuse(int status, string detail) => new(status, null, false, null, detail);
}
