using Ambient.Hbone;
using Ambient.Linux;

namespace Ambient.Proxy.Tunnels;

/// <summary>
/// The tunnels that a loop has open to peers, for connections to share. On its loop only.
/// <list type="bullet">
/// <item>A tunnel is found by its whole key; a tunnel of another identity is never used.</item>
/// <item>Who finds no room waits, in order, for whatever comes first: a stream that ends, or a tunnel that is being dialled. There are no
/// more dials under way than those who wait need: one, as long as they fit into one tunnel.</item>
/// <item>A full tunnel stays: it is used again as soon as one of its streams has ended.</item>
/// <item>A tunnel without streams is closed after <see cref="IdleTime"/>; one that is ending takes no new streams.</item>
/// </list>
/// </summary>
public sealed class TunnelPool : IAsyncDisposable
{
    /// <summary>For one key at a time: with 100 streams each, eight are for 800 connections that wait.</summary>
    private const int MostDials = 8;

    private readonly EventLoop _loop;
    private readonly int _streamsPerTunnel;
    private readonly Dictionary<TunnelKey, Peer> _peers = [];
    private readonly TaskSet _watched = new();
    private readonly IDisposable _sweep;
    private bool _closing;

    /// <summary>Makes an empty pool for a loop. On the loop.</summary>
    /// <param name="loop">Whose tunnels they are.</param>
    /// <param name="idleTime">How long a tunnel without streams stays open; 5 minutes as with Istio's node proxy.</param>
    /// <param name="streamsPerTunnel">How many streams a tunnel is expected to carry; 100 as with Istio's node proxy.</param>
    public TunnelPool(EventLoop loop, TimeSpan idleTime, int streamsPerTunnel = 100)
    {
        _loop = loop;
        _streamsPerTunnel = streamsPerTunnel;
        IdleTime = idleTime;
        _sweep = loop.Every(SweepPeriod(idleTime), Sweep);
    }

    /// <summary>How long a tunnel without streams stays open.</summary>
    public TimeSpan IdleTime { get; }

    /// <summary>How many tunnels are open.</summary>
    public int Count => _peers.Values.Sum(peer => peer.Tunnels.Count);

    /// <summary>Opens a stream in a tunnel of this key; one is dialled if none has room.</summary>
    /// <param name="key">Which tunnels will do.</param>
    /// <param name="headers">The request.</param>
    /// <param name="dial">Makes a tunnel within a time of its own; its failure goes to everybody whom it was to carry, because it would be theirs too.</param>
    /// <param name="exceptIn">A tunnel that has refused this request: another one is to be asked.</param>
    public Task<(Tunnel Tunnel, Http2Stream Stream)> OpenAsync(
        TunnelKey key, RequestHeaders headers, Func<Task<Tunnel>> dial, Tunnel? exceptIn = null)
    {
        ObjectDisposedException.ThrowIf(_closing, this);
        if (!_peers.TryGetValue(key, out var peer))
        {
            _peers.Add(key, peer = new Peer(key));
        }

        if (peer.WithRoom(exceptIn) is { } tunnel)
        {
            return Task.FromResult((tunnel, tunnel.Connection.Open(headers)));
        }

        var waiter = new Waiter(headers, dial, exceptIn);
        peer.Waiting.AddLast(waiter);
        DialForThoseWhoWait(peer);
        return waiter.Opened.Task;
    }

    /// <summary>Lets streams that are open go on, and closes each tunnel when its last has ended.</summary>
    public void GoAway()
    {
        foreach (var tunnel in _peers.Values.SelectMany(peer => peer.Tunnels).ToList())
        {
            tunnel.Connection.GoAway();
        }
    }

    /// <summary>Closes all tunnels at once, and those that are being dialled as soon as they come: each dial has a deadline of its own.</summary>
    public async ValueTask DisposeAsync()
    {
        _closing = true;
        _sweep.Dispose();
        foreach (var peer in _peers.Values.ToList())
        {
            peer.Fail(peer.Waiting.Count, new ObjectDisposedException(nameof(TunnelPool)));
            foreach (var tunnel in peer.Tunnels.ToList())
            {
                tunnel.Connection.Abort(Http2ErrorCode.NoError);
            }
        }

        await _watched.WhenEmptyAsync();
    }

