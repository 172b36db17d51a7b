using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Ambient.Api;
using Ambient.Identity.Certificates;
using Ambient.Identity.Tls;
using Ambient.Linux;

namespace Ambient.Identity.Tests.Tls;

/// <summary>Sockets and connections on one event loop.</summary>
internal sealed class LoopPair : IAsyncDisposable
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    public EventLoop Loop { get; } = EventLoop.Start("tls-test");

    /// <summary>Two connected sockets. On the loop.</summary>
    public async Task<(TcpSocket Client, TcpSocket Server)> SocketsAsync()
    {
        using var listener = TcpSocket.Create(Loop, AddressFamily.InterNetwork);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        var client = TcpSocket.Create(Loop, AddressFamily.InterNetwork);
        await client.ConnectAsync(listener.LocalEndPoint, Limit);
        return (client, await listener.AcceptAsync());
    }

    /// <summary>A pair of connections: client and server.</summary>
    public async Task<(TlsConnection Client, TlsConnection Server)> ConnectAsync(
        WorkloadCertificate client, WorkloadCertificate server, params SpiffeId[] expected)
    {
        var (clientSocket, serverSocket) = await SocketsAsync();
        var accepting = TlsConnection.ServerAsync(serverSocket, server.Server, Limit).AsTask();
        var connecting = TlsConnection.ClientAsync(clientSocket, client.Client, expected, Limit).AsTask();
        await Task.WhenAll(accepting, connecting);
        return (await connecting, await accepting);
    }

    /// <summary>Sends all of it past TLS.</summary>
    public static async Task SendAsync(TcpSocket socket, ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            await socket.WaitWritableAsync();
            var sent = socket.TrySend(data.Span);
            Assert.True(sent.Ok || sent.WouldBlock, $"send: {sent.Error}");
            data = data[sent.Count..];
        }
    }

    public static async Task<byte[]> ReadToEndAsync(PipeReader reader)
    {
        using var all = new MemoryStream();
        while (true)
        {
            var result = await reader.ReadAsync();
            foreach (var part in result.Buffer)
            {
                all.Write(part.Span);
            }

            reader.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                return all.ToArray();
            }
        }
    }

    public static async Task WriteAsync(PipeWriter writer, byte[] data, int chunk = 7000)
    {
        for (var at = 0; at < data.Length;)
        {
            var memory = writer.GetMemory();
            var count = Math.Min(Math.Min(chunk, memory.Length), data.Length - at);
            data.AsMemory(at, count).CopyTo(memory);
            writer.Advance(count);
            at += count;
            await writer.FlushAsync();
        }
    }

    public async ValueTask DisposeAsync() => await Loop.DisposeAsync();
}
