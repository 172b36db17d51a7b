namespace Ambient.Waypoint.Requests;

/// <summary>What went wrong with a request, by the flags that Istio's metrics and logs know.</summary>
[Flags]
internal enum ResponseFlags
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>No endpoint is in use.</summary>
    UH = 1 << 0,

    /// <summary>No connection to the endpoint.</summary>
    UF = 1 << 1,

    /// <summary>A limit of the upstream is reached.</summary>
    UO = 1 << 2,

    /// <summary>No route.</summary>
    NR = 1 << 3,

    /// <summary>All retries failed.</summary>
    URX = 1 << 4,

    /// <summary>The upstream is not known.</summary>
    NC = 1 << 5,

    /// <summary>The upstream closed the connection.</summary>
    UC = 1 << 6,

    /// <summary>The upstream reset the stream.</summary>
    UR = 1 << 7,

    /// <summary>The upstream did not answer in time.</summary>
    UT = 1 << 8,

    /// <summary>The upstream broke the protocol.</summary>
    UPE = 1 << 9,

    /// <summary>The client went away.</summary>
    DC = 1 << 10,

    /// <summary>The client broke the protocol.</summary>
    DPE = 1 << 11,

    /// <summary>A delay was injected.</summary>
    DI = 1 << 12,

    /// <summary>A fault was injected.</summary>
    FI = 1 << 13,

    /// <summary>A peer was silent for too long.</summary>
    SI = 1 << 14,
}

/// <summary>The text of flags.</summary>
internal static class ResponseFlagText
{
    private static readonly Dictionary<ResponseFlags, string> _single =
        Enum.GetValues<ResponseFlags>().ToDictionary(flag => flag, flag => flag == ResponseFlags.None ? "-" : flag.ToString());

    /// <summary>As dashboards know it: several are joined by commas.</summary>
    public static string Of(ResponseFlags flags) =>
        _single.TryGetValue(flags, out var text)
            ? text
            : string.Join(',', _single.Where(pair => pair.Key != ResponseFlags.None && flags.HasFlag(pair.Key)).Select(pair => pair.Value));
}
