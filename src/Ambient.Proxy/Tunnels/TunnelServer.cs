using Ambient.Hbone;
using Ambient.Identity.Tls;
using Ambient.Linux;

namespace Ambient.Proxy.Tunnels;

/// <summary>
/// Takes HBONE connections from a listening socket and hands each request to its owner. One for each listener, on the
/// listener's loop. Stopping in good order lets open streams go on; disposing cuts them.
/// </summary>
public sealed class TunnelServer : IDisposable
{
    private readonly TcpSocket _listener;
    private readonly Func<CancellationToken, ValueTask<TlsContext>> _context;
    private readonly TunnelServerOptions _options;
    private readonly Action<Tunnel, Http2Stream> _take;
    private readonly Action<TcpSocket, Exception> _refused;
    private readonly HashSet<Tunnel> _tunnels = [];
    private readonly TaskSet _running = new();
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Makes a server; it does nothing until it runs.</summary>
    /// <param name="listener">Listening; owned by the server from then on.</param>
    /// <param name="context">The TLS context of the workload behind the listener, asked for each connection: certificates are renewed.</param>
    /// <param name="options">Limits.</param>
    /// <param name="serve">Serves one request; the stream is disposed when it returns. Must not throw for what a peer does.</param>
    /// <param name="refused">Told of connections that did not become a tunnel; must not block.</param>
    public TunnelServer(
        TcpSocket listener,
        Func<CancellationToken, ValueTask<TlsContext>> context,
        TunnelServerOptions options,
        Func<Tunnel, Http2Stream, Task> serve,
        Action<TcpSocket, Exception> refused)
        : this(listener, context, options, refused) =>
        _take = (tunnel, stream) => _running.Add(ServeAsync(serve, tunnel, stream));

    /// <summary>Makes a server whose requests belong to their taker.</summary>
    /// <param name="listener">Listening; owned by the server from then on.</param>
    /// <param name="context">The TLS context of the workload behind the listener, asked for each connection: certificates are renewed.</param>
    /// <param name="options">Limits.</param>
    /// <param name="take">Takes one request and owns its stream from then on; the server does not wait for it. Must not throw.</param>
    /// <param name="refused">Told of connections that did not become a tunnel; must not block.</param>
    public TunnelServer(
        TcpSocket listener,
        Func<CancellationToken, ValueTask<TlsContext>> context,
        TunnelServerOptions options,
        Action<Tunnel, Http2Stream> take,
        Action<TcpSocket, Exception> refused)
        : this(listener, context, options, refused) => _take = take;

    private TunnelServer(
        TcpSocket listener, Func<CancellationToken, ValueTask<TlsContext>> context, TunnelServerOptions options, Action<TcpSocket, Exception> refused)
    {
        _listener = listener;
        _context = context;
        _options = options;
        _take = null!; // by the other constructors
        _refused = refused;
    }

    /// <summary>Serves until stopped and the last tunnel has ended. On the listener's loop.</summary>
    public async Task RunAsync()
    {
        try
        {
            await _listener.AcceptAsync(socket => _running.Add(AcceptAsync(socket)));
        }
        catch (Exception failure) when (_stopping.IsCancellationRequested && failure is LinuxException or ObjectDisposedException)
        {
            // the listener was closed to stop
        }

        await _running.WhenEmptyAsync();
    }

    /// <summary>Takes no more connections nor streams; what is open goes on. On the loop.</summary>
    public void Stop()
    {
        if (!_stopping.IsCancellationRequested)
        {
            _stopping.Cancel();
            _listener.Dispose();
            foreach (var tunnel in _tunnels.ToList()) // one that ends at once leaves the set
            {
                tunnel.Connection.GoAway();
            }
        }
    }

    /// <summary>Stops, and cuts what is open. On the loop.</summary>
    public void Abort()
    {
        Stop();
        foreach (var tunnel in _tunnels.ToList())
        {
            tunnel.Connection.Abort(Http2ErrorCode.NoError);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    private async Task AcceptAsync(TcpSocket socket)
    {
        _options.SocketsChanged(1);
        try
        {
            await ServeAsync(socket);
        }
        finally
        {
            _options.SocketsChanged(-1);
        }
    }

    private async Task ServeAsync(TcpSocket socket)
    {
        Tunnel tunnel;
        try
        {
            _ = socket.RemoteEndPoint; // remembered from here on, for whoever is told of a refusal
            socket.SetNoDelay();
            // One deadline for both: a certificate that does not come keeps nobody waiting for longer than a handshake may.
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
            deadline.CancelAfter(_options.HandshakeTimeout);
            var context = await _context(deadline.Token);
            var tls = await TlsConnection.ServerAsync(socket, context, _options.HandshakeTimeout, _stopping.Token);
            tunnel = Tunnel.Server(
                _listener.Loop, tls, _options.Limits, _options.Budget, _take);
        }
        catch (Exception failure) // whatever it is, it costs this connection only, and is told
        {
            _refused(socket, failure);
            socket.Dispose();
            return;
        }

        _tunnels.Add(tunnel);
        if (_stopping.IsCancellationRequested)
        {
            tunnel.Connection.GoAway();
        }

        await tunnel.Ended;
        _tunnels.Remove(tunnel);
    }

    private static async Task ServeAsync(Func<Tunnel, Http2Stream, Task> serve, Tunnel tunnel, Http2Stream stream)
    {
        using (stream)
        {
            await serve(tunnel, stream);
        }
    }
}

/// <summary>Limits of a <see cref="TunnelServer"/>.</summary>
/// <param name="Limits">Of each HTTP/2 connection.</param>
/// <param name="Budget">Memory that all connections of the process share.</param>
/// <param name="HandshakeTimeout">From the accepted socket to the finished handshake.</param>
/// <param name="SocketsChanged">Told +1 for each accepted socket, and -1 when it is gone.</param>
public sealed record TunnelServerOptions(Http2Limits Limits, ByteBudget Budget, TimeSpan HandshakeTimeout, Action<int> SocketsChanged);
