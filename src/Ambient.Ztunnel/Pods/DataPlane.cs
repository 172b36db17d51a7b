using Ambient.Hbone;
using Ambient.Identity.Certificates;
using Ambient.Linux;
using Ambient.Mesh.State;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Discovery;
using Ambient.Proxy.Tunnels;
using Ambient.Ztunnel.Configuration;
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
    /// <summary>Limits of tunnels.</summary>
    public TunnelSettings Limits { get; } = new(Configuration);
}

/// <summary>One loop with the connections that policies watch there.</summary>
internal sealed class DataLoop(EventLoop loop)
{
    public EventLoop Loop { get; } = loop;

    public LiveConnections Live { get; } = new(loop);

    public RecentPairs Pairs { get; } = new(loop);

    public Deadlines Deadlines { get; } = new(loop, TunnelSettings.ResponseTimeout);
}
