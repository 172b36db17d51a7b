namespace Ambient.Http;

/// <summary>What a connection accepts and how long it waits. The defaults are those of Istio's waypoints unless a comment says otherwise.</summary>
public sealed class HttpLimits
{
    /// <summary>Bytes of a head, request line included. 1 KiB to 1 MiB; 60 KiB, Envoy's <c>max_request_headers_kb</c>.</summary>
    public int MaxHeadSize
    {
        get;
        init => field = Within(value, 1024, 1 << 20);
    }

    = 60 * 1024;

    /// <summary>Fields of a head or of trailers. 1 to 1,000; 100, Envoy's <c>max_headers_count</c>.</summary>
    public int MaxFields
    {
        get;
        init => field = Within(value, 1, 1_000);
    }

    = 100;

    /// <summary>
    /// Bytes of a chunk's size line with its extensions, which are dropped. 32 B to 64 KiB; 8 KiB, twice the longest that Envoy was seen to take.
    /// </summary>
    public int MaxChunkLine
    {
        get;
        init => field = Within(value, 32, 64 * 1024);
    }

    = 8 * 1024;

    /// <summary>
    /// Bytes of an unread request body that are read and dropped so that the connection can be used again. 0 to 16 MiB; 64 KiB: reading more
    /// costs more than a new connection.
    /// </summary>
    public int MaxDrain
    {
        get;
        init => field = Within(value, 0, 16 << 20);
    }

    = 64 * 1024;

    /// <summary>Time for a head, from its first byte on. 10 s, the time that all other first steps of a connection get here.</summary>
    public TimeSpan HeadTimeout
    {
        get;
        init => field = Within(value);
    }

    = TimeSpan.FromSeconds(10);

    /// <summary>Silence in the middle of a message before it is given up. 5 minutes, Envoy's stream idle time-out.</summary>
    public TimeSpan BodyTimeout
    {
        get;
        init => field = Within(value);
    }

    = TimeSpan.FromMinutes(5);

    /// <summary>Time without a request before the connection is closed. 1 hour, Envoy's idle time-out.</summary>
    public TimeSpan IdleTimeout
    {
        get;
        init => field = Within(value);
    }

    = TimeSpan.FromHours(1);

    private static int Within(int value, int least, int most) =>
        value >= least && value <= most
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"must be between {least} and {most}");

    private static TimeSpan Within(TimeSpan value) =>
        value >= TimeSpan.FromMilliseconds(10) && value <= TimeSpan.FromDays(1)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "must be between 10 ms and 1 day");
}