    private void DialForThoseWhoWait(Peer peer)
    {
        while (!_closing && peer.Dials < MostDials && peer.Waiting.Count > peer.Dials * _streamsPerTunnel)
        {
            // The one to whom it matters is the first whom no dial under way would reach.
            var waiter = peer.Waiting.ElementAt(peer.Dials * _streamsPerTunnel);
            peer.Dials++;
            _watched.Add(KeepAsync(peer, waiter.Dial));
        }
    }

    /// <summary>A tunnel's life: dialled, used, gone. What goes wrong is told to those who wait.</summary>
    private async Task KeepAsync(Peer peer, Func<Task<Tunnel>> dial)
    {
        Tunnel? tunnel = null;
        try
        {
            tunnel = await dial();
            if (_closing)
            {
                tunnel.Connection.Abort(Http2ErrorCode.NoError);
            }
            else if (tunnel.Connection.IsEnding)
            {
                // A peer that takes our TLS and then turns us away would do so again and again.
                throw new IOException($"{peer.Key.Destination} closed the tunnel at once: {await tunnel.Ended}");
            }
        }
        catch (Exception failure)
        {
            peer.Dials--;
            peer.Fail(peer.Waiting.Count - (peer.Dials * _streamsPerTunnel), failure);
            RemoveIfUnused(peer);
            return;
        }

        peer.Dials--;
        peer.Tunnels.Add(tunnel);
        tunnel.Connection.CapacityChanged = () => Serve(peer);
        Serve(peer);
        await tunnel.Ended;
        peer.Tunnels.Remove(tunnel);
        RemoveIfUnused(peer);
    }

    /// <summary>Gives room to those who wait for it, first come, first served.</summary>
    private void Serve(Peer peer)
    {
        // Looked for anew each time: who is served goes on inside, and may open and end streams itself.
        while (peer.Next() is var (waiter, tunnel))
        {
            peer.Waiting.Remove(waiter);
            waiter.Value.Open(tunnel);
        }

        DialForThoseWhoWait(peer);
    }

    private void RemoveIfUnused(Peer peer)
    {
        if (peer.Tunnels.Count == 0 && peer.Dials == 0 && peer.Waiting.Count == 0 && _peers.GetValueOrDefault(peer.Key) == peer)
        {
            _peers.Remove(peer.Key);
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

    /// <summary>The tunnels of one key, and who waits for room in one.</summary>
    private sealed class Peer(TunnelKey key)
    {
        public TunnelKey Key { get; } = key;

        public List<Tunnel> Tunnels { get; } = [];

        /// <summary>Bound: one entry for each connection that was accepted; none waits for longer than a dial may take.</summary>
        public LinkedList<Waiter> Waiting { get; } = [];

        /// <summary>Dials under way.</summary>
        public int Dials { get; set; }

        public Tunnel? WithRoom(Tunnel? except)
        {
            foreach (var tunnel in Tunnels)
            {
                if (tunnel != except && tunnel.Connection.CanOpen)
                {
                    return tunnel;
                }
            }

            return null;
        }

        /// <summary>The first of those who wait for whom there is room, and where.</summary>
        public (LinkedListNode<Waiter> Waiter, Tunnel Tunnel)? Next()
        {
            for (var node = Waiting.First; node is not null; node = node.Next)
            {
                if (WithRoom(node.Value.ExceptIn) is { } tunnel)
                {
                    return (node, tunnel);
                }

                if (node.Value.ExceptIn is null)
                {
                    break; // nothing has room
                }
            }

            return null;
        }

        /// <summary>Tells the first of those who wait that there is nothing for them.</summary>
        public void Fail(int count, Exception failure)
        {
            for (; count > 0 && Waiting.First is { } first; count--)
            {
                Waiting.RemoveFirst();
                first.Value.Opened.TrySetException(failure);
            }
        }
    }

    private sealed record Waiter(RequestHeaders Headers, Func<Task<Tunnel>> Dial, Tunnel? ExceptIn)
    {
        public TaskCompletionSource<(Tunnel Tunnel, Http2Stream Stream)> Opened { get; } = new();

        public void Open(Tunnel tunnel)
        {
            try
            {
                Opened.TrySetResult((tunnel, tunnel.Connection.Open(Headers)));
            }
            catch (Exception failure)
            {
                Opened.TrySetException(failure); // a request that cannot be sent is its sender's
            }
        }
    }
}
