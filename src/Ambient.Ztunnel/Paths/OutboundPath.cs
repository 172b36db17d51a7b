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
internal sealed class OutboundPath(DataPlane plane, DataLoop data, PodIdentity pod, ProxySockets sockets, TunnelClient tunnels)
{
    /// <summary>Endpoints tried for one connection: with three, two may be gone without anybody noticing.</summary>
    private const int MostAttempts = 3;

    private readonly Recent<IPEndPoint> _destinations = new();
    private readonly Recent<string> _authorities = new();
    private Workload? _baggageOf;
    private string _baggage = "";

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
        var attempt = await ReachAsync(new OutboundRequest(plane.Configuration.Network, workload, source.Address, destination), source);
        if (attempt.Decision.Kind == OutboundKind.Refused)
        {
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

    private async ValueTask<Attempt> ReachAsync(OutboundRequest request, IPEndPoint client)
    {
        List<string>? tried = null;
        Attempt last = default;
        while (true)
        {
            var decision = OutboundRouter.Decide(plane.Mesh.Current, request with { Tried = tried }, Random.Shared);
            if (decision.Kind == OutboundKind.Refused)
            {
                // Nobody else is left: the last failure is the one to tell.
                return tried is null ? new Attempt(decision, null, null, null, null) : last;
            }

            if (decision.Kind == OutboundKind.DoubleHbone)
            {
                return new Attempt(decision, decision.Dial, null, null, new OutboundFailure(
                    ConnectionFailure.Connect, "destinations in other networks are not carried by this version", AnotherMayDo: false));
            }

            var dial = decision.Dial;
            try
            {
                dial ??= await ResolveAsync(decision);
                if (decision.Kind != OutboundKind.Hbone)
                {
                    return new Attempt(decision, dial, await sockets.ConnectAsync(data.Loop, dial), null, null);
                }

                var (tunnel, stream) = await tunnels.OpenAsync(KeyOf(decision, dial), HeadersOf(decision, client));
                return new Attempt(decision, tunnel.RemoteEndPoint, null, stream, null);
            }
            catch (Exception failure) when (failure is IOException or TimeoutException or System.Net.Sockets.SocketException or InvalidOperationException)
            {
                last = new Attempt(decision, dial, null, null, OutboundFailure.Of(failure, decision.Kind == OutboundKind.Hbone));
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
        new(decision.Request.Source.Identity, pod.NamespaceId, dial, decision.ExpectedIdentities);

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

    private string BaggageOf(Workload workload)
    {
        if (!ReferenceEquals(_baggageOf, workload))
        {
            (_baggageOf, _baggage) = (workload, Baggage.Of(workload));
        }

        return _baggage;
    }

    private void Refuse(CarriedConnection connection, IPEndPoint destination, string error)
    {
        ConnectionReport.Refuse(
            plane.Telemetry,
            new ConnectionParties { Inbound = false, SourceAddress = connection.Captured.RemoteEndPoint, DestinationAddress = destination },
            error);
        connection.Close();
    }

    /// <summary>What came of a decision: a socket or a stream to the peer, or a failure.</summary>
    private readonly record struct Attempt(
        OutboundDecision Decision, IPEndPoint? Dialled, TcpSocket? Server, Http2Stream? Stream, OutboundFailure? Failure);
}
