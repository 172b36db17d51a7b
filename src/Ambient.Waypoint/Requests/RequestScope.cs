using Ambient.Http;
using Ambient.Linux;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Http;
using Ambient.Waypoint.Requests.Upstreams;

namespace Ambient.Waypoint.Requests;

/// <summary>A downstream connection as its requests see it: its facts, and what its last request has looked up. On its loop only.</summary>
internal sealed class RequestScope(RequestPath path, RequestConnection connection) : IRequestHandler, IEndOfTurn
{
    private IServerConnection? _http;
    private bool _turnAsked;
    private Backend? _backend;
    private Upstream? _upstream;
    private SeriesKey _seriesKey;
    private RequestSeries? _series;
    private long _seriesUntil;

    /// <summary>Its facts.</summary>
    public RequestConnection Connection { get; } = connection;

    /// <summary>The same for decisions.</summary>
    public ConnectionFacts Facts { get; } = new(
        connection.Source.Address, connection.SourceIdentity, connection.Destination.Address, connection.Port);

    /// <summary>Key of the service that was addressed; null where a workload was.</summary>
    public string? ServiceKey { get; } = connection.Service?.Key;

    /// <summary>Its loop.</summary>
    public EventLoop Loop => path.Loop;

    /// <summary>The connection of the protocol.</summary>
    public IServerConnection Http => _http!;

    /// <summary>Serves until the connection is over.</summary>
    public Task RunAsync(IServerConnection http)
    {
        _http = http;
        if (RequestPath.BatchesFlushes(http))
        {
            http.FlushRequested = AskEndOfTurn;
        }

        return http.RunAsync();
    }

    ValueTask IRequestHandler.HandleAsync(IServerExchange exchange) => path.HandleAsync(this, exchange);

    void IRequestHandler.OnRefused(in Refusal refusal) => path.OnRefused(this, refusal);

    void IEndOfTurn.EndOfTurn()
    {
        _turnAsked = false;
        _http!.Flush();
    }

    /// <summary>Where a request goes: mostly where the last one went.</summary>
    public Upstream UpstreamOf(in RouteDecision decision)
    {
        if (_upstream is null || !ReferenceEquals(_backend, decision.Backend))
        {
            _backend = decision.Backend;
            _upstream = path.Plane.Upstreams.Of(decision.Destination is { } service
                ? new UpstreamKey(service, (ushort)decision.Port, decision.Backend?.Subset, IsWorkload: false)
                : new UpstreamKey(Connection.Workload!.Uid, Connection.Port, null, IsWorkload: true));
        }

        return _upstream;
    }

    /// <summary>The series of a request: mostly that of the last one.</summary>
    public RequestSeries SeriesOf(in SeriesKey key, RecentSeries recent, long now)
    {
        if (_series is null || now >= _seriesUntil || !key.Equals(_seriesKey))
        {
            _series = recent.Of(key);
            _seriesKey = key;
            _seriesUntil = now + (long)TimeSpan.FromSeconds(10).TotalMilliseconds;
        }

        return _series;
    }

    private void AskEndOfTurn()
    {
        if (!_turnAsked)
        {
            _turnAsked = true;
            path.Loop.AtEndOfTurn(this);
        }
    }
}
