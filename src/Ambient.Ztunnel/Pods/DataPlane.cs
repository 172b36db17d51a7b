using Ambient.Hbone;
using Ambient.Identity.Certificates;
using Ambient.Linux;
using Ambient.Mesh.State;
using Ambient.Proxy.Connections;
using Ambient.Ztunnel.Configuration;
using Ambient.Ztunnel.Discovery;
using Microsoft.Extensions.Logging;

namespace Ambient.Ztunnel.Pods;

/// <summary>What all pods of this proxy share: settings, the mesh, certificates, telemetry and memory.</summary>
internal sealed record DataPlane(
    ZtunnelConfiguration Configuration,
    MeshStore Mesh,
    LocalWorkloads Workloads,
    CertificateStore Certificates,
    ConnectionTelemetry Telemetry,
    ByteBudget Budget,
    ILogger Logger)
{
    /// <summary>For a TCP connect to anything, as ztunnel has it.</summary>
    public static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    /// <summary>For a TLS handshake; as long as for the connect before it.</summary>
    public static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(10);

    /// <summary>For the answer to a CONNECT request: the peer's own connect to the application, and five seconds for the rest.</summary>
    public static readonly TimeSpan ResponseTimeout = TimeSpan.FromSeconds(15);

    /// <summary>Connections that wait to be accepted: a burst of a second at a thousand a second; the kernel caps it at net.core.somaxconn.</summary>
    public const int Backlog = 1024;

    /// <summary>What an application that reads slowly may have waiting: a quantum.</summary>
    private const int SlowStreamWindow = 256 * 1024;

    public Http2Limits ClientLimits { get; } = new()
    {
        MaxHeaderListSize = 16 * 1024,
        StreamWindow = Configuration.StreamWindow,
        SlowStreamWindow = SlowStreamWindow,
        ConnectionWindow = Configuration.ConnectionWindow,
        MaxFrameSize = Configuration.FrameSize,
        MaxConcurrentStreams = Configuration.PoolMaxStreams,
        AssumedPeerStreams = Configuration.PoolMaxStreams,
    };

    public Http2Limits ServerLimits { get; } = new()
    {
        MaxHeaderListSize = 64 * 1024,
        StreamWindow = Configuration.StreamWindow,
        SlowStreamWindow = SlowStreamWindow,
        ConnectionWindow = Configuration.ConnectionWindow,
        MaxFrameSize = Configuration.FrameSize,
    };
}

/// <summary>One loop with the connections that policies watch there.</summary>
internal sealed class DataLoop(EventLoop loop)
{
    public EventLoop Loop { get; } = loop;

    public LiveConnections Live { get; } = new(loop);

    public RecentPairs Pairs { get; } = new(loop);

    public Deadlines Deadlines { get; } = new(loop, DataPlane.ResponseTimeout);
}
