using System.Net;
using System.Net.Sockets;
using Ambient.Api;
using Ambient.Identity.Certificates;
using Ambient.Identity.Tests.Tls;
using Ambient.Identity.Tls;
using Ambient.Linux;

namespace Ambient.Identity.Tests.Peers;

/// <summary>Our side of a conversation with another implementation.</summary>
public abstract class PeerFixture : IAsyncDisposable
{
    internal const string WebUri = "spiffe://cluster.local/ns/shop/sa/web";
    internal const string DbUri = "spiffe://cluster.local/ns/shop/sa/db";

    private readonly EventLoop _loop = EventLoop.Start("tls-peer");

    internal static SpiffeId Web { get; } = SpiffeId.Parse(WebUri);

    internal static SpiffeId Db { get; } = SpiffeId.Parse(DbUri);

    internal TestAuthority Authority { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await _loop.DisposeAsync();
        Authority.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Connects to a peer and converses on the loop.</summary>
    internal Task AsClientAsync(WorkloadCertificate certificate, int port, Func<TlsConnection, Task> conversation) => OnLoopAsync(async () =>
    {
        var socket = TcpSocket.Create(_loop, AddressFamily.InterNetwork);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), LoopPair.Limit);
        using var connection = await TlsConnection.ClientAsync(socket, certificate.Client, [Db], LoopPair.Limit);
        await conversation(connection);
    });

    /// <summary>Starts a peer that connects to us, and converses on the loop.</summary>
    internal Task AsServerAsync(WorkloadCertificate certificate, Func<int, PeerProcess> start, Func<TlsConnection, PeerProcess, Task> conversation) => OnLoopAsync(async () =>
    {
        using var listener = TcpSocket.Create(_loop, AddressFamily.InterNetwork);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        using var peer = start(listener.LocalEndPoint.Port);
        using var connection = await TlsConnection.ServerAsync(await listener.AcceptAsync(), certificate.Server, LoopPair.Limit);
        await conversation(connection, peer);
    });

    internal static async Task<byte[]> ReadAsync(TlsConnection connection, int count)
    {
        using var all = new MemoryStream();
        while (all.Length < count)
        {
            var result = await connection.Input.ReadAsync();
            foreach (var part in result.Buffer)
            {
                all.Write(part.Span);
            }

            connection.Input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                break;
            }
        }

        return all.ToArray();
    }

    private async Task OnLoopAsync(Func<Task> test) => await _loop.RunAsync(test).WaitAsync(TimeSpan.FromSeconds(20));
}
