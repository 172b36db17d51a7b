using Ambient.Http;
using HttpVersion = Ambient.Http.HttpVersion;

namespace Ambient.Waypoint.Requests.Upstreams;

/// <summary>
/// A loop's connections to one endpoint. HTTP/1.1: one request at a time on each, the last used first. HTTP/2: many on one. Who finds no
/// room waits, in order, for whatever comes first: a request that ends, or a connection that is being dialled. On its loop only.
/// </summary>
internal sealed class EndpointPool(UpstreamEndpoint endpoint, UpstreamClient client)
{
    /// <summary>Connections of HTTP/1.1 that are kept unused: as many as there were requests at once, up to what a port range bears anyway.</summary>
    private const int MostIdle = 1024;

    /// <summary>Requests that one HTTP/2 connection in the making is expected to carry; Envoy's and our own servers allow 100 and more.</summary>
    private const int RequestsPerDial = 100;

    private readonly List<UpstreamConnection> _connections = [];
    private readonly List<UpstreamConnection> _idle = [];
    private readonly LinkedList<Waiter> _waiting = [];
    private int _dialsHttp1;
    private int _dialsHttp2;
    private bool _isClosing;

    /// <summary>Whose connections they are.</summary>
    public UpstreamEndpoint Endpoint => endpoint;

    /// <summary>Connections that are open.</summary>
    public int Count => _connections.Count;

    /// <summary>Nothing is left of it.</summary>
    public bool IsEmpty => _connections.Count == 0 && _waiting.Count == 0 && _dialsHttp1 + _dialsHttp2 == 0;

    private Mesh.Http.ConnectionPool Limits => endpoint.Upstream.Policy.Pool;

    /// <summary>A connection with room, if there is one.</summary>
    public UpstreamConnection? TryRent(HttpVersion version)
    {
        if (version == HttpVersion.Http2)
        {
            foreach (var connection in _connections)
            {
                if (connection.Http.Version == HttpVersion.Http2 && connection.Http.CanSend)
                {
                    return Rented(connection);
                }
            }

            return null;
        }

        while (_idle.Count > 0)
        {
            var connection = _idle[^1];
            _idle.RemoveAt(_idle.Count - 1);
            connection.IsIdle = false;
            if (connection.Http.CanSend)
            {
                return Rented(connection);
            }
        }

        return null;
    }

    /// <summary>Begins to wait for a connection; null if too many wait already.</summary>
    public Waiter? Wait(HttpVersion version)
    {
        if (_isClosing || !endpoint.Upstream.Limits.TryWait(Limits))
        {
            return null;
        }

        var waiter = new Waiter(this, version);
        waiter.Node = _waiting.AddLast(waiter);
        DialForThoseWhoWait();
        return waiter;
    }

    /// <summary>A request on the connection has ended, its exchange is disposed.</summary>
    public void Return(UpstreamConnection connection)
    {
        connection.UsedAt = client.Loop.NowMilliseconds;
        if (connection.Http.IsEnding)
        {
            return; // its task takes it out
        }

        if (_isClosing || connection.Requests >= Limits.MaxRequestsPerConnection || (endpoint.IsGone && connection.Http.ActiveRequests == 0))
        {
            connection.Http.Drain();
            return;
        }

        if (connection.Http.CanSend)
        {
            Offer(connection);
        }
    }

    /// <summary>Once a second: time-outs of connections, and of their idleness.</summary>
    public void Tick(long now)
    {
        var longAgo = now - (long)Limits.IdleTimeout.TotalMilliseconds;
        for (var index = _connections.Count - 1; index >= 0; index--)
        {
            var connection = _connections[index];
            connection.Http.Tick(now);
            if (connection.Http.ActiveRequests == 0 && (connection.UsedAt <= longAgo || endpoint.IsGone))
            {
                _idle.Remove(connection);
                connection.Http.Drain();
            }
        }
    }

    /// <summary>Takes no more requests; each connection ends with its last.</summary>
    public void Drain()
    {
        _isClosing = true;
        _idle.Clear();
        foreach (var connection in _connections.ToList())
        {
            connection.Http.Drain();
        }
    }

    /// <summary>Ends all at once.</summary>
    public void Abort()
    {
        _isClosing = true;
        _idle.Clear();
        while (_waiting.First is { } first)
        {
            first.Value.Fail(new IOException("the waypoint is stopping"));
        }

        foreach (var connection in _connections.ToList())
        {
            connection.Http.Abort();
        }
    }

    private static UpstreamConnection Rented(UpstreamConnection connection)
    {
        connection.Requests++;
        return connection;
    }

