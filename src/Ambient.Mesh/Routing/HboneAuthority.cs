using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Ambient.Mesh.Model;

namespace Ambient.Mesh.Routing;

/// <summary>The <c>:authority</c> of a CONNECT request: an address and port, or a service's host name and port.</summary>
public readonly record struct HboneAuthority
{
    /// <summary>Longest host name, RFC 1035 §2.3.4.</summary>
    private const int LongestHostname = 253;

    private HboneAuthority(IPAddress? address, string? hostname, ushort port)
    {
        Address = address;
        Hostname = hostname;
        Port = port;
    }

    /// <summary>The address; null for a host name.</summary>
    public IPAddress? Address { get; }

    /// <summary>The host name; null for an address.</summary>
    public string? Hostname { get; }

    /// <summary>The port, of the workload or of the service.</summary>
    public ushort Port { get; }

    /// <summary>An authority of an address.</summary>
    public static HboneAuthority Of(IPEndPoint endpoint) => new(endpoint.Address, null, (ushort)endpoint.Port);

    /// <summary>Reads <c>address:port</c>, <c>[address]:port</c> or <c>hostname:port</c>; the port is required.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out HboneAuthority authority)
    {
        authority = default;
        var colon = text?.LastIndexOf(':') ?? -1;
        if (text is null || colon <= 0
            || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
        {
            return false;
        }

        var host = text.AsSpan(0, colon);
        if (host[0] == '[')
        {
            if (host[^1] != ']' || !AddressText.TryParse(host[1..^1], out var v6) || v6.AddressFamily != AddressFamily.InterNetworkV6)
            {
                return false;
            }

            authority = new HboneAuthority(Unmapped(v6), null, port);
            return true;
        }

        if (!host.Contains(':') && AddressText.TryParse(host, out var v4))
        {
            authority = new HboneAuthority(v4, null, port);
            return true;
        }

        if (!IsHostname(host))
        {
            return false;
        }

        authority = new HboneAuthority(null, host.ToString(), port);
        return true;
    }

    /// <inheritdoc />
    public override string ToString() => Address is not null
        ? new IPEndPoint(Address, Port).ToString()
        : string.Create(CultureInfo.InvariantCulture, $"{Hostname}:{Port}");

    private static IPAddress Unmapped(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    private static bool IsHostname(ReadOnlySpan<char> host)
    {
        if (host.Length > LongestHostname)
        {
            return false;
        }

        foreach (var c in host)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.' or '_'))
            {
                return false;
            }
        }

        return true;
    }
}
