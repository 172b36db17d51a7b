using System.Buffers.Binary;

namespace Ambient.Hbone.Frames;

/// <summary>
/// The nine octets before each payload (RFC 9113 §4.1).
/// <code>
/// +-----------------------------------------------+
/// |                 Length (24)                   |
/// +---------------+---------------+---------------+
/// |   Type (8)    |   Flags (8)   |
/// +-+-------------+---------------+-------------------------------+
/// |R|                 Stream Identifier (31)                      |
/// +=+=============================================================+
/// |                   Frame Payload (0...)                      ...
/// +---------------------------------------------------------------+
/// </code>
/// </summary>
internal readonly record struct FrameHeader(int Length, FrameType Type, FrameFlags Flags, int StreamId)
{
    public const int Size = 9;

    /// <summary>The largest payload that any peer accepts without having said so.</summary>
    public const int DefaultMaxLength = 16_384;

    public bool Has(FrameFlags flag) => (Flags & flag) != 0;

    public static FrameHeader Read(ReadOnlySpan<byte> octets) =>
        new(
            (octets[0] << 16) | (octets[1] << 8) | octets[2],
            (FrameType)octets[3],
            (FrameFlags)octets[4],
            (int)(BinaryPrimitives.ReadUInt32BigEndian(octets[5..]) & 0x7fff_ffff));

    public static void Write(Span<byte> octets, int length, FrameType type, FrameFlags flags, int streamId)
    {
        octets[0] = (byte)(length >> 16);
        octets[1] = (byte)(length >> 8);
        octets[2] = (byte)length;
        octets[3] = (byte)type;
        octets[4] = (byte)flags;
        BinaryPrimitives.WriteInt32BigEndian(octets[5..], streamId);
    }
}
