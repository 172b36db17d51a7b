using Ambient.Hbone;
using Ambient.Proxy.Configuration;

namespace Ambient.Proxy.Tunnels;

/// <summary>Limits of tunnels, from what is configured.</summary>
public sealed class TunnelSettings(ProxyConfiguration configuration)
{
    /// <summary>For a TLS handshake; as long as for the connect before it.</summary>
    public static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(10);

    /// <summary>For the answer to a CONNECT request: the peer's own connect to the application, and five seconds for the rest.</summary>
    public static readonly TimeSpan ResponseTimeout = TimeSpan.FromSeconds(15);

    /// <summary>What an application that reads slowly may have waiting: a quantum.</summary>
    private const int SlowStreamWindow = 256 * 1024;

    /// <summary>Of the end that opens streams.</summary>
    public Http2Limits Client { get; } = new()
    {
        MaxHeaderListSize = 16 * 1024,
        StreamWindow = configuration.StreamWindow,
        SlowStreamWindow = SlowStreamWindow,
        ConnectionWindow = configuration.ConnectionWindow,
        MaxFrameSize = configuration.FrameSize,
        MaxConcurrentStreams = configuration.PoolMaxStreams,
        AssumedPeerStreams = configuration.PoolMaxStreams,
    };

    /// <summary>Of the end that takes streams.</summary>
    public Http2Limits Server { get; } = new()
    {
        MaxHeaderListSize = 64 * 1024,
        StreamWindow = configuration.StreamWindow,
        SlowStreamWindow = SlowStreamWindow,
        ConnectionWindow = configuration.ConnectionWindow,
        MaxFrameSize = configuration.FrameSize,
    };
}
