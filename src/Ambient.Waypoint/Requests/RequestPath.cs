using System.IO.Pipelines;
using Ambient.Http;
using Ambient.Http.Http1;
using Ambient.Http.Http2;
using Ambient.Linux;
using Ambient.Waypoint.Requests.Upstreams;
using HttpVersion = Ambient.Http.HttpVersion;

namespace Ambient.Waypoint.Requests;

/// <summary>
/// Carries requests from clients to endpoints.
/// <code>
///            ┌─────────────────────────── answered here: 403, 404, redirect, fault ──────────────────────────┐
/// client ─► 1 head ─► 2 authorization ─► 3 route ─► 4 fault ─► 5 endpoint ─► 6 try ─┬─ answer ─► 8 response ─┴─► 9 record
///                                                       │           ▲             │
///                                                       └─ mirror   └─ 7 retry ◄──┘ none, or one that is asked for again
/// </code>
/// 1. A request's head, checked and normalised by its codec; what was refused there is only recorded.
/// 2. The policies' verdict, on the normalised path. A refusal names its reason in log and metrics, never to the client.
/// 3. The route: where to, with what changes; or an answer of its own.
/// 4. A delay or an answer that a route injects. Copies to mirrors begin here; nobody waits for them.
/// 5. The endpoint: of those that have not failed too often, the nearest; of these the less busy.
/// 6. One try: a pooled connection to it, in a tunnel or in plaintext; the request on it; the head of its answer.
/// 7. Another try, where the policy allows it and nothing that could not be repeated has happened.
/// 8. The answer as it comes, as fast as the client takes it, with interim answers, trailers and upgrades.
/// 9. One record: metrics and log line.
/// On its loop only; disposing it ends its connections to endpoints.
/// </summary>
internal sealed partial class RequestPath : IAsyncDisposable
{
    /// <summary>States that are kept for reuse: what a loop has under way in a burst.</summary>
    private const int MostSpare = 1024;

    private static readonly TimeSpan _heartbeatPeriod = TimeSpan.FromSeconds(1);

    private readonly UpstreamClient _client;
    private readonly EndpointDialer _dialer;
    private readonly RecentSeries _series;
    private readonly IDisposable _heartbeat;
    private readonly HttpDate _date;
    private readonly Random _random = new();
    private readonly Stack<RequestState> _spare = [];
    private readonly HashSet<RequestScope> _open = [];
    private bool _isDraining;

    /// <summary>Makes the path of a loop. On the loop.</summary>
    /// <param name="plane">What all loops share.</param>
    /// <param name="loop">The loop.</param>
    /// <param name="dialer">Reaches endpoints.</param>
    public RequestPath(RequestPlane plane, EventLoop loop, EndpointDialer dialer)
    {
        Plane = plane;
        Loop = loop;
        _dialer = dialer;
        _client = new UpstreamClient(loop, plane.NextLoop(), dialer, plane.Settings);
        _series = new RecentSeries(loop, plane.Telemetry);
        _date = new HttpDate(plane.Telemetry.Time);
        _heartbeat = loop.Every(_heartbeatPeriod, Tick);
    }

    /// <summary>What all loops share.</summary>
    public RequestPlane Plane { get; }

    /// <summary>The loop.</summary>
    public EventLoop Loop { get; }

    /// <summary>Serves the requests of one connection until it is over. Never throws for what a peer does.</summary>
    /// <param name="transport">The connection; nothing of it has been consumed.</param>
    /// <param name="connection">Its facts.</param>
    /// <param name="version">What is spoken.</param>
    public async Task ServeAsync(IDuplexPipe transport, RequestConnection connection, HttpVersion version)
    {
        var settings = Plane.Settings;
        var scope = new RequestScope(this, connection);
        IServerConnection http = version == HttpVersion.Http2
            ? new Http2ServerConnection(transport, settings.DownstreamHttp2, settings.Http, settings.Budget, scope)
            : new Http1ServerConnection(transport, settings.Http, scope);
        _open.Add(scope);
        var running = scope.RunAsync(http);
        if (_isDraining)
        {
            http.Drain();
        }

        await running;
        _open.Remove(scope);
    }

    /// <summary>Takes no more requests than those under way: connections end with them.</summary>
    public void Drain()
    {
        _isDraining = true;
        foreach (var scope in _open.ToList())
        {
            scope.Http.Drain();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _heartbeat.Dispose();
        foreach (var scope in _open.ToList())
        {
            scope.Http.Abort();
        }

        await _client.DisposeAsync();
    }

    /// <summary>Several streams write in one turn; a connection with one request at a time gains nothing.</summary>
    public static bool BatchesFlushes(IServerConnection http) => http is Http2ServerConnection;

    private void Tick()
    {
        var now = Loop.NowMilliseconds;
        foreach (var scope in _open.ToList())
        {
            scope.Http.Tick(now);
        }

        _client.Tick(now);
        Plane.Upstreams.Sweep(now);
    }
}
