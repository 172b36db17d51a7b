using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Ambient.Api;
using Ambient.Identity.Tls;
using Ambient.Linux;

namespace Ambient.Identity.Tests.Tls;

/// <summary>What peers and the network may do wrong, or to us.</summary>
public sealed class HostilePeerTests : IAsyncDisposable
{
    private const string WebUri = "spiffe://cluster.local/ns/shop/sa/web";
    private const string DbUri = "spiffe://cluster.local/ns/shop/sa/db";

    private static readonly SpiffeId Db = SpiffeId.Parse(DbUri);

    private readonly TestAuthority _authority = new();
    private readonly LoopPair _pair = new();

    public async ValueTask DisposeAsync()
    {
        await _pair.DisposeAsync();
        _authority.Dispose();
    }

    [Theory]
    [InlineData("170303400000", TlsFailure.Truncated)] // 16384 bytes that never come
    [InlineData("1703034101", TlsFailure.Protocol)] // one byte more than a record may have
    [InlineData("170303ffff", TlsFailure.Protocol)]
    [InlineData("1703030020" + "0000000000000000000000000000000000000000000000000000000000000000", TlsFailure.Protocol)] // no valid tag
    [InlineData("150303000201000000", TlsFailure.Protocol)] // a plaintext alert
    [InlineData("1603030004" + "00000000", TlsFailure.Protocol)] // a plaintext handshake message
    public async Task Records_that_are_wrong_break_the_session_and_nothing_else(string record, TlsFailure failure) => await OnLoopAsync(async () =>
    {
        using var web = _authority.Certificate(WebUri);
        using var db = _authority.Certificate(DbUri);
        var (clientSocket, serverSocket) = await _pair.SocketsAsync();
        var accepting = TlsConnection.ServerAsync(serverSocket, db.Server, LoopPair.Limit).AsTask();
        using var client = await TlsConnection.ClientAsync(clientSocket, web.Client, [Db], LoopPair.Limit);
        using var server = await accepting;
        await LoopPair.SendAsync(clientSocket, Convert.FromHexString(record));
        clientSocket.ShutdownSend();
        var broken = await Assert.ThrowsAsync<TlsException>(async () => await server.Input.ReadAsync());
        Assert.Equal(failure, broken.Failure);
    });

