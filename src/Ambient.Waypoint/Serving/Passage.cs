using System.Net;
using Ambient.Mesh.Model;
using Ambient.Mesh.Routing;
using Ambient.Proxy.Tunnels;

namespace Ambient.Waypoint.Serving;

/// <summary>A stream that a client's proxy opened, and what it is for.</summary>
/// <param name="Tunnel">The tunnel that it came in: who the client is.</param>
/// <param name="Self">The waypoint's own workload.</param>
/// <param name="Target">What was addressed.</param>
/// <param name="Destination">The address that was asked for; of a service that was named, one of its own.</param>
/// <param name="Started">When it came, as a timestamp of the telemetry's clock.</param>
internal sealed record Passage(Tunnel Tunnel, Workload Self, WaypointTarget Target, IPEndPoint Destination, long Started)
{
    /// <summary>The key of the service that was addressed; null where a workload was.</summary>
    public string? ServiceKey => Target.Service?.Key;
}
