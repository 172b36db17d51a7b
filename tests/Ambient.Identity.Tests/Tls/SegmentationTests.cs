using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Ambient.Api;
using Ambient.Identity.Tls;
using Ambient.Linux;

namespace Ambient.Identity.Tests.Tls;

/// <summary>A wire that cuts everything into pieces of random size: the handshake, headers, records.</summary>
public sealed class SegmentationTests : IAsyncDisposable
{
    private const string WebUri = "spiffe://cluster.local/ns/shop/sa/web";
    private const string DbUri = "spiffe://cluster.local/ns/shop/sa/db";

    private readonly TestAuthority _authority = new();
    private readonly EventLoop _loop = EventLoop.Start("tls-pieces");

    public async ValueTask DisposeAsync()
    {
        await _loop.DisposeAsync();
        _authority.Dispose();
    }

    /// <summary>Keys are replaced after random numbers of records in all but the first cases; layers meet in all combinations.</summary>
    [Theory]
    [InlineData(1, 3, 4_000, TlsRecordLayer.Evp, TlsRecordLayer.Evp, 0)]
    [InlineData(2, 40, 60_000, TlsRecordLayer.Evp, TlsRecordLayer.Evp, 0)]
    [InlineData(3, 9_000, 2_000_000, TlsRecordLayer.Evp, TlsRecordLayer.Evp, 0)]
    [InlineData(4, 70_000, 6_000_000, TlsRecordLayer.Evp, TlsRecordLayer.Evp, 0)]
    [InlineData(5, 40, 100_000, TlsRecordLayer.LibSsl, TlsRecordLayer.LibSsl, 0)]
    [InlineData(6, 70_000, 3_000_000, TlsRecordLayer.LibSsl, TlsRecordLayer.LibSsl, 0)]
    [InlineData(7, 3, 5_000, TlsRecordLayer.Evp, TlsRecordLayer.Evp, 3)]
    [InlineData(8, 500, 400_000, TlsRecordLayer.Evp, TlsRecordLayer.Evp, 9)]
    [InlineData(9, 70_000, 3_000_000, TlsRecordLayer.Evp, TlsRecordLayer.Evp, 20)]
    [InlineData(10, 500, 400_000, TlsRecordLayer.Evp, TlsRecordLayer.LibSsl, 5)]
    [InlineData(11, 70_000, 3_000_000, TlsRecordLayer.Evp, TlsRecordLayer.LibSsl, 20)]
    [InlineData(12, 500, 400_000, TlsRecordLayer.LibSsl, TlsRecordLayer.Evp, 5)]
    [InlineData(13, 70_000, 3_000_000, TlsRecordLayer.LibSsl, TlsRecordLayer.Evp, 20)]
    public async Task Pieces_of_any_size_make_no_difference(
        int seed, int largest, int length, TlsRecordLayer clientLayer, TlsRecordLayer serverLayer, int recordsPerKey)
    {
        var random = new Random(seed);
        using var web = _authority.Certificate(WebUri, options: Options(clientLayer));
        using var db = _authority.Certificate(DbUri, options: Options(serverLayer));
        var data = RandomNumberGenerator.GetBytes(length);
        await _loop.RunAsync(async () =>
        {
            using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen(2);
            var client = await ConnectAsync((IPEndPoint)listener.LocalEndPoint!);
            using var clientWire = await listener.AcceptAsync();
            var server = await ConnectAsync((IPEndPoint)listener.LocalEndPoint!);
            using var serverWire = await listener.AcceptAsync();
            var up = Task.Run(() => ForwardAsync(clientWire, serverWire, new Random(seed), largest));
            var down = Task.Run(() => ForwardAsync(serverWire, clientWire, new Random(-seed), largest));
            var accepting = TlsConnection.ServerAsync(server, db.Server, LoopPair.Limit).AsTask();
            using var atClient = await TlsConnection.ClientAsync(client, web.Client, [SpiffeId.Parse(DbUri)], LoopPair.Limit);
            using var atServer = await accepting;
            var echoed = LoopPair.ReadToEndAsync(atClient.Input);
            var echoing = EchoAsync(atServer);
            for (var at = 0; at < data.Length;)
            {
                var count = Math.Min(data.Length - at, 1 + random.Next(random.Next(5) == 0 ? 100_000 : 2_000));
                await LoopPair.WriteAsync(atClient.Output, data[at..(at + count)], 20_000);
                at += count;
            }

            await atClient.Output.CompleteAsync();
            Assert.Equal(data, await echoed);
            await echoing;
            atClient.Dispose();
            atServer.Dispose();
            await Task.WhenAll(up, down);
        }).WaitAsync(TimeSpan.FromSeconds(30));

        TlsOptions Options(TlsRecordLayer layer) => new()
        {
            Records = layer,
            PreferredCipher = random.Next(2) == 0 ? TlsCipher.Aes128Gcm : TlsCipher.Aes256Gcm,
            RecordsPerKey = recordsPerKey == 0 ? TlsOptions.Default.RecordsPerKey : 1 + (ulong)random.Next(recordsPerKey),
        };
    }

    private static async Task EchoAsync(TlsConnection connection)
    {
        while (true)
        {
            var result = await connection.Input.ReadAsync();
            foreach (var part in result.Buffer)
            {
                await connection.Output.WriteAsync(part);
            }

            connection.Input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                await connection.Output.CompleteAsync();
                return;
            }
        }
    }

    private async Task<TcpSocket> ConnectAsync(IPEndPoint address)
    {
        var socket = TcpSocket.Create(_loop, AddressFamily.InterNetwork);
        await socket.ConnectAsync(address, LoopPair.Limit);
        return socket;
    }

    private static async Task ForwardAsync(Socket from, Socket to, Random random, int largest)
    {
        from.NoDelay = true;
        to.NoDelay = true;
        var buffer = new byte[largest];
        while (true)
        {
            var count = await from.ReceiveAsync(buffer.AsMemory(0, 1 + random.Next(largest)));
            if (count == 0)
            {
                to.Shutdown(SocketShutdown.Send);
                return;
            }

            for (var sent = 0; sent < count;)
            {
                sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
            }
        }
    }
}