    [Fact]
    public async Task A_handshake_of_random_bytes_fails_and_nothing_else() => await OnLoopAsync(async () =>
    {
        using var db = _authority.Certificate(DbUri);
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            var (peer, socket) = await _pair.SocketsAsync();
            var bytes = new byte[random.Next(1, 600)];
            random.NextBytes(bytes);
            if (round % 2 == 0)
            {
                // As far as a record's header goes it looks right.
                bytes[0] = (byte)(20 + random.Next(4));
                if (bytes.Length > 2)
                {
                    (bytes[1], bytes[2]) = (3, 1);
                }
            }

            await LoopPair.SendAsync(peer, bytes);
            peer.ShutdownSend();
            await Assert.ThrowsAsync<TlsException>(async () => await TlsConnection.ServerAsync(socket, db.Server, LoopPair.Limit));
            peer.Dispose();
        }
    });

    [Fact]
    public async Task A_wire_that_flips_a_bit_breaks_the_session_wherever_it_is() => await OnLoopAsync(async () =>
    {
        using var web = _authority.Certificate(WebUri);
        using var db = _authority.Certificate(DbUri);
        var random = new Random(11);
        for (var round = 0; round < 20; round++)
        {
            using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen(2);
            var client = await ConnectAsync((IPEndPoint)listener.LocalEndPoint!);
            using var clientWire = await listener.AcceptAsync();
            var server = await ConnectAsync((IPEndPoint)listener.LocalEndPoint!);
            using var serverWire = await listener.AcceptAsync();
            var flipAt = random.Next(3000, 60_000);
            var up = Task.Run(() => ForwardAsync(clientWire, serverWire, flipAt));
            var down = Task.Run(() => ForwardAsync(serverWire, clientWire, int.MaxValue));
            var accepting = TlsConnection.ServerAsync(server, db.Server, LoopPair.Limit).AsTask();
            using var atClient = await TlsConnection.ClientAsync(client, web.Client, [Db], LoopPair.Limit);
            using var atServer = await accepting;
            var sent = new byte[100_000];
            RandomNumberGenerator.Fill(sent);
            var writing = LoopPair.WriteAsync(atClient.Output, sent, 1000);
            var broken = await Assert.ThrowsAsync<TlsException>(async () => await LoopPair.ReadToEndAsync(atServer.Input));
            Assert.Equal(TlsFailure.Protocol, broken.Failure);
            await writing;
            atClient.Dispose();
            atServer.Dispose();
            await Task.WhenAll(up, down);
        }
    });

    [Fact]
    public async Task Silent_connections_take_no_place_from_others_and_idle_ones_no_memory() => await OnLoopAsync(async () =>
    {
        using var web = _authority.Certificate(WebUri);
        using var db = _authority.Certificate(DbUri);
        var silent = new List<(TcpSocket Peer, Task Accepting)>();
        for (var index = 0; index < 300; index++)
        {
            var (peer, socket) = await _pair.SocketsAsync();
            silent.Add((peer, TlsConnection.ServerAsync(socket, db.Server, TimeSpan.FromSeconds(8)).AsTask()));
        }

        var (client, server) = await _pair.ConnectAsync(web, db, Db);
        var reading = server.Input.ReadAsync();
        await LoopPair.WriteAsync(client.Output, new byte[500_000]);
        var received = 0L;
        while (true)
        {
            var result = await reading;
            received += result.Buffer.Length;
            server.Input.AdvanceTo(result.Buffer.End);
            reading = server.Input.ReadAsync();
            if (received == 500_000)
            {
                break;
            }
        }

        await _pair.Loop.Yield();
        Assert.Equal(0, RecordBuffer.Lent);
        server.Input.CancelPendingRead();
        await reading;
        client.Dispose();
        server.Dispose();
        foreach (var (peer, accepting) in silent)
        {
            peer.Dispose();
            await Assert.ThrowsAsync<TlsException>(() => accepting);
        }

        Assert.Equal(0, RecordBuffer.Lent);
    });

    [Fact]
    public async Task Of_too_many_handshakes_the_oldest_gives_way_once_it_had_time_and_until_then_new_ones_are_refused() => await OnLoopAsync(async () =>
    {
        using var db = _authority.Certificate(DbUri);
        var limit = new HandshakeLimit(places: 2, patience: TimeSpan.FromMilliseconds(200));
        var peers = new List<TcpSocket>();
        async Task<Task<TlsConnection>> BeginAsync()
        {
            var (peer, socket) = await _pair.SocketsAsync();
            peers.Add(peer);
            await LoopPair.SendAsync(peer, new byte[] { 22, 3, 1 }); // the first bytes of a record, and no more
            var handshake = new TlsHandshake(socket, db.Server, PeerPolicy.TrustDomain("cluster.local"), LoopPair.Limit).RunAsync(limit, default).AsTask();
            await _pair.Loop.DelayAsync(TimeSpan.FromMilliseconds(20));
            return handshake;
        }

        var first = await BeginAsync();
        var second = await BeginAsync();
        var third = await Assert.ThrowsAsync<TlsException>(async () => await (await BeginAsync()));
        Assert.Equal(TlsFailure.TooManyHandshakes, third.Failure);
        Assert.False(first.IsCompleted || second.IsCompleted);

        await _pair.Loop.DelayAsync(TimeSpan.FromMilliseconds(250));
        var fourth = await BeginAsync();
        Assert.Equal(TlsFailure.TooManyHandshakes, (await Assert.ThrowsAsync<TlsException>(() => first)).Failure);
        Assert.False(second.IsCompleted || fourth.IsCompleted);
        peers.ForEach(peer => peer.Dispose());
        await Assert.ThrowsAsync<TlsException>(() => second);
        await Assert.ThrowsAsync<TlsException>(() => fourth);
    });

    [Fact]
    public async Task A_crowd_of_handshakes_makes_one_step_a_turn_and_ends_with_its_loop()
    {
        using var web = _authority.Certificate(WebUri);
        using var db = _authority.Certificate(DbUri);
        const int Crowd = 40;
        var turns = await _pair.Loop.RunAsync(async () =>
        {
            var pairs = new List<(TcpSocket Client, TcpSocket Server)>();
            for (var index = 0; index < Crowd; index++)
            {
                pairs.Add(await _pair.SocketsAsync());
            }

            var before = _pair.Loop.Turns;
            var all = pairs.SelectMany(pair => new[]
            {
                TlsConnection.ServerAsync(pair.Server, db.Server, LoopPair.Limit).AsTask(),
                TlsConnection.ClientAsync(pair.Client, web.Client, [SpiffeId.Parse(DbUri)], LoopPair.Limit).AsTask(),
            }).ToList();
            foreach (var connection in await Task.WhenAll(all))
            {
                connection.Dispose();
            }

            return _pair.Loop.Turns - before;
        }).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.True(turns >= (4 * Crowd) - 1, $"{4 * Crowd} steps took {turns} turns"); // four steps a pair

        // A loop that ends leaves nobody waiting for a turn.
        var loop = EventLoop.Start("tls-crowd");
        var started = await loop.RunAsync(async () =>
        {
            var handshakes = new List<Task<TlsConnection>>();
            using var listener = TcpSocket.Create(loop, AddressFamily.InterNetwork);
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen(Crowd);
            for (var index = 0; index < Crowd; index++)
            {
                var client = TcpSocket.Create(loop, AddressFamily.InterNetwork);
                await client.ConnectAsync(listener.LocalEndPoint, LoopPair.Limit);
                handshakes.Add(TlsConnection.ClientAsync(client, web.Client, [SpiffeId.Parse(DbUri)], LoopPair.Limit).AsTask());
            }

            return handshakes;
        });
        await loop.DisposeAsync();
        foreach (var handshake in started)
        {
            await Assert.ThrowsAsync<TlsException>(() => handshake.WaitAsync(LoopPair.Limit));
        }
    }

    private async Task<TcpSocket> ConnectAsync(IPEndPoint address)
    {
        var socket = TcpSocket.Create(_pair.Loop, AddressFamily.InterNetwork);
        await socket.ConnectAsync(address, LoopPair.Limit);
        return socket;
    }

    private static async Task ForwardAsync(Socket from, Socket to, int flipAt)
    {
        var buffer = new byte[10_000];
        var passed = 0;
        try
        {
            while (await from.ReceiveAsync(buffer) is var count && count > 0)
            {
                if (flipAt >= passed && flipAt < passed + count)
                {
                    buffer[flipAt - passed] ^= 1;
                }

                passed += count;
                for (var sent = 0; sent < count;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
                }
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // One end broke the connection off, which is what the test is about.
        }
    }

    private async Task OnLoopAsync(Func<Task> test) => await _pair.Loop.RunAsync(test).WaitAsync(TimeSpan.FromSeconds(30));
}
