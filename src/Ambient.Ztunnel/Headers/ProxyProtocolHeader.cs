using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ambient.Api;

namespace Ambient.Ztunnel.Headers;

/// <summary>
/// The header of the PROXY protocol, version 2 (HAProxy's specification §2.2), which tells an application behind a tunnel who
/// its client is:
/// <code>
/// 12 bytes signature | 0x21 version 2, PROXY | 0x11 TCP over IPv4 or 0x21 over IPv6 | length | addresses | ports | TLVs
/// </code>
/// TLV 0xD0 holds the client's SPIFFE identity, TLV 0xD1 the service that was asked for.
/// </summary>
internal static class ProxyProtocolHeader
{
    private const byte IdentityType = 0xD0;
    private const byte ServiceType = 0xD1;

    private static ReadOnlySpan<byte> Signature => [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A];

    public static byte[] Of(IPEndPoint source, IPEndPoint destination, SpiffeId? identity, string? service)
    {
        // Mixed families are both written as IPv6: an IPv4 address has a form there.
        var v4 = source.AddressFamily == AddressFamily.InterNetwork && destination.AddressFamily == AddressFamily.InterNetwork;
        using var body = new MemoryStream();
        body.Write(Bytes(source.Address, v4));
        body.Write(Bytes(destination.Address, v4));
        WriteNumber(body, source.Port);
        WriteNumber(body, destination.Port);
        WriteText(body, IdentityType, identity?.ToString());
        WriteText(body, ServiceType, service);

        using var header = new MemoryStream();
        header.Write(Signature);
        header.WriteByte(0x21);
        header.WriteByte(v4 ? (byte)0x11 : (byte)0x21);
        WriteNumber(header, (int)body.Length);
        body.WriteTo(header);
        return header.ToArray();
    }

    private static byte[] Bytes(IPAddress address, bool v4) => (v4 ? address : address.MapToIPv6()).GetAddressBytes();

    private static void WriteNumber(MemoryStream stream, int number)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)number);
        stream.Write(bytes);
    }

    private static void WriteText(MemoryStream stream, byte type, string? text)
    {
        if (text is null)
        {
            return;
        }

        stream.WriteByte(type);
        WriteNumber(stream, text.Length);
        stream.Write(Encoding.ASCII.GetBytes(text));
    }
}
