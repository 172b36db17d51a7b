using System.Net;

namespace Ambient.Linux.Tests;

public sealed class SpliceTests : IAsyncLifetime
{
    private readonly EventLoop _loop = EventLoop.Start("splice");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _loop.DisposeAsync().AsTask().WithinLimit();

    private Task On(Func<Task> test) => _loop.RunAsync(test).WithinLimit();

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 100)]
    [InlineData(70_000, 3)]
    [InlineData(20_000_000, 9_000_000)]
    public Task Every_byte_and_both_ends_arrive(int up, int down) => On(async () =>
    {
        var relay = await Relay.StartAsync(_loop);
        var (request, response) = (Sockets.Pattern(up), Sockets.Pattern(down));
        var served = Sockets.ReadToEndAsync(relay.Server);
        await Sockets.SendAllAsync(relay.Client, request);
        relay.Client.ShutdownSend();
        Assert.Equal(request, await served);

        // Half-closed: the answer still comes.
        var answered = Sockets.ReadToEndAsync(relay.Client);
        await Sockets.SendAllAsync(relay.Server, response);
        relay.Server.ShutdownSend();
        Assert.Equal(response, await answered);

        Assert.True((await relay.Up).IsClean);
        Assert.True((await relay.Down).IsClean);
        Assert.Equal((up, down), (relay.UpCounter.Bytes, relay.DownCounter.Bytes));
        relay.Dispose();
    });

    [Fact]
    public Task A_slow_reader_holds_the_sender_back_and_gets_everything() => On(async () =>
    {
        var relay = await Relay.StartAsync(_loop);
        var data = Sockets.Pattern(30_000_000);
        var sending = Sockets.SendAllAsync(relay.Client, data);
        await _loop.DelayAsync(TimeSpan.FromMilliseconds(100), CancellationToken.None);
        Assert.False(sending.IsCompleted, "30 MB fit into the kernel's buffers: the test proves nothing");
        var reading = Sockets.ReadToEndAsync(relay.Server, 30_000);
        await sending;
        relay.Client.ShutdownSend();
        Assert.Equal(data, await reading);
        relay.Dispose();
    });

    [Fact]
    public Task An_idle_relay_holds_no_pipe() => On(async () =>
    {
        var relay = await Relay.StartAsync(_loop);
        for (var round = 0; round < 100; round++)
        {
            await Sockets.SendAllAsync(relay.Client, new byte[10]);
            await Sockets.ReadExactlyAsync(relay.Server, 10);
            await Sockets.SendAllAsync(relay.Server, new byte[10]);
            await Sockets.ReadExactlyAsync(relay.Client, 10);
        }

        await _loop.Yield();
        Assert.InRange(_loop.Pipes.FreeCount, 1, 2);
        relay.Dispose();
    });

    [Fact]
    public Task A_reset_of_either_side_is_told_with_its_side() => On(async () =>
    {
        var relay = await Relay.StartAsync(_loop);
        relay.Client.Abort();
        Assert.Equal(new SpliceEnd(Errno.ECONNRESET, Errno.None), await relay.Up);
        relay.Dispose();
        await relay.Down;

        relay = await Relay.StartAsync(_loop);
        var flooding = FloodAsync(relay.Client);
        await Sockets.ReadExactlyAsync(relay.Server, 10);
        relay.Server.Abort();
        var up = await relay.Up;
        Assert.Equal(Errno.None, up.ReceiveError);
        Assert.True(up.SendError is Errno.ECONNRESET or Errno.EPIPE, up.ToString());
        relay.Dispose();
        await flooding;
        await relay.Down;
    });

    [Fact]
    public Task Disposing_a_socket_ends_both_directions() => On(async () =>
    {
        var relay = await Relay.StartAsync(_loop);
        await _loop.Yield();
        relay.Dispose();
        await relay.Up;
        await relay.Down;
    });

    [Fact]
    public Task A_fast_pair_does_not_starve_the_loop() => On(async () =>
    {
        var relay = await Relay.StartAsync(_loop);
        var data = Sockets.Pattern(60_000_000);
        var reading = Sockets.ReadToEndAsync(relay.Server, 1 << 20);
        var sending = Sockets.SendAllAsync(relay.Client, data);
        var turns = 0;
        while (!sending.IsCompleted)
        {
            turns++;
            await _loop.Yield();
        }

        Assert.True(turns > 5, $"{turns} turns");
        relay.Client.ShutdownSend();
        Assert.Equal(data.Length, (await reading).Length);
        relay.Dispose();
    });

    private static async Task FloodAsync(TcpSocket socket)
    {
        var chunk = new byte[65536];
        while (true)
        {
            var sent = socket.TrySend(chunk);
            if (sent.WouldBlock)
            {
                await socket.WaitWritableAsync();
            }
            else if (!sent.Ok)
            {
                return;
            }
        }
    }

    /// <summary>client ─ near │ relay │ far ─ server</summary>
    private sealed record Relay(
        TcpSocket Client, TcpSocket Near, TcpSocket Far, TcpSocket Server, Task<SpliceEnd> Up, Task<SpliceEnd> Down,
        SpliceCounter UpCounter, SpliceCounter DownCounter) : IDisposable
    {
        public static async Task<Relay> StartAsync(EventLoop loop)
        {
            var (client, near) = await Sockets.PairAsync(loop);
            var (far, server) = await Sockets.PairAsync(loop);
            var (up, down) = (new SpliceCounter(), new SpliceCounter());
            return new Relay(
                client, near, far, server, Splice.PumpAsync(near, far, up), Splice.PumpAsync(far, near, down), up, down);
        }

        public void Dispose()
        {
            foreach (var socket in new[] { Client, Near, Far, Server })
            {
                socket.Dispose();
            }
        }
    }
}
