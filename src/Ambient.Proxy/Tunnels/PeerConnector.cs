using System.Net;
using System.Net.Sockets;
using Ambient.Hbone;
using Ambient.Linux;
using Ambient.Mesh.Model;
using Ambient.Mesh.Routing;
using Ambient.Mesh.State;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Headers;
using Ambient.Proxy.Sockets;

namespace Ambient.Proxy.Tunnels;

/// <summary>What came of trying to reach a peer: a socket or a stream to it, or a failure.</summary>
/// <param name="Decision">What the mesh decided; refused, it was not tried.</param>
/// <param name="Dialled">The address that was connected to.</param>
/// <param name="Server">The peer, in plaintext.</param>
/// <param name="Stream">The peer, which has consented, in a tunnel.</param>
/// <param name="Failure">Why it was not reached.</param>
public readonly record struct ReachedPeer(
    OutboundDecision Decision, IPEndPoint? Dialled, TcpSocket? Server, Http2Stream? Stream, OutboundFailure? Failure);

/// <summary>
/// Reaches the peer that the mesh decides on: by a stream in a tunnel that connections share, or in plaintext. Where an endpoint cannot be
/// reached another one of the service is tried, as no byte was sent. On its loop only.
/// </summary>
/// <param name="loop">The loop.</param>
/// <param name="tunnels">Opens streams.</param>
/// <param name="sockets">Makes plaintext connections.</param>
/// <param name="space">The network namespace that tunnels are opened in.</param>
public sealed class PeerConnector(EventLoop loop, TunnelClient tunnels, ProxySockets sockets, NamespaceId space)
{
    /// <summary>Endpoints tried for one connection: with three, two may be gone without anybody noticing.</summary>
    private const int MostAttempts = 3;

    private Workload? _baggageOf;
    private string _baggage = "";

    /// <summary>Decides and reaches the peer, and decides again where it cannot be reached.</summary>
    /// <param name="mesh">What is known.</param>
    /// <param name="request">The connection.</param>
    /// <param name="client">Its client's address, for the peer's telemetry.</param>
    public async ValueTask<ReachedPeer> ReachAsync(MeshStore mesh, OutboundRequest request, IPEndPoint client)
    {
        List<string>? tried = null;
        ReachedPeer last = default;
        while (true)
        {
            var decision = OutboundRouter.Decide(mesh.Current, request with { Tried = tried }, Random.Shared);
            if (decision.Kind == OutboundKind.Refused)
            {
                // Nobody else is left: the last failure is the one to tell.
                return tried is null ? new ReachedPeer(decision, null, null, null, null) : last;
            }

            if (decision.Kind == OutboundKind.DoubleHbone)
            {
                return new ReachedPeer(decision, decision.Dial, null, null, new OutboundFailure(
                    ConnectionFailure.Connect, "destinations in other networks are not carried by this version", AnotherMayDo: false));
            }

            var dial = decision.Dial;
            try
            {
                dial ??= await ResolveAsync(decision);
                if (decision.Kind != OutboundKind.Hbone)
                {
                    return new ReachedPeer(decision, dial, await sockets.ConnectAsync(loop, dial), null, null);
                }

                var (tunnel, stream) = await tunnels.OpenAsync(KeyOf(decision, dial), HeadersOf(decision, client));
                return new ReachedPeer(decision, tunnel.RemoteEndPoint, null, stream, null);
            }
            catch (Exception failure) when (failure is IOException or TimeoutException or SocketException or InvalidOperationException)
            {
                last = new ReachedPeer(decision, dial, null, null, OutboundFailure.Of(failure, decision.Kind == OutboundKind.Hbone));
            }

            if (last.Failure is not { AnotherMayDo: true } || decision.Service is null || decision.Endpoint is null
                || decision.Endpoints < 2 || tried?.Count + 1 == MostAttempts)
            {
                return last;
            }

            (tried ??= []).Add(decision.Endpoint.Uid);
        }
    }

    private TunnelKey KeyOf(OutboundDecision decision, IPEndPoint dial) =>
        new(decision.Request.Source.Identity, space, dial, decision.ExpectedIdentities);

    private RequestHeaders HeadersOf(OutboundDecision decision, IPEndPoint client) => RequestHeaders.Connect(
        decision.Authority!,
        new HeaderField(Baggage.Name, BaggageOf(decision.Request.Source)),
        new HeaderField(Forwarded.Name, Forwarded.Of(client, decision.Service?.Hostname)),
        new HeaderField(TraceParent.Name, TraceParent.New(Random.Shared)));

    private static async Task<IPEndPoint> ResolveAsync(OutboundDecision decision)
    {
        var wanted = decision.Request.Destination.AddressFamily;
        var addresses = await Dns.GetHostAddressesAsync(decision.ResolveHostname!);
        var usable = Array.FindAll(addresses, address => address.AddressFamily == wanted);
        usable = usable.Length > 0 ? usable : addresses;
        return usable.Length > 0
            ? new IPEndPoint(usable[Random.Shared.Next(usable.Length)], decision.DialPort)
            : throw new IOException($"no ip addresses were resolved for {decision.ResolveHostname}");
    }

    private string BaggageOf(Workload workload)
    {
        if (!ReferenceEquals(_baggageOf, workload))
        {
            (_baggageOf, _baggage) = (workload, Baggage.Of(workload));
        }

        return _baggage;
    }
}
