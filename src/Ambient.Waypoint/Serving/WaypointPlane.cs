using Ambient.Hbone;
using Ambient.Identity.Certificates;
using Ambient.Mesh.Http;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Discovery;
using Ambient.Proxy.Tunnels;
using Ambient.Waypoint.Configuration;
using Ambient.Waypoint.Requests;
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
    RequestPlane Requests,
    ByteBudget Budget,
    ILogger Logger)
{
    private readonly Workload _unknown = new()
    {
        Uid = $"{Configuration.ClusterId}//Pod/{Configuration.Pod.Namespace}/{Configuration.Pod.Name}",
        Name = Configuration.Pod.Name,
        Namespace = Configuration.Pod.Namespace,
        ServiceAccount = Configuration.Pod.ServiceAccount,
        TrustDomain = Configuration.Pod.TrustDomain,
        Network = Configuration.Network,
    };

    /// <summary>Limits of tunnels.</summary>
    public TunnelSettings Limits { get; } = new(Configuration);

    /// <summary>Waits for what other messages of the control plane bring.</summary>
    public LateConfiguration Late { get; } = new(Mesh, Waypoint, Telemetry.Time);

    /// <summary>The waypoint's own workload: as the mesh knows it, else as its pod does.</summary>
    public Workload Self() => Mesh.Current.FindLocalWorkload(Configuration.Workload) ?? _unknown;
}
