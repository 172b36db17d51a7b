using System.Collections.Immutable;
using System.Net;
using Ambient.Api;
using Ambient.Mesh.Model;

namespace Ambient.Mesh.Routing;

/// <summary>A captured connection that wants out.</summary>
/// <param name="Network">The network of this proxy.</param>
/// <param name="Source">The workload that opened it.</param>
/// <param name="Client">The address that it opened it from.</param>
/// <param name="Destination">The address and port that it asked for.</param>
public readonly record struct OutboundRequest(string Network, Workload Source, IPAddress Client, IPEndPoint Destination)
{
    /// <summary>Uids of endpoints that were tried for this connection and could not be reached; null at first.</summary>
    public IReadOnlyCollection<string>? Tried { get; init; }

    /// <summary>For a waypoint: what was addressed, which it passes the connection on to; null elsewhere.</summary>
    public WaypointTarget? Target { get; init; }
}

/// <summary>What becomes of a captured connection.</summary>
public enum OutboundKind
{
    /// <summary>Through an HBONE tunnel.</summary>
    Hbone,

    /// <summary>Through an HBONE tunnel to another network's gateway, and inside it through one to the endpoint.</summary>
    DoubleHbone,

    /// <summary>In plaintext to a known workload.</summary>
    Plaintext,

    /// <summary>In plaintext to where it wanted to go; the mesh knows nothing about it.</summary>
    Passthrough,

    /// <summary>Not at all.</summary>
    Refused,
}

/// <summary>Why a connection is not carried.</summary>
public enum RefusalReason
{
    /// <summary>It is carried.</summary>
    None,

    /// <summary>It was meant for a port of this proxy.</summary>
    SelfCall,

    /// <summary>The waypoint that has to be passed cannot be found or has no endpoint.</summary>
    UnknownWaypoint,

    /// <summary>The service has no endpoint that can take it.</summary>
    NoHealthyUpstream,

    /// <summary>The endpoint has no address.</summary>
    NoAddress,

    /// <summary>Another network can be reached by service only.</summary>
    CrossNetworkNeedsService,

    /// <summary>The endpoint's network has no gateway that can be found.</summary>
    UnknownNetworkGateway,
}

/// <summary>
/// Where a captured connection goes, and what led there: the structured trace from which log lines and <c>explain</c> are
/// rendered. Immutable.
/// </summary>
public sealed record OutboundDecision
{
    /// <summary>What becomes of the connection.</summary>
    public required OutboundKind Kind { get; init; }

    /// <summary>The connection.</summary>
    public required OutboundRequest Request { get; init; }

    /// <summary>The service that was addressed, if one was.</summary>
    public Service? Service { get; init; }

    /// <summary>The workload that takes the connection: an endpoint, a waypoint's, a gateway's.</summary>
    public Workload? Endpoint { get; init; }

    /// <summary>The waypoint on the way, if one has to be passed.</summary>
    public GatewayAddress? Waypoint { get; init; }

    /// <summary>The other network's gateway on the way, if there is one.</summary>
    public GatewayAddress? NetworkGateway { get; init; }

    /// <summary>Where to connect to; null where <see cref="ResolveHostname"/> has to be resolved first.</summary>
    public IPEndPoint? Dial { get; init; }

    /// <summary>A host name to resolve for the address of <see cref="Dial"/>.</summary>
    public string? ResolveHostname { get; init; }

    /// <summary>The port to connect to, also where the address is not known yet.</summary>
    public int DialPort { get; init; }

    /// <summary>The <c>:authority</c> of the CONNECT request; null in plaintext.</summary>
    public string? Authority { get; init; }

    /// <summary>The identities of which the peer has to prove one; empty in plaintext.</summary>
    public ImmutableArray<SpiffeId> ExpectedIdentities { get; init; } = [];

    /// <summary>For two nested tunnels: the identities that the inner peer has to prove one of.</summary>
    public ImmutableArray<SpiffeId> InnerIdentities { get; init; } = [];

    /// <summary>How many endpoints the service has.</summary>
    public int Endpoints { get; init; }

    /// <summary>How many of them could take this connection.</summary>
    public int Eligible { get; init; }

    /// <summary>Why it is refused.</summary>
    public RefusalReason Refusal { get; init; }

    /// <summary>What exactly is missing, for people.</summary>
    public string? Detail { get; init; }
}
