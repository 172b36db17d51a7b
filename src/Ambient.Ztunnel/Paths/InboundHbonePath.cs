using System.Net;
using Ambient.Hbone;
using Ambient.Linux;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Model;
using Ambient.Mesh.Routing;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Headers;
using Ambient.Proxy.Sockets;
using Ambient.Proxy.Tunnels;
using Ambient.Ztunnel.Headers;
using Ambient.Ztunnel.Pods;

namespace Ambient.Ztunnel.Paths;

/// <summary>
/// Carries the requests that peers' tunnels bring to a pod on port 15008, to its application.
/// <code>
/// tunnel ── CONNECT ─► 1 request ─► 2 workload ─► 3 destination ─► 4 policies ─► 5 application ─► 6 200 ─► 7 relay ─► 8 record
///                        400          503          400, 503         401           503
/// </code>
/// 1. Is it a CONNECT with an authority?
/// 2. Whose listener is it: the mesh's record of the pod.
/// 3. Is the destination the pod, and which of its ports?
/// 4. Do the policies let the peer's proved identity in? The connection registers first, so that no change is missed, and is closed
///    when a later change forbids it.
/// 5. Connect to the application from the client's own address.
/// 6. Answer, with what the peer's telemetry wants to know of the workload.
/// 7. Relay until both directions have ended.
/// 8. One record: log line and metrics.
/// </summary>
internal sealed class InboundHbonePath(DataPlane plane, DataLoop data, PodIdentity pod, ProxySockets sockets)
{
    private readonly InboundGate _gate = new(plane);
    private Workload? _responseOf;
    private HeaderField[] _response = [];

    public async Task ServeAsync(Tunnel tunnel, Http2Stream stream, CarriedConnection connection)
    {
        var started = plane.Telemetry.Time.GetTimestamp();

        // 1. A CONNECT with an authority?
        var request = stream.Request;
        if (!request.IsConnect || !HboneAuthority.TryParse(request.Authority, out var authority))
        {
            Refuse(tunnel, stream, connection, HttpStatusCode.BadRequest, request.IsConnect
                ? $"authority '{request.Authority}' is not HOST:PORT"
                : $"method {request.Method} is not CONNECT");
            return;
        }

        // 2. Whose listener is it?
        var workload = await plane.Workloads.FindAsync(pod.Key, CancellationToken.None);
        if (workload is null)
        {
            Refuse(tunnel, stream, connection, HttpStatusCode.ServiceUnavailable, $"failed to fetch information about local workload: {pod.Key} is not known");
            return;
        }

        // 3. The pod, and which port?
        var mesh = plane.Mesh.Current;
        var network = plane.Configuration.Network;
        var decision = InboundRouter.Decide(mesh, new InboundRequest(network, workload, tunnel.LocalEndPoint.Address, authority));
        if (decision.Destination is not { } destination)
        {
            Refuse(tunnel, stream, connection, (HttpStatusCode)decision.Status, decision.Detail!);
            return;
        }

        // 4. Do the policies let it in?
        var service = InboundRouter.Attribute(mesh, workload, destination.Port, Forwarded.Host(request.Fields[Forwarded.Name]));
        connection.Open(Open(tunnel, stream, workload, started, service), tunnel.LocalEndPoint, destination, OutboundKind.Hbone);
        var (allowed, reason) = await _gate.JudgeAsync(workload, connection.Watch(workload.Uid));
        if (!allowed)
        {
            Answer(stream, HttpStatusCode.Unauthorized);
            connection.Fail(ConnectionFailure.Denied, $"connection closed due to policy rejection: {reason}");
            return;
        }

        // 5. The application.
        TcpSocket application;
        try
        {
            connection.Reached(application = await ConnectAsync(decision, destination, tunnel));
        }
        catch (Exception failure) when (failure is IOException or TimeoutException)
        {
            Answer(stream, HttpStatusCode.ServiceUnavailable);
            connection.Fail(ConnectionFailure.Connect, $"connection failed: {failure.Message}");
            return;
        }

        // 6. The answer.
        stream.Respond((int)HttpStatusCode.OK, ResponseFields(workload), endStream: false);
        if (decision.ProxyProtocol && decision.ProxyDestination is { } named)
        {
            await SendAsync(application, ProxyProtocolHeader.Of(
                tunnel.RemoteEndPoint, named, tunnel.PeerIdentity, service?.Hostname));
        }

        // 7. and 8. Relay; the record comes with its end.
        connection.Relay(stream);
    }