    /// <summary>Room on a connection: for those who wait, in order; otherwise it is kept.</summary>
    private void Offer(UpstreamConnection connection)
    {
        for (var node = _waiting.First; node is not null && connection.Http.CanSend;)
        {
            var waiter = node.Value;
            node = node.Next;
            if (waiter.Version == connection.Http.Version)
            {
                waiter.Give(Rented(connection));
                if (connection.Http.Version == HttpVersion.Http1)
                {
                    return;
                }
            }
        }

        if (connection.Http.Version == HttpVersion.Http1 && !connection.IsIdle)
        {
            Keep(connection);
        }
    }

    private void Keep(UpstreamConnection connection)
    {
        if (_idle.Count < MostIdle)
        {
            connection.IsIdle = true;
            _idle.Add(connection);
        }
        else
        {
            connection.Http.Drain();
        }
    }

    private void DialForThoseWhoWait()
    {
        while (!_isClosing)
        {
            var http1 = 0;
            var http2 = 0;
            foreach (var waiter in _waiting)
            {
                _ = waiter.Version == HttpVersion.Http2 ? http2++ : http1++;
            }

            var version = http1 > _dialsHttp1 ? HttpVersion.Http1 : HttpVersion.Http2;
            if (version == HttpVersion.Http2 && http2 <= _dialsHttp2 * RequestsPerDial)
            {
                return;
            }

            // Who has no connection at all could wait for ever: the first is always allowed.
            if (!endpoint.Upstream.Limits.TryConnect(Limits, isFirst: _connections.Count + _dialsHttp1 + _dialsHttp2 == 0))
            {
                return;
            }

            _ = version == HttpVersion.Http2 ? _dialsHttp2++ : _dialsHttp1++;
            client.Own(ServeAsync(version));
        }
    }

    /// <summary>A connection's life: dialled, used, gone. What goes wrong is told to whom it was for.</summary>
    private async Task ServeAsync(HttpVersion version)
    {
        UpstreamTransport transport;
        try
        {
            transport = await client.DialAsync(endpoint, Limits.ConnectTimeout);
        }
        catch (Exception failure)
        {
            _ = version == HttpVersion.Http2 ? _dialsHttp2-- : _dialsHttp1--;
            endpoint.Upstream.Limits.Disconnected();
            // Whatever it is, it is that of these requests alone, and they know failures of reaching somebody only as these two.
            FailFirst(version, failure is IOException or TimeoutException ? failure : new IOException(failure.Message, failure));
            return;
        }

        _ = version == HttpVersion.Http2 ? _dialsHttp2-- : _dialsHttp1--;
        using (transport)
        {
            var connection = client.Speak(this, transport, version);
            connection.Http.CapacityChanged = () => OnChanged(connection);
            connection.UsedAt = client.Loop.NowMilliseconds;
            _connections.Add(connection);
            var running = connection.Http.RunAsync();
            if (_isClosing)
            {
                connection.Http.Drain();
            }
            else
            {
                Offer(connection);
            }

            await running;
            _connections.Remove(connection);
            _idle.Remove(connection);
        }

        endpoint.Upstream.Limits.Disconnected();
        DialForThoseWhoWait();
    }

    /// <summary>An idle connection was closed by its peer, or there is room on a shared one.</summary>
    private void OnChanged(UpstreamConnection connection)
    {
        if (connection.Http.IsEnding)
        {
            _idle.Remove(connection);
        }
        else if (connection.Http.Version == HttpVersion.Http2 && _waiting.Count > 0)
        {
            Offer(connection);
        }
    }

    /// <summary>An attempt to connect failed: its failure is that of the requests that it was for.</summary>
    private void FailFirst(HttpVersion version, Exception failure)
    {
        var left = version == HttpVersion.Http2 ? RequestsPerDial : 1;
        for (var node = _waiting.First; node is not null && left > 0;)
        {
            var waiter = node.Value;
            node = node.Next;
            if (waiter.Version == version)
            {
                left--;
                waiter.Fail(failure);
            }
        }
    }

    /// <summary>A request that waits for a connection. Bound: by the upstream's limit of pending requests, and by the requests of clients.</summary>
    internal sealed class Waiter(EndpointPool pool, HttpVersion version)
    {
        private readonly TaskCompletionSource<UpstreamConnection?> _rented = new();

        public HttpVersion Version => version;

        public LinkedListNode<Waiter>? Node { get; set; }

        /// <summary>The connection; null after <see cref="Cancel"/>. Fails as the attempt to connect did.</summary>
        public Task<UpstreamConnection?> Rented => _rented.Task;

        /// <summary>Waits no more.</summary>
        public void Cancel()
        {
            if (Leave())
            {
                _rented.TrySetResult(null);
            }
        }

        public void Give(UpstreamConnection connection)
        {
            Leave();
            _rented.TrySetResult(connection);
        }

        public void Fail(Exception failure)
        {
            Leave();
            _rented.TrySetException(failure);
        }

        private bool Leave()
        {
            if (Node is null)
            {
                return false;
            }

            pool._waiting.Remove(Node);
            Node = null;
            pool.Endpoint.Upstream.Limits.Waited();
            return true;
        }
    }
}
