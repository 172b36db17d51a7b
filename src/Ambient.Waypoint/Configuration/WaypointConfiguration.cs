using Ambient.Api;
using Ambient.Mesh.State;
using Ambient.Proxy.Configuration;
using Ambient.Proxy.Sockets;

namespace Ambient.Waypoint.Configuration;

/// <summary>What can be set of a waypoint beyond what every proxy has; immutable.</summary>
internal sealed record WaypointConfiguration : ProxyConfiguration
{
    /// <summary>Everything has its default.</summary>
    public WaypointConfiguration()
    {
    }

    /// <summary>What every proxy has is set.</summary>
    public WaypointConfiguration(ProxyConfiguration shared)
        : base(shared)
    {
    }

    /// <summary>The Gateway that this waypoint serves, in its own namespace (GATEWAY_NAME).</summary>
    public string Gateway { get; init; } = "";

    /// <summary>Where tunnels come in.</summary>
    public int HbonePort { get; init; } = Ports.Hbone;

    /// <summary>Who the waypoint is: its pod's service account.</summary>
    public SpiffeId Identity => new(Pod.TrustDomain, Pod.Namespace, Pod.ServiceAccount);

    /// <summary>The pod, as the mesh names it.</summary>
    public WorkloadKey Workload => new(Pod.Name, Pod.Namespace, Pod.ServiceAccount);

    /// <summary>How sockets are made: as the waypoint's own, which nothing captures.</summary>
    public SocketSettings Sockets => new()
    {
        IPv6 = IPv6,
        KeepSourceAddress = false,
        KeepAlive = KeepAlive,
        UserTimeout = UserTimeout,
    };
}
