using System.Buffers.Binary;
using System.Net;

namespace Ambient.Sandbox.Demo;

/// <summary>One frame of a capture; the TCP parts are empty for frames that are not TCP.</summary>
internal sealed record CapturedPacket(byte[] Frame, IPEndPoint? Source, IPEndPoint? Destination, uint Sequence, bool Opens, ReadOnlyMemory<byte> Payload);

/// <summary>Reads files in the format of libpcap (draft-ietf-opsawg-pcap) with Ethernet frames of IPv4, IPv6 and TCP.</summary>
internal static class PacketFile
{
    private const int FileHeader = 24;
    private const int RecordHeader = 16;
    private const int EthernetHeader = 14;
    private const int Tcp = 6;

    /// <summary>Reads all whole records.</summary>
    /// <exception cref="FormatException">It is not such a file.</exception>
    public static IReadOnlyList<CapturedPacket> Read(byte[] file)
    {
        if (file.Length < FileHeader || BinaryPrimitives.ReadUInt32LittleEndian(file) is not (0xa1b2c3d4 or 0xa1b23c4d))
        {
            throw new FormatException("The capture is not a little-endian pcap file.");
        }

        var packets = new List<CapturedPacket>();
        var at = FileHeader;
        while (at + RecordHeader <= file.Length)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 8));
            at += RecordHeader;
            if (length < 0 || at + length > file.Length)
            {
                break; // the writer was stopped inside a record
            }

            packets.Add(Decode(file.AsSpan(at, length).ToArray()));
            at += length;
        }

        return packets;
    }

    private static CapturedPacket Decode(byte[] frame)
    {
        var type = frame.Length >= EthernetHeader ? BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) : 0;
        var ip = frame.AsMemory(Math.Min(EthernetHeader, frame.Length));
        var other = new CapturedPacket(frame, null, null, 0, false, default);
        return type switch
        {
            0x0800 when ip.Length >= 20 && ip.Span[9] == Tcp => Segment(
                frame, new IPAddress(ip.Span.Slice(12, 4)), new IPAddress(ip.Span.Slice(16, 4)),
                Cut(ip, (ip.Span[0] & 0x0f) * 4, BinaryPrimitives.ReadUInt16BigEndian(ip.Span[2..]))) ?? other,
            0x86dd when ip.Length >= 40 && ip.Span[6] == Tcp => Segment(
                frame, new IPAddress(ip.Span.Slice(8, 16)), new IPAddress(ip.Span.Slice(24, 16)),
                Cut(ip, 40, 40 + BinaryPrimitives.ReadUInt16BigEndian(ip.Span[4..]))) ?? other,
            _ => other,
        };
    }

    /// <summary>Without the padding that short Ethernet frames carry.</summary>
    private static ReadOnlyMemory<byte> Cut(ReadOnlyMemory<byte> ip, int from, int total) =>
        from <= ip.Length ? ip[from..Math.Max(from, Math.Min(total == 0 ? ip.Length : total, ip.Length))] : default;

    private static CapturedPacket? Segment(byte[] frame, IPAddress source, IPAddress destination, ReadOnlyMemory<byte> tcp)
    {
        if (tcp.Length < 20 || (tcp.Span[12] >> 4) * 4 is var header && header > tcp.Length)
        {
            return null;
        }

        return new CapturedPacket(
            frame,
            new IPEndPoint(source, BinaryPrimitives.ReadUInt16BigEndian(tcp.Span)),
            new IPEndPoint(destination, BinaryPrimitives.ReadUInt16BigEndian(tcp.Span[2..])),
            BinaryPrimitives.ReadUInt32BigEndian(tcp.Span[4..]),
            (tcp.Span[13] & 0x02) != 0,
            tcp[((tcp.Span[12] >> 4) * 4)..]);
    }
}
