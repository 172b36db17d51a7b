using Ambient.Hbone;
using Ambient.Linux;

namespace Ambient.Proxy.Tunnels;

/// <summary>
/// The tunnels that a loop has open to peers, for connections to share. On its loop only.
/// <list type="bullet">
/// <item>A tunnel is found by its whole key; a tunnel of another identity is never used.</item>
/// <item>For one key one dial is under way at a time; those who come meanwhile wait for it.</item>
/// <item>A full tunnel stays: it is used again as soon as one of its streams has ended.</item>
/// <item>A tunnel without streams is closed after <see cref="IdleTime"/>; one that is ending takes no new streams.</item>
/// </list>
/// </summary>
public sealed class TunnelPool : IAsyncDisposable
{
    private readonly EventLoop _loop;
    private readonly Dictionary<TunnelKey, Peer> _peers = [];
    private readonly TaskSet _watched = new();
    private readonly IDisposable _sweep;
    private bool _closing;

    /// <summary>Makes an empty pool for a loop. On the loop.</summary>
    /// <param name="loop">Whose tunnels they are.</param>
    /// <param name="idleTime">How long a tunnel without streams stays open; 5 minutes as with Istio's node proxy.</param>
    public TunnelPool(EventLoop loop, TimeSpan idleTime)
    {
        _loop = loop;
        IdleTime = idleTime;
        _sweep = loop.Every(SweepPeriod(idleTime), Sweep);
    }

    /// <summary>How long a tunnel without streams stays open.</summary>
    public TimeSpan IdleTime { get; }

    /// <summary>How many tunnels are open.</summary>
    public int Count => _peers.Values.Sum(peer => peer.Tunnels.Count);

    /// <summary>Opens a stream in a tunnel of this key, which is dialled if there is none with room.</summary>
    /// <param name="key">Which tunnels will do.</param>
    /// <param name="headers">The request.</param>
    /// <param name="dial">Makes a tunnel; its failure goes to everybody who waited for it, because it would be theirs too.</param>
    public async Task<(Tunnel Tunnel, Http2Stream Stream)> OpenAsync(TunnelKey key, RequestHeaders headers, Func<Task<Tunnel>> dial)
    {
        while (true)
        {
            ObjectDisposedException.ThrowIf(_closing, this);
            if (!_peers.TryGetValue(key, out var peer))
            {
                _peers.Add(key, peer = new Peer());
            }

            if (peer.Tunnels.Find(static tunnel => tunnel.Connection.CanOpen) is { } tunnel)
            {
                return (tunnel, tunnel.Connection.Open(headers));
            }

            if (peer.Dialling is { } underWay)
            {
                await underWay;
                continue;
            }

            var dialling = DialAsync(key, peer, dial);
            peer.Dialling = dialling.IsCompleted ? null : dialling; // by now it may be over, and has said so already
            var dialled = await dialling;
            if (dialled.Connection.IsEnding)
            {
                // A peer that takes our TLS and then turns us away would do so again and again: whoever dialled is told.
                var end = await dialled.Ended;
                throw new IOException($"{key.Destination} closed the tunnel at once: {end}");
            }
        }
    }

    /// <summary>Lets streams that are open go on, and closes each tunnel when its last has ended.</summary>
    public void GoAway()
    {
        foreach (var tunnel in _peers.Values.SelectMany(peer => peer.Tunnels).ToList())
        {
            tunnel.Connection.GoAway();
        }
    }

    /// <summary>Closes all tunnels at once.</summary>
    public async ValueTask DisposeAsync()
    {
        _closing = true;
        _sweep.Dispose();
        foreach (var tunnel in _peers.Values.SelectMany(peer => peer.Tunnels).ToList())
        {
            tunnel.Connection.Abort(Http2ErrorCode.NoError);
        }

        // Dials under way end too: each by its own deadline, and what it brings is closed at once.
        foreach (var dialling in _peers.Values.Select(peer => peer.Dialling).OfType<Task<Tunnel>>().ToList())
        {
            await Task.WhenAny(dialling); // who dialled hears of a failure
        }

        await _watched.WhenEmptyAsync();
    }

    private async Task<Tunnel> DialAsync(TunnelKey key, Peer peer, Func<Task<Tunnel>> dial)
    {
        try
        {
            var tunnel = await dial();
            peer.Tunnels.Add(tunnel);
            _watched.Add(RemoveWhenEndedAsync(key, peer, tunnel));
            if (_closing)
            {
                tunnel.Connection.Abort(Http2ErrorCode.NoError);
            }

            return tunnel;
        }
        finally
        {
            peer.Dialling = null;
            RemoveIfUnused(key, peer);
        }
    }

    private async Task RemoveWhenEndedAsync(TunnelKey key, Peer peer, Tunnel tunnel)
    {
        await tunnel.Ended;
        peer.Tunnels.Remove(tunnel);
        RemoveIfUnused(key, peer);
    }

    private void RemoveIfUnused(TunnelKey key, Peer peer)
    {
        if (peer.Tunnels.Count == 0 && peer.Dialling is null && _peers.GetValueOrDefault(key) == peer)
        {
            _peers.Remove(key);
        }
    }

    private void Sweep()
    {
        var longAgo = _loop.NowMilliseconds - (long)IdleTime.TotalMilliseconds;
        foreach (var tunnel in _peers.Values.SelectMany(peer => peer.Tunnels).ToList())
        {
            if (tunnel.Connection.ActiveStreams > 0)
            {
                tunnel.IdleSince = _loop.NowMilliseconds;
            }
            else if (tunnel.IdleSince <= longAgo)
            {
                tunnel.Connection.GoAway();
            }
        }
    }

    /// <summary>A tenth of the idle time keeps the error small, and a second is often enough for anybody.</summary>
    private static TimeSpan SweepPeriod(TimeSpan idleTime) =>
        TimeSpan.FromMilliseconds(Math.Clamp(idleTime.TotalMilliseconds / 10, 10, 1000));

    private sealed class Peer
    {
        public List<Tunnel> Tunnels { get; } = [];
        public Task<Tunnel>? Dialling { get; set; }
    }
}
