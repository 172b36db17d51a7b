using System.Net;
using Ambient.Api;
using Ambient.Hbone;
using Ambient.Identity.Tls;
using Ambient.Linux;

namespace Ambient.Proxy.Tunnels;

/// <summary>
/// One HBONE connection, either end: HTTP/2 in TLS over a socket, on one loop. What a loop turn produces leaves in one send, and the
/// loop's heartbeat keeps it alive. It ends by itself, with its peer, or by <see cref="DisposeAsync"/>.
/// </summary>
public sealed class Tunnel : IEndOfTurn, IAsyncDisposable
{
    private readonly EventLoop _loop;
    private readonly TlsConnection _tls;
    private readonly IDisposable _heartbeat;
    private readonly TaskCompletionSource<ConnectionEnd> _ended = new();

    private Tunnel(EventLoop loop, TlsConnection tls, Http2Limits limits, ByteBudget budget, Action<Tunnel, Http2Stream>? onRequest)
    {
        _loop = loop;
        _tls = tls;
        PeerIdentity = tls.PeerIdentity;
        RemoteEndPoint = tls.RemoteEndPoint;
        LocalEndPoint = tls.LocalEndPoint;
        Connection = onRequest is null
            ? Http2Connection.Client(tls, limits, budget)
            : Http2Connection.Server(tls, limits, budget, stream => onRequest(this, stream));
        Connection.FlushRequested = () => _loop.AtEndOfTurn(this);
        Connection.Flush(); // the preface
        _heartbeat = loop.Every(HeartbeatPeriod, () => Connection.Tick(_loop.NowMilliseconds));
        IdleSince = loop.NowMilliseconds;
        _ = RunAsync(); // ends in Ended
    }

    /// <summary>Keep-alive times are whole seconds, so a second is fine enough to tell them.</summary>
    public static readonly TimeSpan HeartbeatPeriod = TimeSpan.FromSeconds(1);

    /// <summary>What a peer gets to answer our close_notify; longer than any round trip, and nobody waits for it.</summary>
    private static readonly TimeSpan FarewellTime = TimeSpan.FromSeconds(2);

    /// <summary>The peer's identity, from its certificate.</summary>
    public SpiffeId PeerIdentity { get; }

    /// <summary>The peer's address.</summary>
    public IPEndPoint RemoteEndPoint { get; }

    /// <summary>Our address.</summary>
    public IPEndPoint LocalEndPoint { get; }

    /// <summary>The HTTP/2 connection inside.</summary>
    public Http2Connection Connection { get; }

    /// <summary>When its last stream ended, in the loop's milliseconds.</summary>
    public long IdleSince { get; internal set; }

    /// <summary>Completes when the tunnel is over, with the reason; never fails.</summary>
    public Task<ConnectionEnd> Ended => _ended.Task;

    /// <summary>The end that opens streams. On the loop.</summary>
    public static Tunnel Client(EventLoop loop, TlsConnection tls, Http2Limits limits, ByteBudget budget) =>
        new(loop, tls, limits, budget, onRequest: null);

    /// <summary>The end that takes streams. On the loop.</summary>
    public static Tunnel Server(
        EventLoop loop, TlsConnection tls, Http2Limits limits, ByteBudget budget, Action<Tunnel, Http2Stream> onRequest) =>
        new(loop, tls, limits, budget, onRequest);

    /// <summary>Ends it at once, its streams with it.</summary>
    public async ValueTask DisposeAsync()
    {
        Connection.Abort(Http2ErrorCode.NoError);
        await Ended;
    }

    void IEndOfTurn.EndOfTurn() => Connection.Flush();

    private async Task RunAsync()
    {
        ConnectionEnd? end = null;

        // Whoever makes the tunnel gets it before its first request, which may have come with the end of the handshake.
        await _loop.Yield();
        try
        {
            end = await Connection.RunAsync();

            // However it ended: what was written last, as the GOAWAY that names an error, is to reach the peer. Where the
            // transport has failed there is nothing to wait for.
            await _tls.CloseAsync(FarewellTime);
        }
        catch (Exception failure)
        {
            // Not what a peer can cause: a mistake of ours, which ends this tunnel and is told as its end.
            end ??= new ConnectionEnd(ConnectionEndReason.Aborted, Http2ErrorCode.InternalError, failure.ToString());
        }
        finally
        {
            _heartbeat.Dispose();
            _tls.Dispose();
            _ended.TrySetResult(end!);
        }
    }
}
