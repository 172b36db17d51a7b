using Ambient.Hbone.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using static Ambient.Hbone.Tests.Support.RawFrame;

namespace Ambient.Hbone.Tests;

/// <summary>Credit: the stream's when its reader consumed, the connection's on receipt; and what bounds memory instead.</summary>
public sealed class FlowControlTests
{
    private static readonly Http2Limits Small = new() { StreamWindow = 65_535, ConnectionWindow = 131_070 };

    [Fact]
    public Task The_stream_gets_credit_when_its_reader_consumed_and_the_connection_on_receipt() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync(Small);
        for (var sent = 0; sent < 4; sent++)
        {
            await server.Peer.SendAsync(Data, 0, 1, new byte[16_383]);
        }

        await server.Peer.SendAsync(Data, 0, 1, new byte[3]);
        var update = await server.Peer.ExpectAsync(WindowUpdate);
        Assert.Equal(0, update.StreamId);
        Assert.Equal(65_535u, update.Number);
        await server.Peer.ExpectAliveAsync(); // and nothing for the stream came before the answer

        await stream.Input.ReadExactlyAsync(65_535);
        update = await server.Peer.ExpectAsync(WindowUpdate);
        Assert.Equal(1, update.StreamId);
    });

    [Fact]
    public Task A_reader_that_only_looks_gives_no_credit() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync(Small);
        await server.Peer.SendAsync(Data, 0, 1, new byte[40_000]);
        var result = await stream.Input.ReadAsync();
        stream.Input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        Assert.False(stream.Input.TryRead(out _));
        await server.Peer.SendAsync(Data, 0, 1, new byte[10]);
        result = await stream.Input.ReadAsync();
        Assert.Equal(40_010, result.Buffer.Length);
        stream.Input.AdvanceTo(result.Buffer.Start);
        var frames = server.Peer.ExpectAsync(WindowUpdate, 1);
        await OnLoop.SettleAsync();
        Assert.False(frames.IsCompleted);
        stream.Input.CancelPendingRead();
        Assert.True((await stream.Input.ReadAsync()).IsCanceled);
        result = (await ReadAgainAsync(stream));
        stream.Input.AdvanceTo(result.Buffer.End);
        Assert.Equal(40_010u, (await frames).Number);
    });

    /// <summary>What is left of a window after full frames may be small, however long the stream lives; a dribble is nothing but small frames.</summary>
    [Fact]
    public Task Windows_with_small_ends_are_no_dribble() => OnLoop.RunAsync(async () =>
    {
        const int FullFrame = 16_384 - 9, Rest = 100, Both = FullFrame + Rest; // a frame with its header fills a TLS record
        var (server, stream) = await ServerUnderTest.WithTunnelAsync(settings: RawPeer.Setting(4, 0));
        var writing = stream.Output.WriteAsync(new byte[3_100 * Both]);
        for (var window = 0; window < 3_000; window++)
        {
            await server.Peer.SendAsync(WindowUpdate, 0, 0, Int(Both));
            await server.Peer.SendAsync(WindowUpdate, 0, 1, Int(Both));
            Assert.Equal(FullFrame, (await server.Peer.ExpectAsync(Data, 1)).Payload.Length);
            Assert.Equal(Rest, (await server.Peer.ExpectAsync(Data, 1)).Payload.Length);
        }

        await server.Peer.ExpectAliveAsync();
        Assert.Null(stream.ResetCode);
        server.Connection.Abort(Http2ErrorCode.Cancel);
        await Assert.ThrowsAsync<Http2ConnectionException>(() => writing.AsTask());
    });

    [Fact]
    public Task A_dropped_tunnel_gives_its_share_of_the_connection_back() => OnLoop.RunAsync(async () =>
    {
        var (server, _) = await ServerUnderTest.WithTunnelAsync(Small);
        for (var id = 3; id < 23; id += 2)
        {
            // Ten times half of the connection's window, and nobody ever reads.
            var stream = await server.OpenAsync(id);
            await server.Peer.SendAsync(Data, 0, id, new byte[60_000]);
            await server.Peer.ExpectAliveAsync();
            stream.Reset(Http2ErrorCode.Cancel);
        }

        Assert.Equal(0, server.Budget.Held);
    });

    [Fact]
    public Task Ten_streams_that_nobody_reads_leave_the_eleventh_as_fast_as_alone() => OnLoop.RunAsync(async () =>
    {
        var pair = new Pair();
        var stalled = new List<Http2Stream>();
        var writers = new List<Task>();
        for (var count = 0; count < 10; count++)
        {
            var (client, server) = await pair.ConnectAsync();
            stalled.Add(server);
            writers.Add(WriteUntilStuckAsync(client));
        }

        await OnLoop.UntilAsync(() => pair.Budget.Held > 10L * (4 << 20), "ten full windows");
        var (fast, echo) = await pair.ConnectAsync();
        for (var message = 0; message < 1_000; message++)
        {
            await fast.Output.WriteAsync(new byte[100]);
            await echo.Input.ReadExactlyAsync(100);
            await echo.Output.WriteAsync(new byte[100]);
            await fast.Input.ReadExactlyAsync(100);
        }

        Assert.All(writers, writer => Assert.False(writer.IsCompleted));
        Assert.All(stalled, stream => Assert.InRange(stream.Held, 1, (4 << 20) + 65_536));
    });

    [Fact]
    public Task The_byte_budget_lets_go_of_the_fullest_stream_and_the_connection_goes_on() => OnLoop.RunAsync(async () =>
    {
        var budget = new ByteBudget(8 << 20);
        var pair = new Pair(budget: budget);
        var (modest, reader) = await pair.ConnectAsync();
        await modest.Output.WriteAsync(new byte[50_000]);
        var greedy = new List<Http2Stream>();
        for (var count = 0; count < 4; count++)
        {
            var (client, server) = await pair.ConnectAsync();
            greedy.Add(server);
            _ = IgnoreAsync(WriteUntilStuckAsync(client));
        }

        await OnLoop.UntilAsync(() => greedy.Any(stream => stream.ResetCode is not null), "a reset");
        await OnLoop.SettleAsync();
        Assert.Contains(greedy, stream => stream.ResetCode == Http2ErrorCode.EnhanceYourCalm);
        Assert.Null(reader.ResetCode);
        Assert.InRange(budget.Held, 0, budget.Limit + (2 << 20));
        Assert.Equal(50_000, (await reader.Input.ReadExactlyAsync(50_000)).Length);
        Assert.False(pair.ServerEnd.IsCompleted);
    });

    [Fact]
    public Task Under_pressure_windows_shrink_and_grow_back() => OnLoop.RunAsync(async () =>
    {
        var budget = new ByteBudget(8 << 20);
        var other = budget.Open();
        other.Take(7 << 20); // somebody else's slow readers
        var (server, stream) = await ServerUnderTest.WithTunnelAsync(budget: budget);
        for (var sent = 0; sent < 4; sent++)
        {
            await server.Peer.SendAsync(Data, 0, 1, new byte[1 << 20]);
            await stream.Input.ReadExactlyAsync(1 << 20);
        }

        Assert.InRange((await server.Peer.ExpectAsync(WindowUpdate, 1)).Number, 1u, 65_535u);
        other.Return(7 << 20);
        await server.Peer.SendAsync(Data, 0, 1, new byte[30_000]);
        await stream.Input.ReadExactlyAsync(30_000);
        Assert.InRange((await server.Peer.ExpectAsync(WindowUpdate, 1)).Number, 2u << 20, 4u << 20);
    });

    [Fact]
    public Task A_window_that_shrinks_below_what_is_sent_holds_data_until_it_is_positive() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        await stream.Output.WriteAsync(new byte[60_000]);
        var received = 0;
        while (received < 60_000)
        {
            received += (await server.Peer.ExpectAsync(Data)).Payload.Length;
        }

        await server.Peer.SendAsync(Settings, 0, 0, RawPeer.Setting(4, 10_000)); // the window is -44,465 now
        await server.Peer.ExpectAliveAsync();
        await stream.Output.WriteAsync(new byte[500]);
        await server.Peer.SendAsync(WindowUpdate, 0, 1, Int(49_000));
        await server.Peer.ExpectAliveAsync();
        await server.Peer.SendAsync(WindowUpdate, 0, 1, Int(1_300));
        Assert.Equal(300, (await server.Peer.ExpectAsync(Data)).Payload.Length);
        await server.Peer.SendAsync(WindowUpdate, 0, 1, Int(1_300));
        Assert.Equal(200, (await server.Peer.ExpectAsync(Data)).Payload.Length);
    });

    [Fact]
    public void Any_pattern_of_writes_and_reads_comes_through_the_smallest_windows() =>
        Prop.ForAll<ushort[], ushort[]>((writes, reads) => RunPatternAsync(writes, reads).GetAwaiter().GetResult())
            .Check(Config.QuickThrowOnFailure.WithMaxTest(25));

    private static async Task<bool> RunPatternAsync(ushort[] writes, ushort[] reads)
    {
        var equal = false;
        await OnLoop.RunAsync(async () =>
        {
            var pair = new Pair(clientLimits: Small, serverLimits: Small);
            var (client, server) = await pair.ConnectAsync();
            var sent = new byte[writes.Sum(size => size * 3)];
            new Random(writes.Length).NextBytes(sent);
            var writing = WriteInPiecesAsync(client, sent, writes);
            var received = new List<byte>();
            for (var turn = 0; ; turn++)
            {
                var result = await server.Input.ReadAsync();
                var take = Math.Min(result.Buffer.Length, reads.Length == 0 ? long.MaxValue : reads[turn % reads.Length] + 1);
                foreach (var memory in result.Buffer.Slice(0, take))
                {
                    received.AddRange(memory.Span);
                }

                server.Input.AdvanceTo(result.Buffer.GetPosition(take));
                if (result.IsCompleted && take == result.Buffer.Length)
                {
                    break;
                }
            }

            await writing;
            equal = received.SequenceEqual(sent);
            server.Output.Complete();
            await client.Input.ReadToEndAsync();
            Assert.Equal(0, pair.Budget.Held);
        });
        return equal;
    }

    private static async Task WriteInPiecesAsync(Http2Stream stream, byte[] bytes, ushort[] sizes)
    {
        var offset = 0;
        foreach (var size in sizes)
        {
            await stream.Output.WriteAsync(bytes.AsMemory(offset, size * 3));
            offset += size * 3;
        }

        stream.Output.Complete();
    }

    private static async Task<System.IO.Pipelines.ReadResult> ReadAgainAsync(Http2Stream stream)
    {
        stream.Input.AdvanceTo(default);
        return await stream.Input.ReadAsync();
    }

    private static async Task WriteUntilStuckAsync(Http2Stream stream)
    {
        var chunk = new byte[16_384];
        while (true)
        {
            await stream.Output.WriteAsync(chunk);
        }
    }

    private static async Task IgnoreAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (IOException)
        {
        }
    }
}
