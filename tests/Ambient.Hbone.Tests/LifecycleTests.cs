using Ambient.Hbone.Tests.Support;
using static Ambient.Hbone.Tests.Support.RawFrame;

namespace Ambient.Hbone.Tests;

/// <summary>Keep-alive, announced ends, sudden ends, and what each looks like to the streams.</summary>
public sealed class LifecycleTests
{
    [Fact]
    public Task A_PING_goes_out_after_ten_seconds_and_ten_after_each_answer() => OnLoop.RunAsync(async () =>
    {
        var (server, _) = await ServerUnderTest.WithTunnelAsync();
        var connection = server.Connection;
        Tick(connection, 1_000, 10_999);
        await server.Peer.ExpectAliveAsync(); // no PING of theirs before the answer to ours
        connection.Tick(11_000);
        var ping = await server.Peer.ExpectAsync(Ping);
        Assert.False(ping.Has(Ack));
        connection.Tick(13_000);
        await server.Peer.SendAsync(Ping, Ack, 0, ping.Payload);
        await server.Peer.ExpectAliveAsync();
        Tick(connection, 13_000, 22_999);
        await server.Peer.ExpectAliveAsync();
        connection.Tick(23_000);
        Assert.False((await server.Peer.ExpectAsync(Ping)).Has(Ack));
        Assert.False(server.End.IsCompleted);
    });

    [Fact]
    public Task Twenty_seconds_without_an_answer_are_the_end() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        var reading = stream.Input.ReadToEndAsync();
        Tick(server.Connection, 0, 10_000);
        Tick(server.Connection, 10_000, 29_999);
        await OnLoop.SettleAsync();
        Assert.False(server.End.IsCompleted);
        server.Connection.Tick(30_000);
        await server.Peer.ExpectGoAwayAsync(Http2ErrorCode.NoError);
        await server.ExpectEndAsync(ConnectionEndReason.KeepAliveTimeout);
        var error = await Assert.ThrowsAsync<Http2ConnectionException>(() => reading);
        Assert.Equal(ConnectionEndReason.KeepAliveTimeout, error.End.Reason);
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task SETTINGS_that_do_not_come_or_are_not_acknowledged_are_the_end(bool sendsSettings) => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest();
        await server.Peer.SendBytesAsync(RawPeer.Preface);
        if (sendsSettings)
        {
            await server.Peer.SendAsync(Settings, 0, 0);
        }

