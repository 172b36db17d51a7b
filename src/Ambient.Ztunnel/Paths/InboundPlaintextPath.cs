using System.Net;
using Ambient.Linux;
using Ambient.Mesh.Routing;
using Ambient.Proxy.Connections;
using Ambient.Proxy.Sockets;
using Ambient.Ztunnel.Pods;

namespace Ambient.Ztunnel.Paths;

/// <summary>
/// Carries the connections that come to a pod outside of any tunnel, from the capture on port 15006 to its application.
/// <code>
/// client ── 15006 ──► 1 destination ─► 2 workload ─► 3 policies ─► 4 application ─► 5 relay ─► 6 record
///                        refused         refused       refused         refused
/// </code>
/// 1. Where the client wanted to go; never to a port of the proxy.
/// 2. Which workload it is.
/// 3. Do the policies let in somebody without identity? The connection registers first and is closed when a change forbids it.
/// 4. Connect to the application from the client's own address.
/// 5. Relay until both directions have ended.
/// 6. One record: log line and metrics.
/// </summary>
internal sealed class InboundPlaintextPath(DataPlane plane, DataLoop data, PodIdentity pod, ProxySockets sockets)
{
    private readonly InboundGate _gate = new(plane);

    public async Task ServeAsync(CarriedConnection connection)
    {
        var client = connection.Captured;
        var started = plane.Telemetry.Time.GetTimestamp();

        // 1. Where did the client want to go?
        client.TryGetOriginalDestination(out var destination);
        var source = client.RemoteEndPoint;
        if (IllegalPorts.Contains(destination.Port))
        {
            Refuse(connection, source, destination, $"{RouteExplanation.Words(RefusalReason.SelfCall)}: port {destination.Port} is a port of the proxy itself");
            return;
        }

        // 2. Which workload is it?
        var workload = await plane.Workloads.FindAsync(pod.Key, CancellationToken.None);
        if (workload is null)
        {
            Refuse(connection, source, destination, $"failed to fetch information about local workload: {pod.Key} is not known");
            return;
        }

        var mesh = plane.Mesh.Current;
        var known = mesh.FindWorkload(plane.Configuration.Network, source.Address);
        var service = InboundRouter.Attribute(mesh, workload, destination.Port, null);
        var key = new PairKey(Inbound: true, MutualTls: false, known, workload, service);
        var pair = data.Pairs.Find(key) ?? data.Pairs.Remember(key, new ConnectionPair(plane.Telemetry, new ConnectionParties
        {
            Inbound = true,
            SourceAddress = source,
            Source = known is null ? null : PartyDescription.Of(known),
            Destination = PartyDescription.Of(workload),
            DestinationIdentity = workload.Identity,
            Service = service,
        }));
        var report = ConnectionReport.Open(pair, new ConnectionAddresses(source, destination, null), started);
        connection.Open(report, destination, destination, OutboundKind.Plaintext);

        // 3. Do the policies let it in?
        var (allowed, denial) = await _gate.JudgeAsync(workload, connection.Watch(workload.Uid));
        if (!allowed)
        {
            connection.Fail(ConnectionFailure.Denied, $"connection closed due to policy rejection: {denial}");
            return;
        }

        // 4. The application.
        try
        {
            connection.Reached(await sockets.ConnectAsync(data.Loop, destination, source.Address));
        }
        catch (Exception failure) when (failure is IOException or TimeoutException)
        {
            connection.Fail(ConnectionFailure.Connect, $"connection failed: {failure.Message}");
            return;
        }

        // 5. and 6. Relay; the record comes with its end.
        await connection.RelayAsync();
    }

    private void Refuse(CarriedConnection connection, IPEndPoint source, IPEndPoint destination, string error)
    {
        ConnectionReport.Refuse(
            plane.Telemetry,
            new ConnectionParties { Inbound = true, SourceAddress = source, DestinationAddress = destination },
            error);
        connection.Refuse();
    }
}
