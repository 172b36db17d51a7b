using System.Net.Sockets;
using System.Security.Cryptography;
using Ambient.Hbone;

namespace Ambient.Proxy.Tests.Relaying;

public class TunnelRelayTests : RelayPath, IAsyncLifetime
{
    public Task InitializeAsync() => Task.CompletedTask;

    async Task IAsyncLifetime.DisposeAsync()
    {
        await StopAsync();
        await DisposeAsync();
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(100_000, 3)]
    [InlineData(8_000_000, 8_000_000)]
    public async Task Bytes_go_both_ways_and_are_counted(int up, int down)
    {
        using var way = await OpenAsync();
        var upData = RandomNumberGenerator.GetBytes(up);
        var downData = RandomNumberGenerator.GetBytes(down);
        var atApplication = ReceiveToEndAsync(way.Application);
        var atClient = ReceiveToEndAsync(way.Client);
        await Task.WhenAll(SendThenEndAsync(way.Client, upData), SendThenEndAsync(way.Application, downData));
        Assert.Equal(upData, await atApplication);
        Assert.Equal(downData, await atClient);
        var (outbound, inbound) = await way.EndAsync();
        Assert.Null(outbound.Error);
        Assert.Null(inbound.Error);
        Assert.Equal((up, down), ((int)way.OutboundCount.Up, (int)way.OutboundCount.Down));
        Assert.Equal((up, down), ((int)way.InboundCount.Up, (int)way.InboundCount.Down));
    }

    [Fact]
    public async Task A_client_may_end_its_side_and_still_get_the_answer()
    {
        using var way = await OpenAsync();
        await SendThenEndAsync(way.Client, "question"u8.ToArray());
        Assert.Equal("question"u8.ToArray(), await ReceiveToEndAsync(way.Application));
        await Task.Delay(100);
        Assert.False(way.Outbound.IsCompleted);
        await SendThenEndAsync(way.Application, "answer"u8.ToArray());
        Assert.Equal("answer"u8.ToArray(), await ReceiveToEndAsync(way.Client));
        await AssertCleanAsync(way);
    }

