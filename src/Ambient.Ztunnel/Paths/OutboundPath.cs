using System.Net;
using Ambient.Hbone;
using Ambient.Identity.Tls;
using Ambient.Linux;
using Ambient.Mesh.Model;
using Ambient.Mesh.Routing;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Discovery;
using Ambient.Proxy.Headers;
using Ambient.Proxy.Sockets;
using Ambient.Proxy.Tunnels;
using Ambient.Ztunnel.Pods;

namespace Ambient.Ztunnel.Paths;

/// <summary>
/// Carries the connections that a pod's applications open, from the capture on port 15001 to the peer.
/// <code>
/// application ── 15001 ──► 1 destination ─► 2 workload ─► 3 decision ─┬─► 4a tunnel ── CONNECT ── 200 ─┐
///                                                          ▲          ├─► 4b plaintext ────────────────┼─► 5 relay ─► 6 record
///                                                          └ retry ◄──┴─  peer not reached             │
///                                              refused: one line in the log, connection closed        ─┘
/// </code>
/// 1. Where the application wanted to go: the kernel remembers what the redirect replaced.
/// 2. Which workload it is: the record may be a moment behind the pod.
/// 3. Where to go: the mesh decides; a refusal names what is missing.
/// 4. Reach the peer: (a) by a stream in a tunnel that connections share, (b) in plaintext. Where an endpoint cannot be reached another
///    one of the service is tried, as no byte was sent.
/// 5. Relay until both directions have ended.
/// 6. One record: log line and metrics.
/// </summary>
internal sealed class OutboundPath(DataPlane plane, DataLoop data, PodIdentity pod, PeerConnector peers)
{
    private readonly Recent<IPEndPoint> _destinations = new();
    private readonly Recent<string> _authorities = new();

    public async Task ServeAsync(CarriedConnection connection)
    {
        var started = plane.Telemetry.Time.GetTimestamp();
        var client = connection.Captured;

        // 1. Where did the application want to go?
        client.TryGetOriginalDestination(out var wanted);
        var destination = _destinations.Same(wanted);
        var source = client.RemoteEndPoint;

        // 2. Which workload is it?
        var workload = await plane.Workloads.FindAsync(pod.Key, CancellationToken.None);
        if (workload is null)
        {
            Refuse(connection, destination, $"failed to fetch information about local workload: {pod.Key} did not come from the control plane within {LocalWorkloadPatience}");
            return;
        }

        // 3. and 4. Decide and reach the peer, and decide again where it cannot be reached.
        var attempt = await peers.ReachAsync(
            plane.Mesh, new OutboundRequest(plane.Configuration.Network, workload, source.Address, destination), source);
        if (attempt.Decision.Kind == OutboundKind.Refused)
        {
            if (attempt.Decision.Refusal == RefusalReason.UnknownWaypoint)
            {
                ConnectionReport.CountRefusal(plane.Telemetry, Parties(attempt.Decision, source, tunnel: false), ConnectionFailure.NoWaypoint);
            }

            Refuse(connection, destination, RouteExplanation.Render(attempt.Decision));
            return;
        }

        connection.Open(
            Open(attempt.Decision, source, attempt.Dialled, started), destination, attempt.Dialled ?? destination, attempt.Decision.Kind);
        if (attempt.Failure is { } failure)
        {
            connection.Fail(failure.Failure, failure.Error);
            return;
        }

        // 5. and 6. Relay; the record comes with its end.
        if (attempt.Stream is { } stream)
        {
            connection.Relay(stream);
        }
        else
        {
            connection.Reached(attempt.Server!);
            await connection.RelayAsync();
        }
    }

    private static string LocalWorkloadPatience => $"{LocalWorkloads.Patience.TotalSeconds:0} s";

    private ConnectionReport Open(OutboundDecision decision, IPEndPoint source, IPEndPoint? dialled, long started)
    {
        var tunnel = decision.Kind is OutboundKind.Hbone or OutboundKind.DoubleHbone;
        var key = new PairKey(Inbound: false, tunnel, decision.Request.Source, decision.Endpoint, decision.Service);
        var pair = data.Pairs.Find(key) ?? data.Pairs.Remember(key, new ConnectionPair(plane.Telemetry, Parties(decision, source, tunnel)));
        var addresses = new ConnectionAddresses(
            source, dialled ?? decision.Dial ?? decision.Request.Destination, tunnel ? _authorities.Same(decision.Authority!) : null);
        return ConnectionReport.Open(pair, addresses, started);
    }

    private static ConnectionParties Parties(OutboundDecision decision, IPEndPoint source, bool tunnel) => new()
    {
        Inbound = false,
        SourceAddress = source,
        Source = PartyDescription.Of(decision.Request.Source),
        Destination = decision.Endpoint is { } endpoint ? PartyDescription.Of(endpoint) : null,
        SourceIdentity = tunnel ? decision.Request.Source.Identity : null,
        DestinationIdentity = decision.Endpoint?.Identity,
        Service = decision.Service,
        MutualTls = tunnel,
    };

    private void Refuse(CarriedConnection connection, IPEndPoint destination, string error)
    {
        ConnectionReport.Refuse(
            plane.Telemetry,
            new ConnectionParties { Inbound = false, SourceAddress = connection.Captured.RemoteEndPoint, DestinationAddress = destination },
            error);
        connection.Refuse();
    }
}
