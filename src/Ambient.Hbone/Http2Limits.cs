namespace Ambient.Hbone;

/// <summary>
/// What a connection announces, accepts and tolerates. The defaults are those of ztunnel, so that each side of an HBONE
/// connection sees the peer it expects; where a number is our own, its comment says where it comes from.
/// </summary>
public sealed class Http2Limits
{
    /// <summary>Limits of the side that opens HBONE connections.</summary>
    public static Http2Limits ForClient() => new() { MaxHeaderListSize = 16 * 1024 };

    /// <summary>Limits of the side that accepts HBONE connections.</summary>
    public static Http2Limits ForServer() => new() { MaxHeaderListSize = 64 * 1024 };

    /// <summary>SETTINGS_INITIAL_WINDOW_SIZE: bytes that a peer may send on a stream ahead of its reader. 65,535 B to 1 GiB; 4 MiB.</summary>
    public int StreamWindow
    {
        get;
        init => field = Within(value, 65_535, 1 << 30);
    }

    = 4 << 20;

    /// <summary>
    /// The window that streams get once the connection has met a reader who is behind by so much; from there on a window grows back to
    /// <see cref="StreamWindow"/> while its reader keeps up. 65,535 B to 1 GiB; as <see cref="StreamWindow"/>, so that nothing changes.
    /// </summary>
    public int SlowStreamWindow
    {
        get => field == 0 ? StreamWindow : Math.Min(field, StreamWindow);
        init => field = Within(value, 65_535, 1 << 30);
    }

    /// <summary>
    /// Bytes in flight on the whole connection. 65,535 B to 1 GiB; 16 MiB. It is given back on receipt, so it bounds what
    /// is under way and not what is held: a <see cref="ByteBudget"/> does that.
    /// </summary>
    public int ConnectionWindow
    {
        get;
        init => field = Within(value, 65_535, 1 << 30);
    }

    = 16 << 20;

    /// <summary>SETTINGS_MAX_FRAME_SIZE: the largest frame accepted. 16 KiB to 16 MiB - 1 (RFC 9113 §6.5.2); 1 MiB.</summary>
    public int MaxFrameSize
    {
        get;
        init => field = Within(value, 16_384, (1 << 24) - 1);
    }

    = 1 << 20;

    /// <summary>
    /// The largest payload of a DATA frame sent. 1,024 B to 1 MiB; 16,375 B, so that a frame with its 9-byte header fills
    /// one TLS record of 16,384 bytes (RFC 8446 §5.1).
    /// </summary>
    public int MaxSendFrameSize
    {
        get;
        init => field = Within(value, 1_024, 1 << 20);
    }

    = 16_384 - 9;

    /// <summary>SETTINGS_MAX_HEADER_LIST_SIZE: decoded header bytes (32 per field added, RFC 9113 §6.5.2). 1 KiB to 1 MiB.</summary>
    public int MaxHeaderListSize
    {
        get;
        init => field = Within(value, 1_024, 1 << 20);
    }

    = 64 * 1024;

    /// <summary>SETTINGS_HEADER_TABLE_SIZE: memory of the header decoder. 0 to 64 KiB; 4,096 B (the protocol's default, not sent).</summary>
    public int HeaderTableSize
    {
        get;
        init => field = Within(value, 0, 64 * 1024);
    }

    = 4_096;

    /// <summary>SETTINGS_MAX_CONCURRENT_STREAMS of a server, and the most a client opens. 1 to 100,000; 200.</summary>
    public int MaxConcurrentStreams
    {
        get;
        init => field = Within(value, 1, 100_000);
    }

    = 200;

    /// <summary>Streams a client may open before the peer's SETTINGS arrived. 1 to 100,000; 100, ztunnel's pool size.</summary>
    public int AssumedPeerStreams
    {
        get;
        init => field = Within(value, 1, 100_000);
    }

    = 100;

    /// <summary>Bytes one stream sends before the next one gets its turn. 1 KiB to 16 MiB; 256 KiB, faster and fairer than less (measured).</summary>
    public int SendQuantum
    {
        get;
        init => field = Within(value, 1_024, 16 << 20);
    }

    = 256 * 1024;

    /// <summary>Bytes of a stream's writer that wait for their turn before its flush waits too. 1 KiB to 16 MiB; 64 KiB, four frames.</summary>
    public int StreamSendBuffer
    {
        get;
        init => field = Within(value, 1_024, 16 << 20);
    }

    = 64 * 1024;

    /// <summary>Silence before the first PING, and from each answer to the next PING. 10 s.</summary>
    public TimeSpan KeepAliveInterval
    {
        get;
        init => field = Within(value, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1));
    }

    = TimeSpan.FromSeconds(10);

    /// <summary>Time for a PING's answer before the connection counts as dead. 20 s.</summary>
    public TimeSpan KeepAliveTimeout
    {
        get;
        init => field = Within(value, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1));
    }

    = TimeSpan.FromSeconds(20);

    /// <summary>Time for the peer's SETTINGS and for the acknowledgement of ours. 10 s, the time a TCP connect gets.</summary>
    public TimeSpan SettingsTimeout
    {
        get;
        init => field = Within(value, TimeSpan.FromMilliseconds(10), TimeSpan.FromDays(1));
    }

    = TimeSpan.FromSeconds(10);

    private static int Within(int value, int least, int most) =>
        value >= least && value <= most
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"must be between {least} and {most}");

    private static TimeSpan Within(TimeSpan value, TimeSpan least, TimeSpan most) =>
        value >= least && value <= most
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"must be between {least} and {most}");
}
