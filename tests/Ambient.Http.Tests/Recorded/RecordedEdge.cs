using System.Runtime.CompilerServices;
using System.Text;
using Ambient.Http.Http1;
using Ambient.Http.Tests.Support;

namespace Ambient.Http.Tests.Recorded;

/// <summary>
/// The routes of the recordings before <see cref="RecordedServer"/>: paths under <c>/admin</c> are denied, <c>/exact</c> and <c>/sep</c> answered here,
/// <c>/gone</c> has nobody, <c>/slow</c> is given up at once where the recorded one waited a second, <c>/retry</c> is tried three times.
/// </summary>
internal sealed class RecordedEdge(RecordedServer server) : IRequestHandler
{
    public List<Refusal> Refusals { get; } = [];

    /// <summary>Paths that decisions were made about.</summary>
    public List<string> Paths { get; } = [];

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask HandleAsync(IServerExchange exchange)
    {
        var path = exchange.Request.Path;
        Paths.Add(path);
        if (path.StartsWith("/admin", StringComparison.Ordinal))
        {
            Reply(exchange, 403, "denied");
        }
        else if (path is "/exact")
        {
            Reply(exchange, 299, "exact");
        }
        else if (path is "/sep" || path.StartsWith("/sep/", StringComparison.Ordinal))
        {
            Reply(exchange, 299, "sep");
        }
        else if (path is "/gone")
        {
            Reply(exchange, 503, "no one listens");
        }
        else
        {
            await ForwardAsync(exchange, tries: path.StartsWith("/retry/", StringComparison.Ordinal) ? 3 : 1);
        }
    }

    public void OnRefused(in Refusal refusal) => Refusals.Add(refusal);

    private async Task ForwardAsync(IServerExchange exchange, int tries)
    {
        if (tries > 1)
        {
            await ForwardWithRetriesAsync(exchange, tries);
            return;
        }

        var upstream = new Http1ClientConnection(server.Connect(), new HttpLimits());
        var running = upstream.RunAsync();
        var forwarding = TestProxy.ForwardAsync(exchange, upstream);
        if (exchange.Request.Path == "/slow")
        {
            server.Run();
            upstream.Abort();
            await forwarding;
            Reply(exchange, 504, "slow");
        }
        else if (await forwarding is { } fault && !exchange.IsAborted)
        {
            Reply(exchange, fault.Fault == HttpFault.ProtocolError ? 502 : 503, "failed");
        }

        upstream.Abort();
        await running;
    }

    private async Task ForwardWithRetriesAsync(IServerExchange exchange, int tries)
    {
        var body = await exchange.RequestBody.ReadTextAsync();
        for (var left = tries; ; left--)
        {
            var upstream = new Http1ClientConnection(server.Connect(), new HttpLimits());
            var running = upstream.RunAsync();
            using var request = upstream.Send(exchange.Request, endStream: body.Length == 0);
            if (body.Length > 0)
            {
                await request.RequestBody.WriteTextAsync(body);
                request.CompleteRequest();
            }

            try
            {
                var response = await request.ResponseAsync();
                if (response.Status < 500 || left == 1)
                {
                    exchange.Respond(response, endStream: !response.HasBody);
                    await Bodies.CopyAsync(request.ResponseBody, exchange.ResponseBody);
                    exchange.Complete();
                    return;
                }
            }
            catch (HttpException) when (left > 1)
            {
                continue;
            }
            catch (HttpException)
            {
                Reply(exchange, 503, "failed");
                return;
            }

            upstream.Abort();
            await running;
        }
    }

    private static void Reply(IServerExchange exchange, int status, string words)
    {
        var head = new ResponseHead { Status = status, HasBody = true, ContentLength = words.Length };
        head.Fields.Add("content-type"u8, "text/plain"u8);
        exchange.Respond(head, endStream: false);
        Encoding.ASCII.GetBytes(words, exchange.ResponseBody.GetSpan(words.Length));
        exchange.ResponseBody.Advance(words.Length);
        exchange.Complete();
    }
}
