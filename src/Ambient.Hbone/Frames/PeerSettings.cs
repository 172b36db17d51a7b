using System.Buffers.Binary;

namespace Ambient.Hbone.Frames;

/// <summary>
/// What the peer announced, starting from the protocol's defaults.
/// <code>
/// +-------------------------------+
/// |       Identifier (16)         |
/// +-------------------------------+-------------------------------+
/// |                        Value (32)                             |
/// +---------------------------------------------------------------+
/// </code>
/// </summary>
internal sealed class PeerSettings(bool peerIsServer)
{
    public const int EntrySize = 6;

    /// <summary>More than any known peer sends (RFC 9113 defines six); each entry is work for us.</summary>
    public const int MostEntries = 64;

    public uint HeaderTableSize { get; private set; } = 4_096;

    public int InitialWindowSize { get; private set; } = 65_535;

    public int MaxFrameSize { get; private set; } = FrameHeader.DefaultMaxLength;

    /// <summary>Null until the peer limits it.</summary>
    public uint? MaxConcurrentStreams { get; private set; }

    /// <summary>Null until the peer limits it.</summary>
    public uint? MaxHeaderListSize { get; private set; }

    /// <summary>Applies the entries in order (RFC 9113 §6.5.3); throws on values outside their range.</summary>
    public void Apply(ReadOnlySpan<byte> entries)
    {
        for (; !entries.IsEmpty; entries = entries[EntrySize..])
        {
            var value = BinaryPrimitives.ReadUInt32BigEndian(entries[2..]);
            switch ((Setting)BinaryPrimitives.ReadUInt16BigEndian(entries))
            {
                case Setting.HeaderTableSize:
                    HeaderTableSize = value;
                    break;
                case Setting.EnablePush when value > 1 || (value == 1 && peerIsServer):
                    throw new ConnectionErrorException(Http2ErrorCode.ProtocolError, $"SETTINGS_ENABLE_PUSH of {value}");
                case Setting.MaxConcurrentStreams:
                    MaxConcurrentStreams = value;
                    break;
                case Setting.InitialWindowSize:
                    InitialWindowSize = value <= int.MaxValue
                        ? (int)value
                        : throw new ConnectionErrorException(Http2ErrorCode.FlowControlError, $"SETTINGS_INITIAL_WINDOW_SIZE of {value}");
                    break;
                case Setting.MaxFrameSize:
                    MaxFrameSize = value is >= FrameHeader.DefaultMaxLength and < (1 << 24)
                        ? (int)value
                        : throw new ConnectionErrorException(Http2ErrorCode.ProtocolError, $"SETTINGS_MAX_FRAME_SIZE of {value}");
                    break;
                case Setting.MaxHeaderListSize:
                    MaxHeaderListSize = value;
                    break;
            }
        }
    }
}
