using Ambient.Hbone;
using Ambient.Identity.Certificates;
using Ambient.Mesh.Http;
using Ambient.Mesh.State;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Discovery;
using Ambient.Proxy.Tunnels;
using Ambient.Waypoint.Configuration;
using Microsoft.Extensions.Logging;

namespace Ambient.Waypoint.Serving;

/// <summary>What all loops of the waypoint share: settings, what is known, certificates, telemetry and memory.</summary>
internal sealed record WaypointPlane(
    WaypointConfiguration Configuration,
    MeshStore Mesh,
    WaypointStore Waypoint,
    LocalWorkloads Workloads,
    CertificateStore Certificates,
    ConnectionTelemetry Telemetry,
    ByteBudget Budget,
    ILogger Logger)
{
    /// <summary>Limits of tunnels.</summary>
    public TunnelSettings Limits { get; } = new(Configuration);

    /// <summary>Waits for what other messages of the control plane bring.</summary>
    public LateConfiguration Late { get; } = new(Mesh, Waypoint, Telemetry.Time);
}
