using System.Net;
using Ambient.Hbone;
using Ambient.Mesh.Routing;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Tunnels;
using Ambient.Waypoint.Tcp;

namespace Ambient.Waypoint.Serving;

/// <summary>
/// Serves the streams that clients' proxies open to the waypoint.
/// <code>
/// tunnel ── CONNECT ─► 1 request ─► 2 own workload ─► 3 target ─► 4 what is spoken ─► 5 TCP or requests
///                        400            503           400, 503
/// </code>
/// 1. Is it a CONNECT with an authority?
/// 2. Who are we: the mesh's record of the waypoint's own pod.
/// 3. Which service or workload is addressed, and does it stand behind this waypoint?
/// 4. What is spoken there: as its port declares.
/// 5. Bytes are passed on as they are.
/// </summary>
internal sealed class ConnectPath(WaypointPlane plane, TcpPath tcp)
{
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

        // 4. and 5.
        var address = authority.Address ?? target.Service!.Vips.FirstOrDefault(vip => vip.Network == network).Address ?? IPAddress.Any;
        var passage = new Passage(tunnel, self, target, new IPEndPoint(address, authority.Port), started);
        await tcp.ServeAsync(passage, stream);
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
