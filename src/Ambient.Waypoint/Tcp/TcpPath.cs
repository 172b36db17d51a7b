using System.Net;
using Ambient.Hbone;
using Ambient.Http;
using Ambient.Mesh.Routing;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Headers;
using Ambient.Proxy.Relaying;
using Ambient.Proxy.Tunnels;
using Ambient.Waypoint.Serving;
using HttpVersion = Ambient.Http.HttpVersion;

namespace Ambient.Waypoint.Tcp;

/// <summary>
/// Passes connections on as bytes.
/// <code>
/// stream ─► 1 policies ─► 2 endpoint ─┬─► tunnel ─────┬─► 3 200 ─► 4 relay ─► 5 record
///              401           503      └─► plaintext ──┘
/// </code>
/// 1. Do the policies let the client's proved identity pass? The connection registers first, and is closed when a later change forbids it.
/// 2. Choose an endpoint and reach it under the waypoint's own identity; another one where it cannot be reached.
/// 3. Answer.
/// 4. Relay until both directions have ended.
/// 5. One record: log line and metrics.
/// </summary>
internal sealed class TcpPath(
    WaypointPlane plane, FirstWords words, TcpConnections connections, RecentPairs pairs, PeerConnector peers)
{
    /// <summary>Serves a connection to its end.</summary>
    /// <param name="passage">Who wants to talk to whom.</param>
    /// <param name="stream">The client's stream.</param>
    /// <param name="opening">How far it is.</param>
    /// <returns>Not null where a client that had been silent speaks HTTP: then it has still to be served, and nothing has been passed on.</returns>
    public async Task<HttpVersion?> ServeAsync(Passage passage, Http2Stream stream, Opening opening)
    {
        using var connection = connections.Add(passage, stream);

        // 1. Do the policies let it pass?
        var verdict = connection.Judge(plane.Waypoint.Current);
        if (verdict.IsIncomplete())
        {
            await plane.Late.UntilAsync(() => !connection.Judge(plane.Waypoint.Current).IsIncomplete());
            verdict = connection.Judge(plane.Waypoint.Current);
        }

        if (!verdict.Allowed && opening == Opening.Silent && await words.VersionAsync(stream) is { } requests)
        {
            return requests; // which are judged one by one
        }

        if (!verdict.Allowed)
        {
            var report = Open(passage, stream, new ReachedPeer());
            Refuse(stream, opening, HttpStatusCode.Unauthorized);
            report.Complete(ConnectionFailure.Denied, $"connection closed due to policy rejection: {connection.Words(plane.Waypoint.Current, verdict)}");
            return null;
        }

        // 2. An endpoint.
        var tunnel = passage.Tunnel;
        var peer = await peers.ReachAsync(
            plane.Mesh,
            new OutboundRequest(plane.Configuration.Network, passage.Self, tunnel.RemoteEndPoint.Address, passage.Destination) { Target = passage.Target },
            tunnel.RemoteEndPoint);
        connection.Onward = peer.Stream;
        connection.Server = peer.Server;
        if (opening == Opening.Silent && (peer.Stream is not null || peer.Server is not null)
            && await words.VersionUnlessServedAsync(stream, peer) is { } late)
        {
            return late;
        }

        connection.Report = Open(passage, stream, peer);
        if (peer.Stream is null && peer.Server is null)
        {
            Refuse(stream, opening, HttpStatusCode.ServiceUnavailable);
            var failure = peer.Failure ?? new OutboundFailure(ConnectionFailure.Connect, RouteExplanation.Render(peer.Decision), AnotherMayDo: false);
            connection.Report.Complete(failure.Failure, failure.Error);
            return null;
        }

        // 3. The answer. 4. Relay.
        if (opening == Opening.Unanswered)
        {
            stream.Respond((int)HttpStatusCode.OK, [], endStream: false);
        }

        var end = peer.Stream is { } onward
            ? await StreamRelay.RunAsync(stream, onward, connection.Report)
            : await TunnelRelay.RunAsync(peer.Server!, stream, applicationIsClient: false, connection.Report);

        // 5. The record.
        connection.Report.Complete(end.Error is null ? ConnectionFailure.None : ConnectionFailure.Connect, end.Error);
        return null;
    }

    private static void Refuse(Http2Stream stream, Opening opening, HttpStatusCode status)
    {
        if (opening == Opening.Unanswered)
        {
            ConnectPath.Answer(stream, status);
        }
        else
        {
            stream.Reset(Http2ErrorCode.ConnectError);
        }
    }

    private ConnectionReport Open(Passage passage, Http2Stream stream, in ReachedPeer peer)
    {
        var tunnel = passage.Tunnel;
        var known = plane.Mesh.Current.FindWorkload(plane.Configuration.Network, tunnel.RemoteEndPoint.Address);
        var endpoint = peer.Decision?.Endpoint ?? passage.Target.Workload;
        var fields = stream.Request.Fields;
        var key = new PairKey(Inbound: true, MutualTls: true, known, endpoint, passage.Target.Service)
        {
            SourceBaggage = known is null ? Baggage.Find(fields) : null,
            SourceIdentity = tunnel.PeerIdentity,
        };
        var pair = pairs.Find(key) ?? pairs.Remember(key, new ConnectionPair(plane.Telemetry, new ConnectionParties
        {
            Inbound = true,
            AtWaypoint = true,
            SourceAddress = tunnel.RemoteEndPoint,
            Source = known is not null ? PartyDescription.Of(known) : key.SourceBaggage is not null ? Baggage.Read(fields) : null,
            Destination = endpoint is null ? null : PartyDescription.Of(endpoint),
            SourceIdentity = tunnel.PeerIdentity,
            DestinationIdentity = endpoint?.Identity,
            Service = passage.Target.Service,
            MutualTls = true,
        }));
        return ConnectionReport.Open(
            pair, new ConnectionAddresses(tunnel.RemoteEndPoint, peer.Dialled ?? passage.Destination, stream.Request.Authority), passage.Started);
    }
}

/// <summary>How far a connection is when it comes to be passed on as bytes.</summary>
internal enum Opening
{
    /// <summary>Its CONNECT has no answer yet: a refusal can be one.</summary>
    Unanswered,

    /// <summary>It was answered, and what it speaks is known.</summary>
    Answered,

    /// <summary>It was answered, and its client has said nothing yet.</summary>
    Silent,
}
