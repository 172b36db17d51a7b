using System.Buffers.Binary;
using Ambient.Hbone.Tests.Support;
using static Ambient.Hbone.Tests.Support.RawFrame;

namespace Ambient.Hbone.Tests;

/// <summary>Floods: frames without end that cost us more than their sender. Each attack is one test and ends cheaply.</summary>
[Collection(Support.MeasuredAlone.Name)]
public sealed class AttackTests
{
    private static readonly byte[] Head = RawPeer.Block((":method", "CONNECT"), (":authority", "a:1"));

    /// <summary>The most that one connection may hold while it is attacked and nobody reads.</summary>
    private const long MostHeld = 256 * 1024;

    [Fact]
    public Task Data_dribble_with_windows_of_one_byte_CVE_2019_9511() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync(settings: RawPeer.Setting(4, 1));
        var writing = WriteForeverAsync(stream);
        var sent = 0;
        for (; stream.ResetCode is null && sent < 5_000; sent++)
        {
            await server.Peer.SendAsync(WindowUpdate, 0, 1, Int(1));
            for (var turn = 0; turn < 5; turn++)
            {
                await Task.Yield();
            }

            Assert.True(server.Budget.Held < MostHeld);
        }

        Assert.InRange(sent, 500, 2_000);
        await server.Peer.ExpectResetAsync(1, Http2ErrorCode.EnhanceYourCalm);
        await server.Peer.ExpectAliveAsync();
        await Assert.ThrowsAsync<Http2StreamException>(() => writing);
    });

    [Fact]
    public Task Ping_flood_CVE_2019_9512() =>
        FloodEndsAsync(new RawFrame(Ping, 0, 0, new byte[8]), most: 1_100);

    [Fact]
    public Task Ping_flood_by_a_peer_that_reads_nothing_CVE_2019_9512() => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest(pauseAt: 2_048);
        await server.Peer.StartAsClientAsync();
        await FloodAsync(server, new RawFrame(Ping, 0, 0, new byte[8]), most: 1_100);
        server.Peer.Close();
        await server.ExpectEndAsync(ConnectionEndReason.Abuse);
    });

    [Fact]
    public Task Priority_loops_CVE_2019_9513() => OnLoop.RunAsync(async () =>
    {
        var (server, _) = await ServerUnderTest.WithTunnelAsync();
        var frames = Enumerable.Range(0, 2_000)
            .Select(i => new RawFrame(Priority, 0, (2 * (i % 97)) + 1, [0, 0, 0, (byte)((2 * ((i * 31) % 97)) + 1), 7])).ToArray();
        await server.Peer.SendAsync(frames);
        await server.Peer.ExpectAliveAsync();
        Assert.Equal(1, server.Connection.ActiveStreams);
        await FloodAsync(server, frames[0], most: 10_500);
        await server.ExpectEndAsync(ConnectionEndReason.Abuse);
    });

    [Fact]
    public Task Reset_flood_CVE_2019_9514() => OnLoop.RunAsync(async () =>
    {
        // Requests that we have to reset, from a peer that does not read the resets.
        var server = new ServerUnderTest(pauseAt: 2_048);
        await server.Peer.StartAsClientAsync();
        var id = -1;
        await FloodAsync(server, () => new RawFrame(Headers, EndHeaders, id += 2, RawPeer.Block((":method", "GET"))), most: 300);
        server.Peer.Close();
        await server.ExpectEndAsync(ConnectionEndReason.Abuse);
    });

    [Fact]
    public Task Settings_flood_CVE_2019_9515() => FloodEndsAsync(new RawFrame(Settings, 0, 0, RawPeer.Setting(1, 4_096)), most: 1_000);

    [Fact]
    public Task Settings_with_thousands_of_entries_CVE_2019_9515() =>
        FloodEndsAsync(new RawFrame(Settings, 0, 0, [.. Enumerable.Range(0, 2_000).SelectMany(_ => RawPeer.Setting(1, 4_096))]), most: 1);

    [Fact]
    public Task Header_fields_without_names_CVE_2019_9516() => OnLoop.RunAsync(async () =>
    {
        var (server, _) = await ServerUnderTest.WithTunnelAsync();
        byte[] fields = [.. Head, .. Enumerable.Repeat(new byte[] { 0, 0, 0 }, 1_500).SelectMany(field => field)];
        await server.Peer.SendAsync(Headers, EndHeaders, 3, fields);
        await server.Peer.ExpectResetAsync(3, Http2ErrorCode.ProtocolError);

        // 32 bytes are counted for each field: more than 2,048 of nothing exceed the list.
        byte[] more = [.. Head, .. Enumerable.Repeat(new byte[] { 0, 0, 0 }, 2_100).SelectMany(field => field)];
        await server.Peer.SendAsync(Headers, EndHeaders, 5, more);
        Assert.Equal(5, (await server.Peer.ExpectAsync(Headers)).StreamId);
        await server.Peer.ExpectResetAsync(5, Http2ErrorCode.NoError);
        Assert.Single(server.Requests);
    });

    [Fact]
    public Task Internal_data_buffering_behind_a_closed_transport_CVE_2019_9517() => OnLoop.RunAsync(async () =>
    {
        var (server, first) = await ServerUnderTest.WithTunnelAsync(pauseAt: 4_096, settings: RawPeer.Setting(4, int.MaxValue));
        await server.Peer.SendAsync(WindowUpdate, 0, 0, Int(int.MaxValue - 65_535));
        List<Http2Stream> streams = [first];
        for (var id = 3; id < 41; id += 2)
        {
            streams.Add(await server.OpenAsync(id));
        }

        var writers = streams.Select(WriteForeverAsync).ToList();
        await OnLoop.SettleAsync();
        Assert.All(writers, writer => Assert.False(writer.IsCompleted));
        Assert.All(streams, stream => Assert.InRange(stream.Pending, 0, 80 * 1024));
        var held = server.Budget.Held;
        await OnLoop.SettleAsync();
        Assert.Equal(held, server.Budget.Held);
        server.Connection.Abort(Http2ErrorCode.Cancel);
        foreach (var writer in writers)
        {
            await Assert.ThrowsAsync<Http2ConnectionException>(() => writer);
        }

        Assert.Equal(0, server.Budget.Held);
    });

    [Fact]
    public Task Empty_DATA_flood_CVE_2019_9518() => FloodEndsAsync(new RawFrame(Data, 0, 1, []), most: 1_100);

    [Fact]
    public Task Padding_only_DATA_flood_CVE_2019_9518() => FloodEndsAsync(new RawFrame(Data, Padded, 1, new byte[1]), most: 1_100);

    [Fact]
    public Task Empty_HEADERS_flood_CVE_2019_9518() => OnLoop.RunAsync(async () =>
    {
        var (server, _) = await ServerUnderTest.WithTunnelAsync();
        var id = 1;
        await FloodAsync(server, () => new RawFrame(Headers, EndHeaders, id += 2, []), most: 300);
        await server.ExpectEndAsync(ConnectionEndReason.Abuse);
    });

    [Fact]
    public Task Unknown_frame_flood() => FloodEndsAsync(new RawFrame(200, 0, 0, []), most: 10_500);

    [Fact]
    public Task Window_update_flood() => FloodEndsAsync(new RawFrame(WindowUpdate, 0, 1, Int(1)), most: 10_500);

    [Fact]
    public Task Flood_of_frames_on_reset_streams() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        stream.Reset(Http2ErrorCode.Cancel);
        await FloodAsync(server, new RawFrame(Data, 0, 1, [1]), most: 10_500);
        await server.ExpectEndAsync(ConnectionEndReason.Abuse);
    });

    [Fact]
    public Task Rapid_reset_CVE_2023_44487() => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest();
        await server.Peer.StartAsClientAsync();
        var id = -1;
        await FloodAsync(server, () => new RawFrame(Headers, EndHeaders, id += 2, Head), most: 450, () => new RawFrame(Reset, 0, id, Int(8)));
        await server.ExpectEndAsync(ConnectionEndReason.Abuse);
        Assert.All(server.Requests, request => Assert.True(request.Aborted.IsCancellationRequested));
        Assert.Equal(0, server.Connection.ActiveStreams);
    });

    [Fact]
    public Task Two_hundred_requests_given_up_at_once_are_no_attack() => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest();
        await server.Peer.StartAsClientAsync();
        var ids = Enumerable.Range(0, 200).Select(i => (2 * i) + 1).ToList();
        await server.Peer.SendAsync([.. ids.Select(id => new RawFrame(Headers, EndHeaders, id, Head))]);
        await server.Peer.SendAsync([.. ids.Select(id => new RawFrame(Reset, 0, id, Int(8)))]);
        await server.Peer.ExpectAliveAsync();
        Assert.Equal(200, server.Requests.Count);
        Assert.Equal(0, server.Connection.ActiveStreams);
    });

    [Fact]
    public Task Continuation_flood_VU_421644() => OnLoop.RunAsync(async () =>
    {
        var (server, _) = await ServerUnderTest.WithTunnelAsync();
        await server.Peer.SendAsync(Headers, 0, 3, Head);
        await FloodAsync(server, new RawFrame(Continuation, 0, 3, RawPeer.Block(("x", "y"))), most: 65);
        await server.ExpectEndAsync(ConnectionEndReason.Abuse);
        Assert.Single(server.Requests);
    });

    [Fact]
    public Task Continuation_flood_of_large_frames_VU_421644() => OnLoop.RunAsync(async () =>
    {
        var (server, _) = await ServerUnderTest.WithTunnelAsync();
        await server.Peer.SendAsync(Headers, 0, 3, Head);
        await FloodAsync(server, new RawFrame(Continuation, 0, 3, new byte[16_384]), most: 9);
        await server.ExpectEndAsync(ConnectionEndReason.Abuse);
    });

    [Theory]
    [InlineData("window update of zero")]
    [InlineData("window overflow")]
    [InlineData("data after the end")]
    [InlineData("priority of a wrong length")]
    [InlineData("headers inside a tunnel")]
    public Task Made_you_reset_CVE_2025_8671(string provocation) => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest();
        await server.Peer.StartAsClientAsync();
        var id = -1;
        RawFrame[] Provoke() => provocation switch
        {
            "window update of zero" => [new(WindowUpdate, 0, id, new byte[4])],
            "window overflow" => [new(WindowUpdate, 0, id, Int(int.MaxValue))],
            "data after the end" => [new(Data, EndStream, id, []), new(Data, 0, id, [1])],
            "priority of a wrong length" => [new(Priority, 0, id, new byte[4])],
            _ => [new(Headers, EndHeaders | EndStream, id, RawPeer.Block(("x", "y")))],
        };
        var sent = 0;
        while (!server.End.IsCompleted && sent < 1_000)
        {
            id += 2;
            sent++;
            await server.Peer.SendAsync([new RawFrame(Headers, EndHeaders, id, Head), .. Provoke()]);
            await OnLoop.UntilAsync(() => server.End.IsCompleted || (server.Requests.Count == sent && server.Requests[^1].ResetCode is not null), "the reset");
        }

        Assert.InRange(sent, 150, 250);
        await server.ExpectEndAsync(ConnectionEndReason.Abuse);
        Assert.All(server.Requests, request => Assert.True(request.Aborted.IsCancellationRequested));
        Assert.Equal(Http2ErrorCode.EnhanceYourCalm, (await server.End).Code);
    });

    [Fact]
    public Task Resets_by_the_hundred_thousand_leave_nothing_behind_CVE_2023_26964() => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest(
            new Http2Limits { KeepAliveInterval = TimeSpan.FromDays(1) }, stream => stream.Respond(200, [], endStream: false), pauseAt: 64 * 1024);
        await server.Peer.StartAsClientAsync();
        var draining = server.Peer.DrainAsync(keep: false);
        var now = 0L;
        var id = -1;
        long before = 0;
        byte[] pair = [.. new RawFrame(Headers, EndHeaders, 1, Head).ToBytes(), .. new RawFrame(Reset, 0, 1, Int(8)).ToBytes()];
        var batch = Enumerable.Repeat(pair, 1_000).SelectMany(bytes => bytes).ToArray();
        for (var round = 0; round < 200; round++)
        {
            for (var offset = 0; offset < batch.Length; offset += pair.Length)
            {
                id += 2;
                BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(offset + 5), id);
                BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(offset + 9 + Head.Length + 5), id);
            }

            await server.Peer.SendBytesAsync(batch);
            Assert.False(server.Connection.IsOver, server.Connection.Ended?.ToString());
            server.Connection.Tick(now += 1_000);
            if (round == 20)
            {
                before = GC.GetTotalMemory(forceFullCollection: true);
            }
        }

        await OnLoop.UntilAsync(() => server.Connection.ActiveStreams == 0 && server.Connection.LastRequest == id, "the last reset");
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 4 << 20);
        Assert.Equal(0, server.Budget.Held);
        Assert.False(server.End.IsCompleted);
        server.Connection.Abort(Http2ErrorCode.NoError);
        await draining;
    });

    [Fact]
    public Task Flood_of_small_DATA_frames_that_nobody_reads() => OnLoop.RunAsync(async () =>
    {
        var (server, _) = await ServerUnderTest.WithTunnelAsync();
        await FloodAsync(server, new RawFrame(Data, 0, 1, [1]), most: 10_500);
        await server.ExpectEndAsync(ConnectionEndReason.Abuse);
    });

    [Fact]
    public Task Small_DATA_frames_that_somebody_reads_are_no_attack() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        var frames = Enumerable.Repeat(new RawFrame(Data, 0, 1, [7]), 1_000).ToArray();
        for (var round = 0; round < 50; round++)
        {
            await server.Peer.SendAsync(frames);
            Assert.Equal(1_000, (await stream.Input.ReadExactlyAsync(1_000)).Length);
        }

        await server.Peer.ExpectAliveAsync();
    });

    [Fact]
    public Task Header_compression_bomb_CVE_2016_6581() => OnLoop.RunAsync(async () =>
    {
        var (server, _) = await ServerUnderTest.WithTunnelAsync();
        var value = new byte[3_900];
        Array.Fill(value, (byte)'v');
        byte[] large = [0x40, 1, (byte)'x', 0x7f, .. Varint(3_900 - 127), .. value];
        byte[] bomb = [.. Head, .. large, .. Enumerable.Repeat((byte)0xbe, 8_000)];
        await server.Peer.SendAsync(Headers, EndHeaders, 3, bomb);
        await server.Peer.ExpectGoAwayAsync(Http2ErrorCode.EnhanceYourCalm);
        await server.ExpectEndAsync(ConnectionEndReason.Abuse);
    });

    [Fact]
    public Task A_peer_that_offers_a_huge_table_does_not_make_us_keep_one() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync(settings: RawPeer.Setting(1, uint.MaxValue));
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var id = 3; id < 403; id += 2)
        {
            await server.Peer.ConnectAsync(id);
            await OnLoop.UntilAsync(() => server.Requests[^1].Id == id, "the request");
            server.Requests[^1].Respond(200, [new("baggage", new string((char)('a' + (id % 26)), 900) + id)], endStream: true);
            server.Requests[^1].Reset(Http2ErrorCode.NoError);
        }

        server.Requests.Clear();
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 1 << 20);
        GC.KeepAlive(stream);
    });

    private static byte[] Varint(int value)
    {
        var bytes = new List<byte>();
        for (; value >= 128; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
        return [.. bytes];
    }

    private static Task FloodEndsAsync(RawFrame frame, int most) => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        await FloodAsync(server, frame, most);
        await server.Peer.ExpectGoAwayAsync(Http2ErrorCode.EnhanceYourCalm);
        await server.ExpectEndAsync(ConnectionEndReason.Abuse);
        await Assert.ThrowsAsync<Http2ConnectionException>(() => stream.Input.ReadToEndAsync());
    });

    private static Task FloodAsync(ServerUnderTest server, RawFrame frame, int most) => FloodAsync(server, () => frame, most);

    /// <summary>Sends until the server has had enough; no later than after so many frames, and without memory growing.</summary>
    private static async Task FloodAsync(ServerUnderTest server, Func<RawFrame> next, int most, Func<RawFrame>? second = null)
    {
        var sent = 0;
        for (; !server.Connection.IsOver && sent < most * 2; sent += 8)
        {
            var frames = new List<RawFrame>();
            for (var count = 0; count < 8; count++)
            {
                frames.Add(next());
                if (second is not null)
                {
                    frames.Add(second());
                }
            }

            await server.Peer.SendAsync([.. frames]);
            await Task.Yield();
            await Task.Yield();
            Assert.True(server.Budget.Held < MostHeld);
        }

        Assert.InRange(sent, 0, most + 16);
    }

    private static async Task WriteForeverAsync(Http2Stream stream)
    {
        var chunk = new byte[16_384];
        while (!(await stream.Output.WriteAsync(chunk)).IsCompleted)
        {
        }
    }
}
