using System.Net;

namespace Ambient.Mesh.Model;

/// <summary>An address in one of the mesh's networks; the same address may exist in several. The empty network is the default one.</summary>
public readonly record struct NetworkAddress(string Network, IPAddress Address)
{
    /// <summary>As configuration writes it: <c>network/address</c>.</summary>
    public override string ToString() => $"{Network}/{Address}";
}

/// <summary>An address range in one of the mesh's networks.</summary>
public readonly record struct NetworkCidr(string Network, Cidr Cidr);

/// <summary>A host name as one namespace knows it.</summary>
public readonly record struct NamespacedHostname(string Namespace, string Hostname)
{
    /// <summary>As configuration writes it: <c>namespace/hostname</c>.</summary>
    public override string ToString() => $"{Namespace}/{Hostname}";
}

/// <summary>Where a waypoint or a network gateway is: a host name or an address, and its HBONE port.</summary>
public sealed record GatewayAddress
{
    /// <summary>The host name, unless <see cref="Address"/> says where it is.</summary>
    public NamespacedHostname? Hostname { get; init; }

    /// <summary>The address, unless <see cref="Hostname"/> says where it is.</summary>
    public NetworkAddress? Address { get; init; }

    /// <summary>The port that takes HBONE.</summary>
    public required ushort Port { get; init; }

    /// <summary>The destination as configuration writes it: <c>namespace/hostname</c> or <c>network/address</c>.</summary>
    public string Destination => Hostname?.ToString() ?? Address?.ToString() ?? "";

    /// <inheritdoc />
    public override string ToString() => $"{Hostname?.Hostname ?? Address?.Address.ToString()}";
}

/// <summary>One of several waypoints that share a service's traffic.</summary>
/// <param name="Gateway">Where the waypoint is.</param>
/// <param name="Weight">Its share; 0 takes nothing.</param>
public readonly record struct WeightedWaypoint(GatewayAddress Gateway, uint Weight);

/// <summary>What a service declares to be spoken on a port. Unknown values of later versions count as <see cref="Unknown"/>.</summary>
public enum AppProtocol : byte
{
    /// <summary>Nothing is declared: what comes is looked at.</summary>
    Unknown,

    /// <summary>HTTP; version 1.1, but what comes may be version 2 with prior knowledge.</summary>
    Http11,

    /// <summary>HTTP/2 without TLS.</summary>
    Http2,

    /// <summary>gRPC, over HTTP/2 without TLS.</summary>
    Grpc,

    /// <summary>Bytes.</summary>
    Tcp,

    /// <summary>TLS of the application's own: bytes, to us.</summary>
    Tls,
}

/// <summary>A port of a service and the port of an endpoint that serves it.</summary>
/// <param name="ServicePort">The port that clients name.</param>
/// <param name="TargetPort">The port of the endpoint; 0 where each endpoint has its own (a named port).</param>
/// <param name="Protocol">What is spoken there, for whoever looks into it.</param>
public readonly record struct PortMapping(ushort ServicePort, ushort TargetPort, AppProtocol Protocol = AppProtocol.Unknown)
{
    /// <summary>The target of a service port in a list, or null where the list does not have the port.</summary>
    public static ushort? Find(ReadOnlySpan<PortMapping> ports, ushort servicePort)
    {
        foreach (var port in ports)
        {
            if (port.ServicePort == servicePort)
            {
                return port.TargetPort;
            }
        }

        return null;
    }
}
