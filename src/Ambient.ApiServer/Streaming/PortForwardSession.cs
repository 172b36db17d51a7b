using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Ambient.ApiServer.Streaming;

/// <summary>
/// One <c>portforward</c> over a WebSocket, as kubelets serve it: for the port that is asked for, channel 0 carries bytes and channel 1 what went
/// wrong; each begins with the port's number, two bytes, the low one first.
/// </summary>
internal static class PortForwardSession
{
    private const string Version4 = "v4.channel.k8s.io";
    private const byte DataChannel = 0;
    private const byte ErrorChannel = 1;

    /// <summary>One read of the connection, and so one message.</summary>
    private const int Chunk = 32 * 1024;

    public static async Task RunAsync(HttpContext context, IPodRuntime runtime, string ns, string pod, CancellationToken stopping)
    {
        if (!context.WebSockets.IsWebSocketRequest || !context.WebSockets.WebSocketRequestedProtocols.Contains(Version4))
        {
            throw Refusal.BadRequest($"portforward needs a WebSocket of protocol {Version4}; SPDY is not served");
        }

        if (context.Request.Query["ports"].ToArray() is not [{ } text] || !ushort.TryParse(text, out var port) || port == 0)
        {
            throw Refusal.BadRequest("portforward takes one port at a time: ?ports=NUMBER");
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync(Version4).ConfigureAwait(false);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        try
        {
            foreach (var channel in new[] { DataChannel, ErrorChannel })
            {
                var head = new byte[3];
                head[0] = channel;
                BinaryPrimitives.WriteUInt16LittleEndian(head.AsSpan(1), port);
                await socket.SendAsync(head, WebSocketMessageType.Binary, true, end.Token).ConfigureAwait(false);
            }

            await RelayAsync(socket, runtime, ns, pod, port, end).ConfigureAwait(false);
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", end.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (error is WebSocketException or OperationCanceledException or IOException)
        {
            // The client has gone, or the server ends.
        }
    }

    private static async Task RelayAsync(WebSocket socket, IPodRuntime runtime, string ns, string pod, int port, CancellationTokenSource end)
    {
        Stream connection;
        try
        {
            connection = await runtime.ConnectAsync(ns, pod, port, end.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (error is KeyNotFoundException or IOException)
        {
            await socket.SendAsync(
                (byte[])[ErrorChannel, .. Encoding.UTF8.GetBytes($"cannot connect to port {port} of pod {ns}/{pod}: {error.Message}")],
                WebSocketMessageType.Binary, true, end.Token).ConfigureAwait(false);
            return;
        }

        await using (connection.ConfigureAwait(false))
        {
            var up = UpAsync(socket, connection, end.Token);
            await DownAsync(connection, socket, end.Token).ConfigureAwait(false);
            await end.CancelAsync().ConfigureAwait(false);
            await up.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task UpAsync(WebSocket socket, Stream connection, CancellationToken cancellationToken)
    {
        var buffer = new byte[Chunk];
        var first = true;
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), cancellationToken).ConfigureAwait(false);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return;
            }

            // The channel's number stands at the beginning of a message, not of each of its parts.
            await connection.WriteAsync(buffer.AsMemory(first ? 1 : 0, Math.Max(0, part.Count - (first ? 1 : 0))), cancellationToken).ConfigureAwait(false);
            first = part.EndOfMessage;
        }
    }

    private static async Task DownAsync(Stream connection, WebSocket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[Chunk + 1];
        buffer[0] = DataChannel;
        int count;
        while ((count = await connection.ReadAsync(buffer.AsMemory(1), cancellationToken).ConfigureAwait(false)) > 0)
        {
            await socket.SendAsync(buffer.AsMemory(0, count + 1), WebSocketMessageType.Binary, true, cancellationToken).ConfigureAwait(false);
        }
    }
}
