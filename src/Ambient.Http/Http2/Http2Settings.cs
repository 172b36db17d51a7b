using Ambient.Hbone;

namespace Ambient.Http.Http2;

/// <summary>Limits of HTTP/2 connections that carry requests inside of tunnels, where those of the tunnels do not fit.</summary>
public static class Http2Settings
{
    /// <summary>
    /// For both ends. 1,024 streams, as Istio's waypoints announce; windows of 1 MiB, which a tunnel's own 4 MiB let through at once; frames that
    /// fit a tunnel's frame with their header; header lists of 60 KiB. PINGs only once an hour: the tunnel below has its own.
    /// </summary>
    public static Http2Limits ForRequests() => new()
    {
        MaxConcurrentStreams = 1_024,
        StreamWindow = 1 << 20,
        SlowStreamWindow = 128 * 1024,
        ConnectionWindow = 4 << 20,
        MaxFrameSize = 64 * 1024,
        MaxSendFrameSize = 16_384 - 9 - 9,
        MaxHeaderListSize = 60 * 1024,
        SendQuantum = 64 * 1024,
        KeepAliveInterval = TimeSpan.FromHours(1),
    };
}
