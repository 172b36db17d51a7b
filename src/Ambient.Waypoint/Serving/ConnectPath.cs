using System.Net;
using Ambient.Hbone;
using Ambient.Http;
using Ambient.Http.Sniffing;
using Ambient.Mesh.Model;
using Ambient.Mesh.Routing;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Headers;
using Ambient.Proxy.Tunnels;
using Ambient.Waypoint.Requests;
using Ambient.Waypoint.Tcp;
using HttpVersion = Ambient.Http.HttpVersion;

namespace Ambient.Waypoint.Serving;

/// <summary>
/// Serves the streams that clients' proxies open to the waypoint.
/// <code>
/// tunnel ── CONNECT ─► 1 request ─► 2 own workload ─► 3 target ─► 4 what is spoken ─┬─► 5a requests
///                        400            503           400, 503                       └─► 5b bytes
/// </code>
/// 1. Is it a CONNECT with an authority?
/// 2. Who are we: the mesh's record of the waypoint's own pod.
/// 3. Which service or workload is addressed, and does it stand behind this waypoint?
/// 4. What is spoken there: as its port declares; where it declares nothing, as the first bytes say.
/// 5. (a) HTTP: request by request. (b) Anything else is passed on as it is.
/// </summary>
internal sealed class ConnectPath(WaypointPlane plane, FirstWords words, TcpPath tcp, RequestPath requests)
{
    /// <summary>Serves a stream and ends it.</summary>
    public async Task ServeAsync(Tunnel tunnel, Http2Stream stream)
    {
        var started = plane.Telemetry.Time.GetTimestamp();

        // 1. A CONNECT with an authority?
        var request = stream.Request;
        if (!request.IsConnect || !HboneAuthority.TryParse(request.Authority, out var authority))
        {
            Refuse(tunnel, stream, HttpStatusCode.BadRequest, request.IsConnect
                ? $"authority '{request.Authority}' is not HOST:PORT"
                : $"method {request.Method} is not CONNECT");
            return;
        }

        // 2. Who are we?
        var self = await plane.Workloads.FindAsync(plane.Configuration.Workload, CancellationToken.None);
        if (self is null)
        {
            Refuse(tunnel, stream, HttpStatusCode.ServiceUnavailable, $"the waypoint's own workload {plane.Configuration.Workload} is not known");
            return;
        }

        // 3. Which service or workload, and is it ours?
        var network = plane.Configuration.Network;
        var asked = new WaypointRequest(network, self, tunnel.PeerIdentity.Namespace, authority);
        var target = WaypointRouter.Decide(plane.Mesh.Current, asked);
        if (target.Status != (int)HttpStatusCode.OK)
        {
            await plane.Late.UntilAsync(() => WaypointRouter.Decide(plane.Mesh.Current, asked).Status == (int)HttpStatusCode.OK);
            target = WaypointRouter.Decide(plane.Mesh.Current, asked);
        }

        if (target.Status != (int)HttpStatusCode.OK)
        {
            Refuse(tunnel, stream, (HttpStatusCode)target.Status, target.Detail!);
            return;
        }

        // 4. and 5. What is spoken there?
        var address = authority.Address ?? target.Service!.Vips.FirstOrDefault(vip => vip.Network == network).Address ?? IPAddress.Any;
        var passage = new Passage(tunnel, self, target, new IPEndPoint(address, authority.Port), started);
        switch (target.Protocol)
        {
            case AppProtocol.Tcp or AppProtocol.Tls:
                await ServeBytesAsync(passage, stream, Opening.Unanswered);
                break;
            case AppProtocol.Unknown:
                stream.Respond((int)HttpStatusCode.OK, [], endStream: false);
                await ServeUndeclaredAsync(passage, stream);
                break;
            default:
                stream.Respond((int)HttpStatusCode.OK, [], endStream: false);
                await ServeRequestsAsync(passage, stream, await words.VersionAsync(stream));
                break;
        }
    }

    private async Task ServeUndeclaredAsync(Passage passage, Http2Stream stream)
    {
        switch (await words.OfAsync(stream))
        {
            case SniffedProtocol.Http1:
                await ServeRequestsAsync(passage, stream, HttpVersion.Http1);
                break;
            case SniffedProtocol.Http2:
                await ServeRequestsAsync(passage, stream, HttpVersion.Http2);
                break;
            case SniffedProtocol.Undecided:
                // Perhaps the server speaks first.
                await ServeBytesAsync(passage, stream, Opening.Silent);
                break;
            default:
                await ServeBytesAsync(passage, stream, Opening.Answered);
                break;
        }
    }

    private async Task ServeBytesAsync(Passage passage, Http2Stream stream, Opening opening)
    {
        if (await tcp.ServeAsync(passage, stream, opening) is { } late)
        {
            await ServeRequestsAsync(passage, stream, late);
        }
        else
        {
            stream.Dispose();
        }
    }

    /// <summary>Serves requests; none if the client went away before it said what it speaks.</summary>
    private async Task ServeRequestsAsync(Passage passage, Http2Stream stream, HttpVersion? version)
    {
        if (version is { } spoken)
        {
            await ServeRequestsAsync(passage, stream, spoken);
        }

        // Ended in good order, not by a reset: the last answer may still be on its way.
        await stream.Output.CompleteAsync();
        await stream.Input.CompleteAsync();
    }

    private async Task ServeRequestsAsync(Passage passage, Http2Stream stream, HttpVersion version)
    {
        var tunnel = passage.Tunnel;
        var known = plane.Mesh.Current.FindWorkload(plane.Configuration.Network, tunnel.RemoteEndPoint.Address);
        await requests.ServeAsync(
            stream,
            new RequestConnection
            {
                SourceIdentity = tunnel.PeerIdentity,
                Source = tunnel.RemoteEndPoint,
                SourceWorkload = known,
                SourceParty = known is null ? Baggage.Read(stream.Request.Fields) : null,
                Destination = passage.Destination,
                Service = passage.Target.Service,
                Workload = passage.Target.Workload,
                Port = passage.Target.Port,
                MutualTls = true,
            },
            version);
    }

    /// <summary>
    /// A refusal has no body and no words: who is refused need not learn why. The client need not send the rest either
    /// (RFC 9113 §8.1: a complete answer, then a reset with NO_ERROR).
    /// </summary>
    public static void Answer(Http2Stream stream, HttpStatusCode status)
    {
        stream.Respond((int)status, [], endStream: true);
        stream.Reset(Http2ErrorCode.NoError);
    }

    private void Refuse(Tunnel tunnel, Http2Stream stream, HttpStatusCode status, string error)
    {
        ConnectionReport.Refuse(
            plane.Telemetry,
            new ConnectionParties
            {
                Inbound = true,
                SourceAddress = tunnel.RemoteEndPoint,
                SourceIdentity = tunnel.PeerIdentity,
                MutualTls = true,
                DestinationAddress = tunnel.LocalEndPoint,
                HboneAuthority = stream.Request.Authority,
            },
            error);
        Answer(stream, status);
    }
}
