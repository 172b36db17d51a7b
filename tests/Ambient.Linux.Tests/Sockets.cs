using System.Net;
using System.Net.Sockets;

namespace Ambient.Linux.Tests;

/// <summary>What most socket tests need: listeners, pairs, exact reads. All of it runs on the loop.</summary>
internal static class Sockets
{
    public static TcpSocket Listen(
        EventLoop loop, string address = "127.0.0.1", int port = 0, NetworkNamespace? space = null, Action<TcpSocket>? options = null)
    {
        var ip = IPAddress.Parse(address);
        var listener = TcpSocket.Create(loop, ip.AddressFamily, space);
        listener.SetReuseAddress();
        options?.Invoke(listener);
        listener.Bind(new IPEndPoint(ip, port));
        listener.Listen(128);
        return listener;
    }

    public static async Task<TcpSocket> ConnectAsync(
        EventLoop loop, IPEndPoint remote, NetworkNamespace? space = null, Action<TcpSocket>? options = null)
    {
        var socket = TcpSocket.Create(loop, remote.AddressFamily, space);
        options?.Invoke(socket);
        await socket.ConnectAsync(remote, Bounded.Limit);
        return socket;
    }

    public static async Task<(TcpSocket Client, TcpSocket Server)> PairAsync(
        EventLoop loop, Action<TcpSocket>? serverOptions = null, Action<TcpSocket>? clientOptions = null)
    {
        using var listener = Listen(loop, options: serverOptions);
        var accepting = listener.AcceptAsync().AsTask();
        var client = await ConnectAsync(loop, listener.LocalEndPoint, options: clientOptions);
        return (client, await accepting);
    }

    public static async Task SendAllAsync(TcpSocket socket, ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            var sent = socket.TrySend(data.Span);
            if (sent.WouldBlock)
            {
                await socket.WaitWritableAsync();
                continue;
            }

            Assert.True(sent.Ok, $"send: {sent.Error}");
            data = data[sent.Count..];
        }
    }

    /// <summary>Reads to the end of the stream, with a buffer of the given size.</summary>
    public static async Task<byte[]> ReadToEndAsync(TcpSocket socket, int bufferSize = 65536)
    {
        var all = new MemoryStream();
        var buffer = new byte[bufferSize];
        while (true)
        {
            await socket.WaitReadableAsync();
            var received = socket.TryReceive(buffer);
            if (received.WouldBlock)
            {
                continue;
            }

            Assert.True(received.Ok, $"receive: {received.Error}");
            if (received.EndOfStream)
            {
                return all.ToArray();
            }

            all.Write(buffer, 0, received.Count);
        }
    }

    public static async Task<byte[]> ReadExactlyAsync(TcpSocket socket, int count)
    {
        var data = new byte[count];
        for (var have = 0; have < count;)
        {
            var received = socket.TryReceive(data.AsSpan(have));
            if (received.WouldBlock)
            {
                await socket.WaitReadableAsync();
                continue;
            }

            Assert.True(received.Ok && received.Count > 0, $"receive after {have} of {count} bytes: {received}");
            have += received.Count;
        }

        return data;
    }

    public static byte[] Pattern(int length)
    {
        var data = new byte[length];
        new Random(length).NextBytes(data);
        return data;
    }

    public static AddressFamily FamilyOf(string address) => IPAddress.Parse(address).AddressFamily;
}
