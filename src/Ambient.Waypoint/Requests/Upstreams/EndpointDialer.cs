using System.Collections.Immutable;
using System.Net;
using Ambient.Api;
using Ambient.Hbone;
using Ambient.Linux;
using Ambient.Mesh.Model;
using Ambient.Proxy.Headers;
using Ambient.Proxy.Sockets;
using Ambient.Proxy.Tunnels;

namespace Ambient.Waypoint.Requests.Upstreams;

/// <summary>
/// Reaches endpoints: by a stream in a pooled tunnel under the waypoint's identity, which has to find the endpoint's there, or in plaintext
/// where the endpoint has no tunnel. On its loop only.
/// </summary>
/// <param name="loop">Whose connections they are.</param>
/// <param name="tunnels">Opens streams; null where there are none, as in a plain reverse proxy.</param>
/// <param name="sockets">Connects in plaintext.</param>
/// <param name="self">The waypoint's own workload.</param>
internal sealed class EndpointDialer(EventLoop loop, TunnelClient? tunnels, ProxySockets sockets, Func<Workload> self)
{
    /// <summary>Tells the destination's proxy that layer 7 has been dealt with; it informs, it does not authorize.</summary>
    private static readonly HeaderField _fromWaypoint = new("x-istio-source", "waypoint");

    private Workload? _baggageOf;
    private string _baggage = "";

    /// <summary>The waypoint's own workload.</summary>
    public Workload Self => self();

    /// <summary>Connects to an endpoint.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="address">Which of its addresses; null where only its host name is known.</param>
    /// <param name="port">The port that the application listens on.</param>
    /// <param name="service">The service through which it is reached, if any.</param>
    /// <param name="client">The client that it is for; null where many share the connection.</param>
    /// <param name="timeout">For all of it.</param>
    /// <exception cref="IOException">The peer refused or broke off.</exception>
    /// <exception cref="TimeoutException">Nobody answered in time.</exception>
    public async ValueTask<UpstreamTransport> OpenAsync(
        Workload endpoint, IPAddress? address, ushort port, Service? service, IPEndPoint? client, TimeSpan timeout)
    {
        var opening = OpenAsync(endpoint, address, port, service, client);
        if (opening.IsCompleted)
        {
            return await opening;
        }

        var task = opening.AsTask();
        try
        {
            return await task.WaitAsync(timeout);
        }
        catch (TimeoutException)
        {
            _ = DisposeLateAsync(task); // it has a deadline of its own
            throw new TimeoutException($"{endpoint.Name} ({address}:{port}) was not reached within {timeout.TotalSeconds:0.###} s");
        }
    }

    private static async Task DisposeLateAsync(Task<UpstreamTransport> opening)
    {
        try
        {
            (await opening).Dispose();
        }
        catch (Exception failure) when (failure is IOException or TimeoutException or InvalidOperationException)
        {
            // Its time was over already, which is what was told.
        }
    }

    private async ValueTask<UpstreamTransport> OpenAsync(Workload endpoint, IPAddress? address, ushort port, Service? service, IPEndPoint? client)
    {
        address ??= await ResolveAsync(endpoint);
        if (endpoint.Protocol != TunnelProtocol.Hbone)
        {
            return UpstreamTransport.Of(await sockets.ConnectAsync(loop, new IPEndPoint(address, port)));
        }

        if (tunnels is null)
        {
            throw new IOException($"workload {endpoint.Uid} is reached by a tunnel, and there are none here");
        }

        var own = self();
        var key = new TunnelKey(own.Identity, default, new IPEndPoint(address, Ports.Hbone), Service.ExpectedIdentities(service, endpoint));
        var (_, stream) = await tunnels.OpenAsync(key, Connect(own, new IPEndPoint(address, port), service, client));
        return UpstreamTransport.Of(stream);
    }

    private RequestHeaders Connect(Workload own, IPEndPoint target, Service? service, IPEndPoint? client)
    {
        if (!ReferenceEquals(_baggageOf, own))
        {
            (_baggageOf, _baggage) = (own, Baggage.Of(own));
        }

        var fields = ImmutableArray.CreateBuilder<HeaderField>(4);
        fields.Add(new HeaderField(Baggage.Name, _baggage));
        if (client is not null)
        {
            fields.Add(new HeaderField(Forwarded.Name, Forwarded.Of(client, service?.Hostname)));
        }

        fields.Add(new HeaderField(TraceParent.Name, TraceParent.New(Random.Shared)));
        fields.Add(_fromWaypoint);
        return RequestHeaders.Connect(target.ToString(), fields.ToArray());
    }

    private static async Task<IPAddress> ResolveAsync(Workload endpoint)
    {
        IPAddress[] addresses = endpoint.Hostname.Length > 0 ? await Dns.GetHostAddressesAsync(endpoint.Hostname) : [];
        return addresses.Length > 0
            ? addresses[Random.Shared.Next(addresses.Length)]
            : throw new IOException($"workload {endpoint.Uid} has no address, and its host name '{endpoint.Hostname}' does not resolve");
    }
}
