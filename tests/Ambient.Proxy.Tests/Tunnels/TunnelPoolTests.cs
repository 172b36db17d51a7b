using System.Net;
using Ambient.Api;
using Ambient.Hbone;
using Ambient.Identity.Tls;
using Ambient.Proxy.Tunnels;

namespace Ambient.Proxy.Tests.Tunnels;

public sealed class TunnelPoolTests : ProxyFixture
{
    private static readonly RequestHeaders Connect = RequestHeaders.Connect("10.0.0.1:80");
    private int _dials;

    [Fact]
    public async Task Those_who_come_at_once_share_one_dial_and_one_tunnel() => await OnLoopAsync(async () =>
    {
        await using var server = Serve(EchoAsync);
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5));
        var opened = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => OpenAsync(pool, server)));
        Assert.Equal(1, _dials);
        Assert.Equal(1, pool.Count);
        Assert.Single(opened.Select(one => one.Tunnel).Distinct());
        Assert.Equal(50, opened[0].Tunnel.Connection.ActiveStreams);
        foreach (var (_, stream) in opened)
        {
            Assert.Equal("hello"u8.ToArray(), await AskAsync(stream, "hello"u8.ToArray()));
            stream.Dispose();
        }
    });

    [Fact]
    public async Task A_full_tunnel_is_used_again_once_it_has_room() => await OnLoopAsync(async () =>
    {
        ClientLimits = new Http2Limits { MaxConcurrentStreams = 2, AssumedPeerStreams = 2 };
        await using var server = Serve(EchoAsync);
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5));
        var first = await OpenAsync(pool, server);
        await OpenAsync(pool, server);
        var third = await OpenAsync(pool, server);
        Assert.Equal(2, pool.Count);
        Assert.NotSame(first.Tunnel, third.Tunnel);

        first.Stream.Dispose();
        var fourth = await OpenAsync(pool, server);
        Assert.Same(first.Tunnel, fourth.Tunnel);
        Assert.Equal(2, _dials);
    });

    [Fact]
    public async Task The_peers_lower_limit_is_kept() => await OnLoopAsync(async () =>
    {
        ServerLimits = new Http2Limits { MaxConcurrentStreams = 3, MaxHeaderListSize = 65536 };
        await using var server = Serve(EchoAsync);
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5));
        for (var index = 0; index < 7; index++)
        {
            var (tunnel, stream) = await OpenAsync(pool, server);
            Assert.Equal("x"u8.ToArray(), await AskAsync(stream, "x"u8.ToArray()));
            Assert.InRange(tunnel.Connection.ActiveStreams, 1, 3);
        }

        Assert.Equal(3, pool.Count);
    });

    [Fact]
    public async Task Who_differs_in_anything_shares_nothing() => await OnLoopAsync(async () =>
    {
        await using var server = Serve(EchoAsync);
        await using var other = Serve(EchoAsync);
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5));
        var keys = new[]
        {
            Key(server.Address),
            Key(other.Address),
            Key(server.Address, Db),
            Key(server.Address, null, Db, Web),
            Key(server.Address, null, Web, Db),
            new TunnelKey(Web, new Ambient.Linux.NamespaceId(1, 2), server.Address, [Db]),
        };
        foreach (var key in keys)
        {
            await pool.OpenAsync(key, Connect, () => CountedDialAsync(key.Destination));
            await pool.OpenAsync(key, Connect, () => CountedDialAsync(key.Destination));
        }

        Assert.Equal(keys.Length, _dials);
        Assert.Equal(keys.Length, pool.Count);
    });

    [Fact]
    public async Task As_many_dials_are_under_way_as_those_who_wait_need() => await OnLoopAsync(async () =>
    {
        ClientLimits = new Http2Limits { MaxConcurrentStreams = 2, AssumedPeerStreams = 2 };
        await using var server = Serve(EchoAsync);
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5), streamsPerTunnel: 2);
        var gate = new TaskCompletionSource();
        var underWay = 0;
        var most = 0;
        var waiting = Enumerable.Range(0, 21).Select(_ => pool.OpenAsync(Key(server.Address), Connect, async () =>
        {
            most = Math.Max(most, ++underWay);
            await gate.Task;
            var tunnel = await CountedDialAsync(server.Address);
            underWay--;
            return tunnel;
        })).ToList();
        Assert.Equal(8, underWay); // for 21 it would be 11
        gate.SetResult();
        await Task.WhenAll(waiting).WaitAsync(Limit);
        Assert.Equal((8, 11, 11), (most, _dials, pool.Count));
    });

    [Fact]
    public async Task A_slow_dial_holds_nobody_for_whom_room_comes_elsewhere() => await OnLoopAsync(async () =>
    {
        ClientLimits = new Http2Limits { MaxConcurrentStreams = 2, AssumedPeerStreams = 2 };
        await using var server = Serve(EchoAsync);
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5), streamsPerTunnel: 2);
        var first = await OpenAsync(pool, server);
        await OpenAsync(pool, server);
        var gate = new TaskCompletionSource();
        var slow = Enumerable.Range(0, 2).Select(_ => pool.OpenAsync(Key(server.Address), Connect, async () =>
        {
            await gate.Task;
            throw new IOException("too late");
        })).ToList();
        first.Stream.Dispose();
        Assert.Same(first.Tunnel, (await slow[0].WaitAsync(Limit)).Tunnel);
        Assert.False(slow[1].IsCompleted);
        gate.SetResult();
        Assert.Equal("too late", (await Assert.ThrowsAsync<IOException>(() => slow[1])).Message);
    });

    [Fact]
    public async Task One_dial_that_fails_fails_those_whom_the_others_do_not_reach() => await OnLoopAsync(async () =>
    {
        ClientLimits = new Http2Limits { MaxConcurrentStreams = 1, AssumedPeerStreams = 1 };
        await using var server = Serve(EchoAsync);
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5), streamsPerTunnel: 1);
        var gates = new List<TaskCompletionSource<bool>>();
        var waiting = Enumerable.Range(0, 3).Select(_ => pool.OpenAsync(Key(server.Address), Connect, async () =>
        {
            var gate = new TaskCompletionSource<bool>();
            gates.Add(gate);
            return await gate.Task ? await DialAsync(server.Address) : throw new IOException("no way");
        })).ToList();
        Assert.Equal(3, gates.Count);
        gates[1].SetResult(false);
        Assert.Equal(1, waiting.Count(one => one.IsFaulted));
        gates[0].SetResult(true);
        gates[2].SetResult(true);
        await Task.WhenAny(Task.WhenAll(waiting), Loop.DelayAsync(Limit));
        Assert.Equal(2, waiting.Count(one => one.IsCompletedSuccessfully));
    });

    [Fact]
    public async Task Who_was_refused_in_one_tunnel_asks_in_another() => await OnLoopAsync(async () =>
    {
        await using var server = Serve(EchoAsync);
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5));
        var first = await OpenAsync(pool, server);
        var second = await pool.OpenAsync(Key(server.Address), Connect, () => CountedDialAsync(server.Address), exceptIn: first.Tunnel);
        Assert.NotSame(first.Tunnel, second.Tunnel);
        var third = await OpenAsync(pool, server);
        Assert.Same(first.Tunnel, third.Tunnel);
        Assert.Equal(2, _dials);
    });

    [Fact]
    public async Task A_failed_dial_fails_all_who_waited_and_the_next_dials_again() => await OnLoopAsync(async () =>
    {
        await using var server = Serve(EchoAsync);
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5));
        var gate = new TaskCompletionSource();
        var waiting = Enumerable.Range(0, 5).Select(_ => pool.OpenAsync(Key(server.Address), Connect, async () =>
        {
            _dials++;
            await gate.Task;
            throw new IOException("no way");
        })).ToList();
        gate.SetResult();
        foreach (var one in waiting)
        {
            Assert.Equal("no way", (await Assert.ThrowsAsync<IOException>(() => one)).Message);
        }

        Assert.Equal(1, _dials);
        Assert.Equal(0, pool.Count);
        await OpenAsync(pool, server);
        Assert.Equal(2, _dials);
    });

    [Fact]
    public async Task An_idle_tunnel_is_closed_in_order() => await OnLoopAsync(async () =>
    {
        Tunnel? atServer = null;
        await using var server = Serve((tunnel, stream) =>
        {
            atServer = tunnel;
            return EchoAsync(tunnel, stream);
        });
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMilliseconds(300));
        var (client, stream) = await OpenAsync(pool, server);
        await AskAsync(stream, "x"u8.ToArray());
        await Loop.DelayAsync(TimeSpan.FromMilliseconds(600));
        Assert.Equal(1, pool.Count); // a stream is open

        stream.Dispose();
        Assert.True((await client.Ended.WaitAsync(Limit)).IsClean);
        Assert.True((await atServer!.Ended.WaitAsync(Limit)).IsClean);
        await UntilAsync(() => pool.Count == 0, "the tunnel leaves the pool");
    });

    [Fact]
    public async Task A_tunnel_that_goes_away_finishes_its_streams_and_gets_no_new_ones() => await OnLoopAsync(async () =>
    {
        var atServer = new List<Tunnel>();
        await using var server = Serve((tunnel, stream) =>
        {
            atServer.Add(tunnel);
            return EchoAsync(tunnel, stream);
        });
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5));
        var old = await OpenAsync(pool, server);
        await AskAsync(old.Stream, "x"u8.ToArray());
        atServer[0].Connection.GoAway();
        await UntilAsync(() => old.Tunnel.Connection.IsEnding, "GOAWAY arrives");

        var fresh = await OpenAsync(pool, server);
        Assert.NotSame(old.Tunnel, fresh.Tunnel);
        Assert.Equal("still"u8.ToArray(), await AskAsync(old.Stream, "still"u8.ToArray()));
        Assert.Equal("new"u8.ToArray(), await AskAsync(fresh.Stream, "new"u8.ToArray()));
        old.Stream.Dispose();
        Assert.True((await old.Tunnel.Ended.WaitAsync(Limit)).IsClean);
        await UntilAsync(() => pool.Count == 1, "the old tunnel leaves the pool");
    });

    [Fact]
    public async Task A_broken_tunnel_fails_its_streams_and_is_not_used_again() => await OnLoopAsync(async () =>
    {
        var atServer = new List<Tunnel>();
        await using var server = Serve((tunnel, stream) =>
        {
            atServer.Add(tunnel);
            return EchoAsync(tunnel, stream);
        });
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5));
        var old = await OpenAsync(pool, server);
        await AskAsync(old.Stream, "x"u8.ToArray());
        atServer[0].Connection.Abort(Http2ErrorCode.InternalError);
        await Assert.ThrowsAnyAsync<IOException>(async () => await old.Stream.Input.ReadAsync());
        var end = await old.Tunnel.Ended.WaitAsync(Limit);
        Assert.Equal((ConnectionEndReason.PeerError, Http2ErrorCode.InternalError), (end.Reason, end.Code));

        var fresh = await OpenAsync(pool, server);
        Assert.Equal("new"u8.ToArray(), await AskAsync(fresh.Stream, "new"u8.ToArray()));
        Assert.Equal(1, pool.Count);
    });

    [Fact]
    public async Task A_peer_that_turns_us_away_is_not_dialled_again_and_again() => await OnLoopAsync(async () =>
    {
        await using var server = Serve(EchoAsync);
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5));
        using var foreign = Authority.Certificate("spiffe://elsewhere/ns/shop/sa/web");
        await Assert.ThrowsAnyAsync<IOException>(async () =>
        {
            var (_, stream) = await pool.OpenAsync(Key(server.Address), Connect, async () =>
            {
                _dials++;
                var tls = await TlsConnection.ClientAsync(await ConnectAsync(server.Address), foreign.Client, [Db], Limit);
                return Tunnel.Client(Loop, tls, ClientLimits, Budget);
            });
            await stream.ResponseAsync();
        });
        Assert.Equal(1, _dials);
        await UntilAsync(() => pool.Count == 0, "the tunnel leaves the pool");
        var refused = Assert.Single(server.Refused);
        Assert.Equal(TlsFailure.WrongPeerIdentity, Assert.IsType<TlsException>(refused.Failure).Failure);
    });

    [Fact]
    public async Task A_peer_that_closes_at_once_is_told_to_who_dialled() => await OnLoopAsync(async () =>
    {
        await using var server = Serve(EchoAsync);
        await using var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5));
        var failure = await Assert.ThrowsAsync<IOException>(() => pool.OpenAsync(Key(server.Address), Connect, async () =>
        {
            var tunnel = await CountedDialAsync(server.Address);
            await tunnel.DisposeAsync();
            return tunnel;
        }));
        Assert.Contains("closed the tunnel at once", failure.Message, StringComparison.Ordinal);
        Assert.Equal(1, _dials);
        Assert.Equal(0, pool.Count);
    });

    [Fact]
    public async Task Closing_the_pool_closes_its_tunnels_and_those_under_way() => await OnLoopAsync(async () =>
    {
        await using var server = Serve(EchoAsync);
        var pool = new TunnelPool(Loop, TimeSpan.FromMinutes(5));
        var (tunnel, stream) = await OpenAsync(pool, server);
        var gate = new TaskCompletionSource();
        Tunnel? late = null;
        var opening = pool.OpenAsync(Key(server.Address, Db), Connect, async () =>
        {
            await gate.Task;
            return late = await DialAsync(server.Address);
        });
        var closing = pool.DisposeAsync().AsTask();
        gate.SetResult();
        await closing.WaitAsync(Limit);
        Assert.True(tunnel.Ended.IsCompleted);
        Assert.True(late!.Ended.IsCompleted);
        await Assert.ThrowsAnyAsync<Exception>(() => opening);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => OpenAsync(pool, server));
        stream.Dispose();
    });

    private Task<(Tunnel Tunnel, Http2Stream Stream)> OpenAsync(TunnelPool pool, TestServer server) =>
        pool.OpenAsync(Key(server.Address), Connect, () => CountedDialAsync(server.Address));

    private Task<Tunnel> CountedDialAsync(IPEndPoint address)
    {
        _dials++;
        return DialAsync(address);
    }
}
