using System.Net;
using Ambient.Api;
using Ambient.Mesh.Model;
using Ambient.Proxy.Connections;

namespace Ambient.Waypoint.Requests;

/// <summary>What is known of a downstream connection, from its CONNECT request and the tunnel that brought it. Immutable.</summary>
internal sealed record RequestConnection
{
    /// <summary>Who opened it: proved by the tunnel's certificate, never by a header. Null only where a plaintext listener took it.</summary>
    public SpiffeId? SourceIdentity { get; init; }

    /// <summary>The client's address.</summary>
    public required IPEndPoint Source { get; init; }

    /// <summary>The client's workload, for telemetry; null if the mesh does not know it.</summary>
    public Workload? SourceWorkload { get; init; }

    /// <summary>What the client's proxy tells of a workload that the mesh does not know.</summary>
    public PartyDescription? SourceParty { get; init; }

    /// <summary>Where the client wanted to go: an address of the service, or of the pod.</summary>
    public required IPEndPoint Destination { get; init; }

    /// <summary>The service that was addressed; null where a workload was.</summary>
    public Service? Service { get; init; }

    /// <summary>The workload that was addressed; null where a service was.</summary>
    public Workload? Workload { get; init; }

    /// <summary>The port of the service or of the workload.</summary>
    public required ushort Port { get; init; }

    /// <summary>Whether mutual TLS brought it.</summary>
    public bool MutualTls { get; init; }
}