        Tick(server.Connection, 0, 9_999);
        await OnLoop.SettleAsync();
        server.Connection.Tick(10_000);
        await server.Peer.ExpectGoAwayAsync(Http2ErrorCode.SettingsTimeout);
        await server.ExpectEndAsync(ConnectionEndReason.SettingsTimeout);
    });

    [Fact]
    public Task A_peer_that_reads_nothing_cannot_hold_the_end_up() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync(pauseAt: 4_096, settings: RawPeer.Setting(4, int.MaxValue));
        server.Connection.Tick(0);
        await stream.Output.WriteAsync(new byte[30_000]);
        server.Connection.Abort(Http2ErrorCode.Cancel);
        await OnLoop.SettleAsync();
        Assert.False(server.End.IsCompleted);
        server.Connection.Tick(1_000);
        server.Connection.Tick(3_100);
        await server.ExpectEndAsync(ConnectionEndReason.Aborted);
    });

    [Fact]
    public Task A_server_drains_what_is_open_and_says_twice_what_it_will_not_take() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        server.Connection.GoAway();
        Assert.Equal((uint)int.MaxValue, (await server.Peer.ExpectAsync(GoAway)).Number);
        var ping = await server.Peer.ExpectAsync(Ping);

        // Under way when the first GOAWAY was sent: still served.
        var crossing = await server.OpenAsync(3);
        await server.Peer.SendAsync(Ping, Ack, 0, ping.Payload);
        Assert.Equal(3u, (await server.Peer.ExpectAsync(GoAway)).Number);
        await server.Peer.ConnectAsync(5);
        await server.Peer.ExpectResetAsync(5, Http2ErrorCode.RefusedStream);

        await stream.Output.WriteAsync("bye"u8.ToArray());
        stream.Output.Complete();
        crossing.Output.Complete();
        await server.Peer.SendAsync(Data, EndStream, 1);
        await OnLoop.SettleAsync();
        Assert.False(server.End.IsCompleted);
        await server.Peer.SendAsync(Data, EndStream, 3);
        await server.ExpectEndAsync(ConnectionEndReason.Drained);
        Assert.Contains(await server.Peer.DrainAsync(), frame => frame.Type == Data && frame.StreamId == 3 && frame.Has(EndStream));
    });

    [Fact]
    public Task A_drain_does_not_wait_for_a_PING_that_nobody_answers() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        server.Connection.GoAway();
        stream.Reset(Http2ErrorCode.Cancel);
        server.Connection.Tick(0);
        await OnLoop.SettleAsync();
        Assert.False(server.End.IsCompleted);
        server.Connection.Tick(1_000);
        await server.ExpectEndAsync(ConnectionEndReason.Drained);
    });

    [Fact]
    public Task A_client_told_to_go_away_keeps_what_was_accepted_and_may_repeat_the_rest() => OnLoop.RunAsync(async () =>
    {
        var (near, far) = MemoryTransport.Create();
        var peer = new RawPeer(far);
        var client = Http2Connection.Client(near, Http2Limits.ForClient(), new ByteBudget(ByteBudget.DefaultLimit));
        var end = client.RunAsync();
        await peer.SendAsync(Settings, 0, 0);
        await client.PeerSettings;
        var first = client.Open(RequestHeaders.Connect("a:1"));
        var second = client.Open(RequestHeaders.Connect("b:1"));
        var waiting = second.ResponseAsync().AsTask();
        await peer.SendAsync(GoAway, 0, 0, [0, 0, 0, 1, 0, 0, 0, 0]);
        var refused = await Assert.ThrowsAsync<Http2StreamException>(() => waiting);
        Assert.True(refused.IsRetryable);
        Assert.False(client.CanOpen);
        Assert.Throws<InvalidOperationException>(() => client.Open(RequestHeaders.Connect("c:1")));
        await peer.SendAsync(Headers, EndHeaders, 1, [0x88]);
        Assert.Equal(200, (await first.ResponseAsync()).Status);
        await peer.SendAsync(Data, EndStream, 1);
        first.Output.Complete();
        Assert.Equal(ConnectionEndReason.PeerGoAway, (await end.WaitAsync(OnLoop.Patience)).Reason);
    });

    [Fact]
    public Task GOAWAY_with_an_error_ends_everything() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        await server.Peer.SendAsync(GoAway, 0, 0, [0, 0, 0, 0, 0, 0, 0, 2, (byte)'x']);
        await server.ExpectEndAsync(ConnectionEndReason.PeerError);
        Assert.Equal(Http2ErrorCode.InternalError, (await server.End).Code);
        Assert.True(stream.Aborted.IsCancellationRequested);
    });

    [Fact]
    public Task A_transport_that_closes_under_open_streams_is_no_clean_end() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        await server.Peer.SendAsync(Data, 0, 1, "half of"u8.ToArray());
        await stream.Input.ReadExactlyAsync(7);
        var reading = stream.Input.ReadToEndAsync();
        server.Peer.Close();
        await server.ExpectEndAsync(ConnectionEndReason.TransportFailed);
        await Assert.ThrowsAsync<Http2ConnectionException>(() => reading);
    });

    [Fact]
    public Task A_transport_that_closes_between_streams_is() => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest();
        await server.Peer.StartAsClientAsync();
        await server.Peer.ExpectAliveAsync();
        server.Peer.Close();
        await server.ExpectEndAsync(ConnectionEndReason.PeerClosed);
        Assert.True((await server.End).IsClean);
    });

    [Theory]
    [InlineData(Http2ErrorCode.NoError)]
    [InlineData(Http2ErrorCode.Cancel)]
    public Task A_tunnel_that_the_peer_gives_up_reads_as_ended_and_takes_no_more(Http2ErrorCode code) => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        await server.Peer.SendAsync(new RawFrame(Data, 0, 1, "rest"u8.ToArray()), new RawFrame(Reset, 0, 1, Int((uint)code)));
        Assert.Equal("rest"u8.ToArray(), await stream.Input.ReadToEndAsync());
        Assert.True((await stream.Output.WriteAsync(new byte[10])).IsCompleted);
        Assert.Equal(code, stream.ResetCode);
        Assert.Equal(0, server.Budget.Held);
    });

    [Theory]
    [InlineData(Http2ErrorCode.InternalError)]
    [InlineData(Http2ErrorCode.ConnectError)]
    [InlineData(Http2ErrorCode.RefusedStream)]
    [InlineData((Http2ErrorCode)0x1234)]
    public Task A_tunnel_that_the_peer_resets_with_an_error_fails_both_ways(Http2ErrorCode code) => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        var reading = stream.Input.ReadToEndAsync();
        await server.Peer.SendAsync(Reset, 0, 1, Int((uint)code));
        Assert.Equal(code, (await Assert.ThrowsAsync<Http2StreamException>(() => reading)).Code);
        Assert.Equal(code, (await Assert.ThrowsAsync<Http2StreamException>(async () => await stream.Output.WriteAsync(new byte[10]))).Code);
        await server.Peer.ExpectAliveAsync();
    });

    [Fact]
    public Task A_reset_does_not_touch_the_memory_that_a_reader_still_looks_at() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        var sent = Enumerable.Range(0, 9_000).Select(i => (byte)(i * 7)).ToArray();
        await server.Peer.SendAsync(Data, 0, 1, sent);
        var result = await stream.Input.ReadAsync();
        await server.Peer.SendAsync(Reset, 0, 1, Int(2));
        var other = await server.OpenAsync(3);
        await server.Peer.SendAsync(Data, 0, 3, new byte[60_000]);
        await other.Input.ReadExactlyAsync(30_000);
        Assert.Equal(sent, System.Buffers.BuffersExtensions.ToArray(result.Buffer));
        stream.Input.AdvanceTo(result.Buffer.End);
        Assert.Throws<Http2StreamException>(() => stream.Input.TryRead(out _));
    });

    [Fact]
    public Task Completing_with_an_exception_or_disposing_resets() => OnLoop.RunAsync(async () =>
    {
        var (server, first) = await ServerUnderTest.WithTunnelAsync();
        first.Output.Complete(new IOException("the application went away"));
        await server.Peer.ExpectResetAsync(1, Http2ErrorCode.Cancel);
        (await server.OpenAsync(3)).Dispose();
        await server.Peer.ExpectResetAsync(3, Http2ErrorCode.Cancel);
        var ended = await server.OpenAsync(5);
        ended.Output.Complete();
        await server.Peer.SendAsync(Data, EndStream, 5);
        Assert.Empty(await ended.Input.ReadToEndAsync());
        ended.Dispose();
        await server.Peer.ExpectAliveAsync();
        Assert.Equal(0, server.Connection.ActiveStreams);
        Assert.Null(ended.ResetCode);
    });

    [Fact]
    public Task A_stream_that_is_waiting_can_be_cancelled_and_used_again() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        using var cancellation = new CancellationTokenSource();
        var reading = stream.Input.ReadAsync(cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        await server.Peer.SendAsync(Data, 0, 1, "x"u8.ToArray());
        Assert.Equal("x"u8.ToArray(), await stream.Input.ReadExactlyAsync(1));

        using var second = new CancellationTokenSource();
        var writing = stream.Output.WriteAsync(new byte[500_000], second.Token).AsTask();
        await OnLoop.SettleAsync();
        Assert.False(writing.IsCompleted);
        await second.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing);
    });

    [Fact]
    public Task Time_in_which_we_did_not_run_is_not_the_peers_silence() => OnLoop.RunAsync(async () =>
    {
        var (server, _) = await ServerUnderTest.WithTunnelAsync();
        Tick(server.Connection, 0, 10_000);
        var ping = await server.Peer.ExpectAsync(Ping);
        server.Connection.Tick(3_600_000); // an hour of suspension: five seconds
        await server.Peer.SendAsync(Ping, Ack, 0, ping.Payload);
        await server.Peer.ExpectAliveAsync();
        server.Connection.Tick(3_601_000);
        Assert.False(server.End.IsCompleted);
    });

    private static void Tick(Http2Connection connection, long from, long to)
    {
        for (var now = from; now < to; now += 1_000)
        {
            connection.Tick(now);
        }

        connection.Tick(to);
    }
}
