using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Ambient.Linux;

/// <summary>Translates between <see cref="IPEndPoint"/> and <c>sockaddr_in</c> / <c>sockaddr_in6</c>.</summary>
internal static class SocketAddressCodec
{
    /// <summary>Size of <c>sockaddr_in6</c>, the longer of the two.</summary>
    public const int MaxSize = 28;

    private const int V4Size = 16;

    /// <summary>
    /// Writes the address for a socket of the given family: an IPv4 address becomes v4-mapped on an IPv6 socket, a v4-mapped
    /// one plain on an IPv4 socket.
    /// </summary>
    /// <returns>The length written.</returns>
    public static int Write(Span<byte> target, IPEndPoint endPoint, AddressFamily family)
    {
        target[..MaxSize].Clear();
        var address = endPoint.Address;
        if (family == AddressFamily.InterNetwork)
        {
            if (address.IsIPv4MappedToIPv6)
            {
                address = address.MapToIPv4();
            }

            if (address.AddressFamily != AddressFamily.InterNetwork)
            {
                throw new LinuxException(Errno.EAFNOSUPPORT, $"use {endPoint} on an IPv4 socket");
            }

            MemoryMarshal.Write(target, (ushort)Libc.FamilyV4);
            BinaryPrimitives.WriteUInt16BigEndian(target[2..], (ushort)endPoint.Port);
            address.TryWriteBytes(target[4..], out _);
            return V4Size;
        }

        MemoryMarshal.Write(target, (ushort)Libc.FamilyV6);
        BinaryPrimitives.WriteUInt16BigEndian(target[2..], (ushort)endPoint.Port);
        if (address.AddressFamily == AddressFamily.InterNetwork)
        {
            address = address.MapToIPv6();
        }

        address.TryWriteBytes(target[8..], out _);
        MemoryMarshal.Write(target[24..], (uint)address.ScopeId);
        return MaxSize;
    }

    /// <summary>Reads an address; a v4-mapped one is returned as IPv4.</summary>
    public static IPEndPoint Read(ReadOnlySpan<byte> source)
    {
        var family = MemoryMarshal.Read<ushort>(source);
        var port = BinaryPrimitives.ReadUInt16BigEndian(source[2..]);
        switch (family)
        {
            case Libc.FamilyV4:
                return new IPEndPoint(new IPAddress(source.Slice(4, 4)), port);
            case Libc.FamilyV6:
                var bytes = source.Slice(8, 16);
                var address = new IPAddress(bytes);
                if (address.IsIPv4MappedToIPv6)
                {
                    return new IPEndPoint(address.MapToIPv4(), port);
                }

                var scope = MemoryMarshal.Read<uint>(source[24..]);
                return new IPEndPoint(scope == 0 ? address : new IPAddress(bytes, scope), port);
            default:
                throw new LinuxException(Errno.EAFNOSUPPORT, $"read a socket address of family {family}");
        }
    }
}