    [Fact]
    public async Task A_server_may_end_its_side_first_and_still_be_told_things()
    {
        using var way = await OpenAsync();
        await SendThenEndAsync(way.Application, "hello"u8.ToArray());
        Assert.Equal("hello"u8.ToArray(), await ReceiveToEndAsync(way.Client));
        await SendThenEndAsync(way.Client, "late news"u8.ToArray());
        Assert.Equal("late news"u8.ToArray(), await ReceiveToEndAsync(way.Application));
        await AssertCleanAsync(way);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_reset_ends_the_other_side_too_and_is_no_error(bool clientResets)
    {
        using var way = await OpenAsync();
        await SendAsync(way.Client, "x"u8.ToArray());
        await ReceiveAsync(way.Application, 1);
        var (resets, other) = clientResets ? (way.Client, way.Application) : (way.Application, way.Client);
        resets.LingerState = new LingerOption(true, 0);
        resets.Dispose();
        // The other side keeps its own direction open and says nothing: it learns of the reset all the same, and not as an end, which would
        // tell it that it has got everything. Nothing is left over.
        await AssertResetAsync(other);
        await AssertCleanAsync(way);
        Assert.Equal(0, Tunnel.Connection.ActiveStreams);
    }

    [Fact]
    public async Task A_stream_that_the_peer_resets_frees_the_socket_of_an_application_that_says_nothing()
    {
        using var way = await OpenAsync();
        await SendAsync(way.Application, "data"u8.ToArray());
        await ReceiveAsync(way.Client, 4);
        await OnLoopAsync(() =>
        {
            way.Stream.Reset(Http2ErrorCode.Cancel);
            return Task.CompletedTask;
        });
        await AssertResetAsync(way.Application);
        await AssertCleanAsync(way);
    }

    [Fact]
    public async Task A_tunnel_that_breaks_is_an_error_and_a_reset_to_the_application()
    {
        using var way = await OpenAsync();
        await SendAsync(way.Client, "x"u8.ToArray());
        await ReceiveAsync(way.Application, 1);
        await AbortServerAsync();
        await AssertResetAsync(way.Client);
        var (outbound, _) = await way.EndAsync();
        Assert.NotNull(outbound.Error);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_ends_after_one_direction_has_ended_ends_the_other(bool tunnelBreaks)
    {
        using var way = await OpenAsync();
        await SendAsync(way.Client, "x"u8.ToArray());
        way.Client.Shutdown(SocketShutdown.Send);
        Assert.Equal("x"u8.ToArray(), await ReceiveToEndAsync(way.Application));
        await (tunnelBreaks ? AbortServerAsync() : OnLoopAsync(() =>
        {
            way.Stream.Reset(Http2ErrorCode.Cancel);
            return Task.CompletedTask;
        }));
        var (outbound, inbound) = await way.EndAsync();
        Assert.Equal(tunnelBreaks, outbound.Error is not null);
        Assert.Equal(tunnelBreaks, inbound.Error is not null);
        await AssertResetAsync(way.Client);
    }

    [Fact]
    public async Task An_application_that_does_not_read_stalls_only_itself()
    {
        using var stalled = await OpenAsync();
        using var busy = await OpenAsync();
        using var patience = new CancellationTokenSource();
        var flooding = FloodAsync(stalled.Client, patience.Token);
        await Task.Delay(300);
        var data = RandomNumberGenerator.GetBytes(4_000_000);
        var reading = ReceiveToEndAsync(busy.Application);
        await SendThenEndAsync(busy.Client, data);
        Assert.Equal(data, await reading);
        await patience.CancelAsync();
        var flooded = await flooding;
        stalled.Client.Shutdown(SocketShutdown.Send);
        // Of the send that was given up a part may have gone out.
        Assert.InRange((await ReceiveToEndAsync(stalled.Application)).Length, flooded, flooded + 100_000);
    }

    [Fact]
    [Trait("Faults", "Off")]
    public async Task A_bulk_transfer_allocates_nothing_for_its_chunks()
    {
        using var way = await OpenAsync();
        const int Chunk = 1_000_000;
        var data = new byte[Chunk];
        await MoveAsync(10);
        // Buffers join their pools while more are in flight than ever before, a quarter of a megabyte each; what is of each chunk comes every time.
        var (allocated, chunks) = await MeasureAsync();
        for (var again = 0; again < 5 && allocated > chunks * 12; again++)
        {
            (allocated, chunks) = await MeasureAsync();
        }

        Assert.True(chunks > 1000, $"{chunks} chunks");
        // The smallest object has 24 bytes: half of that for each chunk allows the measuring itself.
        Assert.InRange(allocated, 0, chunks * 12);

        async Task<(long Allocated, long Chunks)> MeasureAsync()
        {
            var (before, chunksBefore) = await LoopAllocationsAsync(way);
            await MoveAsync(200);
            var (after, chunksAfter) = await LoopAllocationsAsync(way);
            return (after - before, chunksAfter - chunksBefore);
        }

        async Task MoveAsync(int times)
        {
            for (var index = 0; index < times; index++)
            {
                var receiving = ReceiveAsync(way.Application, Chunk);
                await SendAsync(way.Client, data);
                await receiving;
            }
        }
    }

    private async Task<(long Bytes, long Chunks)> LoopAllocationsAsync(Way way)
    {
        var result = (0L, 0L);
        await OnLoopAsync(() =>
        {
            result = (GC.GetAllocatedBytesForCurrentThread(), way.OutboundCount.Calls + way.InboundCount.Calls + WaypointCount.Calls);
            return Task.CompletedTask;
        });
        return result;
    }

    private static async Task<int> FloodAsync(Socket socket, CancellationToken cancellation)
    {
        var sent = 0;
        var data = new byte[100_000];
        try
        {
            while (true)
            {
                sent += await socket.SendAsync(data, cancellation);
            }
        }
        catch (OperationCanceledException)
        {
            return sent;
        }
    }

    private static async Task SendThenEndAsync(Socket socket, byte[] data)
    {
        await SendAsync(socket, data);
        socket.Shutdown(SocketShutdown.Send);
    }

    private static async Task AssertResetAsync(Socket socket)
    {
        var failure = await Assert.ThrowsAsync<SocketException>(() => ReceiveToEndAsync(socket));
        Assert.Equal(SocketError.ConnectionReset, failure.SocketErrorCode);
    }

    private static async Task AssertCleanAsync(Way way)
    {
        var (outbound, inbound) = await way.EndAsync();
        Assert.Null(outbound.Error);
        Assert.Null(inbound.Error);
    }
}