    private HeaderField[] ResponseFields(Workload workload)
    {
        if (!plane.Configuration.ResponseBaggage)
        {
            return [];
        }

        if (!ReferenceEquals(_responseOf, workload))
        {
            (_responseOf, _response) = (workload, [new HeaderField(Baggage.Name, Baggage.Of(workload))]);
        }

        return _response;
    }

    private ValueTask<TcpSocket> ConnectAsync(InboundDecision decision, IPEndPoint destination, Tunnel tunnel)
    {
        if (decision.ProxyProtocol && plane.Configuration.LocalhostAppTunnel)
        {
            // The header names the client; the connection itself may come from loopback.
            var loopback = destination.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? IPAddress.Loopback : IPAddress.IPv6Loopback;
            return sockets.ConnectAsync(data.Loop, new IPEndPoint(loopback, destination.Port));
        }

        return sockets.ConnectAsync(data.Loop, destination, tunnel.RemoteEndPoint.Address);
    }

    private static async Task SendAsync(TcpSocket socket, byte[] header)
    {
        for (var sent = 0; sent < header.Length;)
        {
            var result = socket.TrySend(header.AsSpan(sent));
            if (result.Ok)
            {
                sent += result.Count;
            }
            else if (result.WouldBlock)
            {
                await socket.WaitWritableAsync();
            }
            else
            {
                return; // the relay meets the same error and tells it
            }
        }
    }

    private ConnectionReport Open(Tunnel tunnel, Http2Stream stream, Workload workload, long started, Service? service)
    {
        // A gateway's address says nothing about the client behind it; then only its baggage does.
        var fields = stream.Request.Fields;
        var from = fields["x-forwarded-network"];
        var viaGateway = from is not null && !string.Equals(from, plane.Configuration.Network, StringComparison.OrdinalIgnoreCase);
        var known = viaGateway ? null : plane.Mesh.Current.FindWorkload(plane.Configuration.Network, tunnel.RemoteEndPoint.Address);
        var key = new PairKey(Inbound: true, MutualTls: true, known, workload, service)
        {
            SourceBaggage = known is null && plane.Configuration.ResponseBaggage ? Baggage.Find(fields) : null,
            SourceIdentity = tunnel.PeerIdentity,
        };
        var pair = data.Pairs.Find(key) ?? data.Pairs.Remember(key, new ConnectionPair(plane.Telemetry, new ConnectionParties
        {
            Inbound = true,
            SourceAddress = tunnel.RemoteEndPoint,
            Source = known is not null ? PartyDescription.Of(known) : key.SourceBaggage is not null ? Baggage.Read(fields) : null,
            Destination = PartyDescription.Of(workload),
            SourceIdentity = tunnel.PeerIdentity,
            DestinationIdentity = workload.Identity,
            Service = service,
            MutualTls = true,
        }));
        return ConnectionReport.Open(
            pair, new ConnectionAddresses(tunnel.RemoteEndPoint, tunnel.LocalEndPoint, stream.Request.Authority), started);
    }

    private void Refuse(Tunnel tunnel, Http2Stream stream, CarriedConnection connection, HttpStatusCode status, string error)
    {
        ConnectionReport.Refuse(
            plane.Telemetry,
            new ConnectionParties { Inbound = true, SourceAddress = tunnel.RemoteEndPoint, DestinationAddress = tunnel.LocalEndPoint, HboneAuthority = stream.Request.Authority },
            error);
        Answer(stream, status);
        connection.Close();
    }

    /// <summary>
    /// A refusal has no body and no words: who is refused need not learn why. The client need not send the rest either
    /// (RFC 9113 §8.1: a complete answer, then a reset with NO_ERROR).
    /// </summary>
    private static void Answer(Http2Stream stream, HttpStatusCode status)
    {
        stream.Respond((int)status, [], endStream: true);
        stream.Reset(Http2ErrorCode.NoError);
    }
}
