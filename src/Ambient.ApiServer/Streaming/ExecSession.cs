using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Ambient.ApiServer.Streaming;

/// <summary>
/// One <c>exec</c> over a WebSocket: each binary message begins with its channel's number. Protocol <c>v5.channel.k8s.io</c>
/// adds to v4 that the client can close a channel.
/// </summary>
internal static class ExecSession
{
    private const string Version5 = "v5.channel.k8s.io";
    private const string Version4 = "v4.channel.k8s.io";

    /// <summary>How long to wait for the client's close; it has nothing left to say.</summary>
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(2);

    public static async Task RunAsync(HttpContext context, IPodRuntime runtime, PodExecRequest exec, CancellationToken stopping)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            throw Refusal.BadRequest("exec needs a WebSocket (protocols v5.channel.k8s.io, v4.channel.k8s.io); SPDY is not served");
        }

        var protocol = new[] { Version5, Version4 }.FirstOrDefault(context.WebSockets.WebSocketRequestedProtocols.Contains)
            ?? throw Refusal.BadRequest($"exec needs the WebSocket protocol {Version5} or {Version4}");
        using var socket = await context.WebSockets.AcceptWebSocketAsync(protocol).ConfigureAwait(false);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        var query = context.Request.Query;
        using var channels = new ChannelSocket(socket, hasInput: query["stdin"].ToString() is "true" or "1", end);
        var reading = channels.ReadAsync(end.Token);
        var status = await ExecuteAsync(runtime, exec, channels, end.Token).ConfigureAwait(false);
        await channels.FinishAsync(status, CloseTimeout).ConfigureAwait(false);
        await end.CancelAsync().ConfigureAwait(false);
        await reading.ConfigureAwait(false);
    }

    private static async Task<JsonObject> ExecuteAsync(
        IPodRuntime runtime, PodExecRequest exec, ChannelSocket channels, CancellationToken cancellationToken)
    {
        try
        {
            var streams = new PodExecStreams(channels.Input, channels.Output, exec.Tty ? channels.Output : channels.Error)
            {
                NextSizeAsync = channels.NextSizeAsync,
            };
            var code = await runtime.ExecAsync(exec, streams, cancellationToken).ConfigureAwait(false);
            return code == 0 ? Success() : Exit(code);
        }
        catch (KeyNotFoundException error)
        {
            return Failure("NotFound", error.Message);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Failure("InternalError", "the client has gone or the server ends");
        }
        catch (Exception error) when (error is IOException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return Failure("InternalError", $"cannot run the command: {error.Message}");
        }
    }

    private static JsonObject Success() => new()
    {
        ["metadata"] = new JsonObject(),
        ["status"] = "Success",
    };

    private static JsonObject Exit(int code) => new()
    {
        ["metadata"] = new JsonObject(),
        ["status"] = "Failure",
        ["message"] = $"command terminated with non-zero exit code: exit status {code}",
        ["reason"] = "NonZeroExitCode",
        ["details"] = new JsonObject
        {
            ["causes"] = new JsonArray(new JsonObject { ["reason"] = "ExitCode", ["message"] = code.ToString() }),
        },
    };

    private static JsonObject Failure(string reason, string message) => new()
    {
        ["metadata"] = new JsonObject(),
        ["status"] = "Failure",
        ["message"] = message,
        ["reason"] = reason,
        ["code"] = 500,
    };
}
