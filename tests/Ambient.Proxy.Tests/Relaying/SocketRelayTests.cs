using System.Net.Sockets;
using System.Security.Cryptography;
using Ambient.Linux;
using Ambient.Proxy.Relaying;

namespace Ambient.Proxy.Tests.Relaying;

public sealed class SocketRelayTests : ProxyFixture
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(70_000, 0)]
    [InlineData(3, 20_000_000)]
    [InlineData(20_000_000, 20_000_000)]
    public async Task Bytes_go_both_ways_copied_at_first_and_spliced_later(int up, int down)
    {
        var (client, server, end, counted) = await OpenAsync();
        var upData = RandomNumberGenerator.GetBytes(up);
        var downData = RandomNumberGenerator.GetBytes(down);
        var atServer = RelayPath.ReceiveToEndAsync(server);
        var atClient = RelayPath.ReceiveToEndAsync(client);
        await Task.WhenAll(SendThenEndAsync(client, upData), SendThenEndAsync(server, downData));
        Assert.Equal(upData, await atServer);
        Assert.Equal(downData, await atClient);
        Assert.Null((await end.WaitAsync(Limit)).Error);
        Assert.Equal((up, down), ((int)counted.Up, (int)counted.Down));
    }

    [Fact]
    public async Task One_side_may_end_while_the_other_goes_on()
    {
        var (client, server, end, _) = await OpenAsync();
        await SendThenEndAsync(client, "question"u8.ToArray());
        Assert.Equal("question"u8.ToArray(), await RelayPath.ReceiveToEndAsync(server));
        Assert.False(end.IsCompleted);
        await SendThenEndAsync(server, "answer"u8.ToArray());
        Assert.Equal("answer"u8.ToArray(), await RelayPath.ReceiveToEndAsync(client));
        Assert.Null((await end.WaitAsync(Limit)).Error);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1_000_000)]
    public async Task A_reset_is_passed_on_and_is_no_error(int before)
    {
        var (client, server, end, _) = await OpenAsync();
        var data = new byte[before];
        var receiving = RelayPath.ReceiveAsync(server, before);
        await RelayPath.SendAsync(client, data);
        await receiving;
        client.LingerState = new LingerOption(true, 0);
        client.Dispose();
        var failure = await Assert.ThrowsAsync<SocketException>(() => RelayPath.ReceiveToEndAsync(server));
        Assert.Equal(SocketError.ConnectionReset, failure.SocketErrorCode);
        Assert.Null((await end.WaitAsync(Limit)).Error);
    }

    [Fact]
    [Trait("Faults", "Off")]
    public async Task Small_chunks_allocate_nothing()
    {
        var (client, server, _, counted) = await OpenAsync();
        var chunk = new byte[50];
        await PingAsync(200);
        var before = await LoopAllocationsAsync();
        await PingAsync(1000);
        Assert.InRange(await LoopAllocationsAsync() - before, 0, 20_000);
        Assert.Equal(1200 * 50, counted.Up);
        client.Dispose();
        server.Dispose();

        async Task PingAsync(int times)
        {
            for (var index = 0; index < times; index++)
            {
                await RelayPath.SendAsync(client, chunk);
                await RelayPath.ReceiveAsync(server, chunk.Length);
            }
        }
    }

    private async Task<long> LoopAllocationsAsync()
    {
        var bytes = 0L;
        await OnLoopAsync(() =>
        {
            bytes = GC.GetAllocatedBytesForCurrentThread();
            return Task.CompletedTask;
        });
        return bytes;
    }

    private static async Task SendThenEndAsync(Socket socket, byte[] data)
    {
        await RelayPath.SendAsync(socket, data);
        socket.Shutdown(SocketShutdown.Send);
    }

    private async Task<(Socket Client, Socket Server, Task<RelayEnd> End, Counted Counted)> OpenAsync()
    {
        var counted = new Counted();
        var client = RelayPath.NewSocket();
        var server = RelayPath.NewSocket();
        Task<RelayEnd>? end = null;
        await OnLoopAsync(async () =>
        {
            using var listener = Listen();
            var fromClient = await AcceptAsync(client);
            var fromServer = await AcceptAsync(server);
            end = RelayAsync(fromClient, fromServer);

            async Task<TcpSocket> AcceptAsync(Socket socket)
            {
                var connecting = socket.ConnectAsync(listener.LocalEndPoint);
                var accepted = await listener.AcceptAsync();
                await connecting;
                return accepted;
            }
        });
        return (client, server, end!, counted);

        async Task<RelayEnd> RelayAsync(TcpSocket left, TcpSocket right)
        {
            using (left)
            using (right)
            {
                return await SocketRelay.RunAsync(left, right, counted);
            }
        }
    }
}
