using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Ambient.Telemetry.Servers;

/// <summary>Where a server listens: an address, every address, or the loopback of both families.</summary>
public sealed class ListenAddress
{
    private readonly IReadOnlyList<IPAddress> _addresses;
    private readonly int _port;

    private ListenAddress(IReadOnlyList<IPAddress> addresses, int port)
    {
        _addresses = addresses;
        _port = port;
    }

    /// <summary>Every address; IPv4 alone where the machine has no IPv6 or it is not wanted.</summary>
    public static ListenAddress Any(int port, bool ipv6 = true) => new([ipv6 && Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any], port);

    /// <summary>The loopback, both families where there are both. With port 0 only IPv4, as two ports would be chosen.</summary>
    public static ListenAddress Localhost(int port, bool ipv6 = true) =>
        new(ipv6 && port != 0 && HasIPv6Loopback() ? [IPAddress.Loopback, IPAddress.IPv6Loopback] : [IPAddress.Loopback], port);

    /// <summary>One address; an IPv6 wildcard also takes IPv4.</summary>
    public static ListenAddress At(IPEndPoint endpoint) => new([endpoint.Address], endpoint.Port);

    /// <summary>Reads <c>localhost:15000</c>, <c>*:15020</c>, <c>10.0.0.1:15020</c> or <c>[::]:15020</c>.</summary>
    /// <exception cref="FormatException">Names the text and what is possible.</exception>
    public static ListenAddress Parse(string text, bool ipv6 = true)
    {
        var colon = text.LastIndexOf(':');
        var host = colon < 0 ? "" : text[..colon];
        if (colon < 0
            || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            || port > IPEndPoint.MaxPort)
        {
            throw Wrong(text);
        }

        return host switch
        {
            "" or "*" => Any(port, ipv6),
            "localhost" => Localhost(port, ipv6),
            _ when IPAddress.TryParse(host, out var address)
                && (address.AddressFamily == AddressFamily.InterNetwork || host.StartsWith('[')) => At(new(address, port)),
            _ => throw Wrong(text),
        };
    }

    /// <summary>What to bind.</summary>
    public IReadOnlyList<IPEndPoint> EndPoints => [.. _addresses.Select(address => new IPEndPoint(address, _port))];

    private static FormatException Wrong(string text) => new(
        $"'{text}' is not an address to listen on: write localhost:PORT, *:PORT, IPV4:PORT or [IPV6]:PORT.");

    /// <summary>The kernel may know IPv6 while the network namespace has no <c>::1</c>.</summary>
    private static bool HasIPv6Loopback()
    {
        if (!Socket.OSSupportsIPv6)
        {
            return false;
        }

        try
        {
            using var probe = new Socket(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp);
            probe.Bind(new IPEndPoint(IPAddress.IPv6Loopback, 0));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
