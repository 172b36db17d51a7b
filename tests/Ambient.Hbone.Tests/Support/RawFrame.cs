using System.Buffers.Binary;

namespace Ambient.Hbone.Tests.Support;

/// <summary>A frame as it stands on the wire. Written from the RFC's picture, apart from the engine's own code.</summary>
internal sealed record RawFrame(byte Type, byte Flags, int StreamId, byte[] Payload)
{
    public const byte Data = 0, Headers = 1, Priority = 2, Reset = 3, Settings = 4, PushPromise = 5, Ping = 6, GoAway = 7, WindowUpdate = 8, Continuation = 9;
    public const byte EndStream = 1, Ack = 1, EndHeaders = 4, Padded = 8, HasPriority = 0x20;

    public uint ErrorCode => BinaryPrimitives.ReadUInt32BigEndian(Type == GoAway ? Payload.AsSpan(4) : Payload);

    public uint Number => BinaryPrimitives.ReadUInt32BigEndian(Payload);

    public bool Has(byte flag) => (Flags & flag) != 0;

    public byte[] ToBytes()
    {
        var bytes = new byte[9 + Payload.Length];
        bytes[0] = (byte)(Payload.Length >> 16);
        bytes[1] = (byte)(Payload.Length >> 8);
        bytes[2] = (byte)Payload.Length;
        bytes[3] = Type;
        bytes[4] = Flags;
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(5), StreamId);
        Payload.CopyTo(bytes, 9);
        return bytes;
    }

    public static byte[] Int(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    public override string ToString() =>
        $"type {Type} flags {Flags:x} stream {StreamId} length {Payload.Length}"
        + (Type is Reset or GoAway && Payload.Length >= 4 ? $" code {(Http2ErrorCode)ErrorCode}" : "");
}
