using System.Net;
using System.Net.Sockets;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Routing;

/// <summary>Finds the workloads behind a gateway's address: a waypoint or a network gateway, by address or by host name.</summary>
internal static class GatewayLookup
{
    /// <summary>The endpoint of a gateway to use, and the address family that its own address asks for, if it has one.</summary>
    public static ChosenEndpoint? Choose(
        MeshSnapshot mesh, GatewayAddress gateway, in OutboundRequest request, Random random)
    {
        if (Service(mesh, gateway, request.Source.Namespace) is { } service)
        {
            return EndpointChoice.Choose(mesh, service, gateway.Port, PortLookup.Waypoint, request, random);
        }

        return Workload(mesh, gateway) is { } workload
            ? new ChosenEndpoint(workload, gateway.Port, null, 1, 1)
            : null;
    }

    /// <summary>The address that decides the family of the address to dial: the gateway's own, or the client's.</summary>
    public static IPAddress FamilyOf(GatewayAddress gateway, IPAddress client) => gateway.Address?.Address ?? client;

    /// <summary>Whether a workload stands behind a gateway's address.</summary>
    public static bool IsBehind(MeshSnapshot mesh, GatewayAddress gateway, Workload workload)
    {
        if (Service(mesh, gateway, workload.Namespace) is { } service)
        {
            return workload.MembershipIn(service.Key) is not null;
        }

        return ReferenceEquals(Workload(mesh, gateway), workload);
    }

    private static Service? Service(MeshSnapshot mesh, GatewayAddress gateway, string clientNamespace) =>
        gateway switch
        {
            { Hostname: { } name } => mesh.Services.GetValueOrDefault(name.ToString()),
            { Address: { } address } => mesh.FindServiceByVip(address.Network, address.Address, clientNamespace),
            _ => null,
        };

    private static Workload? Workload(MeshSnapshot mesh, GatewayAddress gateway) =>
        gateway switch
        {
            { Hostname: { } name } => mesh.FindWorkload(name),
            { Address: { } address } => mesh.FindWorkload(address.Network, address.Address),
            _ => null,
        };
}

/// <summary>Chooses which of a workload's addresses to dial.</summary>
internal static class AddressChoice
{
    /// <summary>
    /// The address that was asked for, if it is the workload's; otherwise the first of the family that was asked for, of
    /// those that the service serves; otherwise the first of these. Null without any.
    /// </summary>
    public static IPAddress? Choose(Workload workload, Service? service, IPAddress wanted)
    {
        IPAddress? first = null;
        IPAddress? sameFamily = null;
        foreach (var address in workload.Addresses)
        {
            if (address.Equals(wanted))
            {
                return address;
            }

            if (!Serves(service, address))
            {
                continue;
            }

            first ??= address;
            if (address.AddressFamily == wanted.AddressFamily)
            {
                sameFamily ??= address;
            }
        }

        return sameFamily ?? first;
    }

    private static bool Serves(Service? service, IPAddress address) => service?.IpFamilies switch
    {
        IpFamilies.V4 => address.AddressFamily == AddressFamily.InterNetwork,
        IpFamilies.V6 => address.AddressFamily == AddressFamily.InterNetworkV6,
        _ => true,
    };
}
