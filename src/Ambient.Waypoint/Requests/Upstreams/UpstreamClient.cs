using Ambient.Hbone;
using Ambient.Http;
using Ambient.Http.Http1;
using Ambient.Http.Http2;
using Ambient.Linux;
using Ambient.Proxy;
using HttpVersion = Ambient.Http.HttpVersion;

namespace Ambient.Waypoint.Requests.Upstreams;

/// <summary>A loop's connections to all endpoints. On its loop only; disposing it ends them.</summary>
internal sealed class UpstreamClient : IAsyncDisposable
{
    private readonly EndpointDialer _dialer;
    private readonly RequestSettings _settings;
    private readonly int _index;
    private readonly List<EndpointPool> _pools = [];
    private readonly TaskSet _running = new();
    private bool _isClosing;

    /// <summary>Makes one without connections.</summary>
    /// <param name="loop">Whose connections they will be.</param>
    /// <param name="index">The loop's number among those of the process.</param>
    /// <param name="dialer">Reaches endpoints.</param>
    /// <param name="settings">Limits.</param>
    public UpstreamClient(EventLoop loop, int index, EndpointDialer dialer, RequestSettings settings)
    {
        Loop = loop;
        _index = index;
        _dialer = dialer;
        _settings = settings;
    }

    /// <summary>The loop.</summary>
    public EventLoop Loop { get; }

    /// <summary>The pool of an endpoint.</summary>
    public EndpointPool PoolOf(UpstreamEndpoint endpoint) => endpoint.PoolOf(_index) ?? Open(endpoint);

    /// <summary>Once a second.</summary>
    public void Tick(long now)
    {
        for (var index = _pools.Count - 1; index >= 0; index--)
        {
            var pool = _pools[index];
            pool.Tick(now);
            if (pool.IsEmpty && pool.Endpoint.IsGone)
            {
                _pools.RemoveAt(index);
                pool.Endpoint.PoolOf(_index) = null;
            }
        }
    }

    /// <summary>Takes no more requests; connections end with the last on them.</summary>
    public void Drain()
    {
        foreach (var pool in _pools)
        {
            pool.Drain();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _isClosing = true;
        foreach (var pool in _pools)
        {
            pool.Abort();
        }

        await _running.WhenEmptyAsync();
    }

    internal void Own(Task task) => _running.Add(task);

    internal ValueTask<UpstreamTransport> DialAsync(UpstreamEndpoint endpoint, TimeSpan timeout) => _isClosing
        ? throw new IOException("the waypoint is stopping")
        : _dialer.OpenAsync(endpoint.Workload, endpoint.Address, endpoint.Port, endpoint.Upstream.Service, null, timeout);

    internal UpstreamConnection Speak(EndpointPool pool, UpstreamTransport transport, HttpVersion version)
    {
        if (version == HttpVersion.Http1)
        {
            return new UpstreamConnection(pool, new Http1ClientConnection(transport.Pipe, _settings.Http), Loop);
        }

        var connection = new UpstreamConnection(
            pool, new Http2ClientConnection(transport.Pipe, _settings.UpstreamHttp2, _settings.Http, _settings.Budget), Loop);
        connection.Http.FlushRequested = connection.AskEndOfTurn;
        return connection;
    }

    private EndpointPool Open(UpstreamEndpoint endpoint)
    {
        var pool = new EndpointPool(endpoint, this);
        endpoint.PoolOf(_index) = pool;
        _pools.Add(pool);
        return pool;
    }
}
