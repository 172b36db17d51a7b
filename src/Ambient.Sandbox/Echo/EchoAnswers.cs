using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Ambient.Sandbox.Echo;

/// <summary>What the server saw of one request.</summary>
internal sealed record EchoAnswer(
    string Pod,
    string Peer,
    string Protocol,
    string Method,
    string Path,
    IReadOnlyDictionary<string, string> Headers,
    string Body);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(EchoAnswer))]
internal sealed partial class EchoJson : JsonSerializerContext;

/// <summary>The answers of the echo server, one method per kind of protocol.</summary>
internal static class EchoAnswers
{
    /// <summary>Most bytes of a request's body that are sent back; larger bodies are read to their end and cut.</summary>
    private const int LongestBody = 64 * 1024;

    private static readonly string Pod = Environment.GetEnvironmentVariable("POD_NAME")
        ?? Environment.GetEnvironmentVariable("HOSTNAME") ?? Environment.MachineName;

    /// <summary>Answers an HTTP request, a gRPC call or a WebSocket handshake.</summary>
    public static Task AnswerAsync(HttpContext context) => context switch
    {
        { WebSockets.IsWebSocketRequest: true } => EchoMessagesAsync(context),
        { Request.ContentType: { } type } when type.StartsWith("application/grpc", StringComparison.Ordinal) => AnswerCallAsync(context),
        _ => AnswerRequestAsync(context),
    };

    /// <summary>Greets a raw TCP peer with the address it was seen at, then sends back every byte.</summary>
    public static async Task EchoBytesAsync(ConnectionContext connection)
    {
        var (input, output) = (connection.Transport.Input, connection.Transport.Output);
        await output.WriteAsync(Encoding.UTF8.GetBytes($"{Pod} sees {Show(connection.RemoteEndPoint as IPEndPoint)}\n"));
        while (true)
        {
            ReadResult read;
            try
            {
                read = await input.ReadAsync();
            }
            catch (IOException)
            {
                return; // The peer reset the connection: that is its way to end it.
            }

            foreach (var part in read.Buffer)
            {
                await output.WriteAsync(part);
            }

            input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                return;
            }
        }
    }

    private static async Task AnswerRequestAsync(HttpContext context)
    {
        await EchoFailures.DelayAsync(context.Request.Query, context.RequestAborted);
        if (EchoFailures.Take(context.Request.Query))
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        }

        var body = await JsonAsync(context);
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    /// <summary>Any unary gRPC method: one message that holds the answer as JSON bytes, then status 0.</summary>
    private static async Task AnswerCallAsync(HttpContext context)
    {
        var body = await JsonAsync(context);
        var message = new byte[5 + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), body.Length);
        body.CopyTo(message, 5);
        context.Response.ContentType = "application/grpc";
        await context.Response.Body.WriteAsync(message, context.RequestAborted);
        context.Features.Get<IHttpResponseTrailersFeature>()!.Trailers["grpc-status"] = "0";
    }

    private static async Task EchoMessagesAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[16 * 1024];
        await socket.SendAsync(await JsonAsync(context), WebSocketMessageType.Text, endOfMessage: true, context.RequestAborted);
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
                return;
            }

            await socket.SendAsync(buffer.AsMemory(0, part.Count), part.MessageType, part.EndOfMessage, context.RequestAborted);
        }
    }

    private static async Task<byte[]> JsonAsync(HttpContext context)
    {
        var request = context.Request;
        var answer = new EchoAnswer(
            Pod,
            Show(context.Connection.RemoteIpAddress is { } address ? new IPEndPoint(address, context.Connection.RemotePort) : null),
            request.IsHttps ? request.Protocol + " over TLS" : request.Protocol,
            request.Method,
            request.Path + request.QueryString,
            request.Headers.ToDictionary(header => header.Key.ToLowerInvariant(), header => header.Value.ToString()),
            context.WebSockets.IsWebSocketRequest ? "" : await BodyAsync(request, context.RequestAborted));
        return JsonSerializer.SerializeToUtf8Bytes(answer, EchoJson.Default.EchoAnswer);
    }

    private static async Task<string> BodyAsync(HttpRequest request, CancellationToken ct)
    {
        var kept = new MemoryStream();
        var buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        int count;
        while ((count = await request.Body.ReadAsync(buffer, ct)) > 0)
        {
            await kept.WriteAsync(buffer.AsMemory(0, Math.Min(count, LongestBody - (int)kept.Length)), ct);
        }

        ArrayPool<byte>.Shared.Return(buffer);
        return Encoding.UTF8.GetString(kept.GetBuffer(), 0, (int)kept.Length);
    }

    private static string Show(IPEndPoint? peer) => peer is null ? "" :
        new IPEndPoint(peer.Address.IsIPv4MappedToIPv6 ? peer.Address.MapToIPv4() : peer.Address, peer.Port).ToString();
}
