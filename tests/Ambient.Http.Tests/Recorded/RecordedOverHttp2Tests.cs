using System.Text;
using Ambient.Hbone;
using Ambient.Hbone.Tests.Support;
using Ambient.Http.Http2;
using LoopTransport = Ambient.Hbone.Tests.Support.MemoryTransport;

namespace Ambient.Http.Tests.Recorded;

/// <summary>
/// The recorded requests that HTTP/2 can say, said in it: the same verdict on the same path, and the same request for the server as came from
/// HTTP/1.1. Refused there means refused here: by status, or by a reset where RFC 9113 §8.1.1 wants one.
/// </summary>
public sealed class RecordedOverHttp2Tests
{
    /// <summary>Told by the connection or the framing of HTTP/1.1, or not to be told in HTTP/2 at all.</summary>
    private static readonly string[] NoCounterpart =
    [
        "absolute form", "asterisk with GET", "two Hosts", "same Host twice", "no Host", "HTTP/1.0", "length", "chunk", "version", "empty line", "line ends",
        "two spaces", "leading space", "Connection", "Keep-Alive", "Proxy-Connection", "TE ", "Upgrade", "two requests", "request after", "bytes after",
        "HTTP/2", "TLS", "head ", "websocket", "identity", "unknown coding", "gzip", "space before", "tab before", "vertical tab", "upper case", "quoted",
        "empty coding", "body in", "same length", "two lengths", "POST with neither", "CONNECT", "method CONNECT", "method GE T", "path empty",
        "header: name with", "header: no colon", "header: empty name", "header: folded", "header: pseudo", "header: CR", "header: LF", "header: byte 0x80 in a name",
        "Expect 100", "trailer ", "answer: slower", "header: cookies", "empty Host", "Host with credentials",
    ];

    public static TheoryData<string> Cases() =>
        [.. RecordedExchange.All.Select(exchange => exchange.Case).Distinct().Where(name => !NoCounterpart.Any(start => name.StartsWith(start, StringComparison.Ordinal)))];

    [Fact]
    public void Most_recordings_have_a_counterpart() => Assert.InRange(Cases().Count, 110, RecordedExchange.All.Count);

    [Theory]
    [MemberData(nameof(Cases))]
    public Task The_same_verdict_and_path(string name) => OnLoop.RunAsync(async () =>
    {
        var recorded = RecordedExchange.All.First(exchange => exchange.Case == name);
        var server = new RecordedServer();
        var edge = new RecordedEdge(server);
        var (near, far) = LoopTransport.Create();
        var budget = new ByteBudget(ByteBudget.DefaultLimit);
        var connection = new Http2ServerConnection(far, Http2Settings.ForRequests(), new HttpLimits(), budget, edge);
        var client = Http2Connection.Client(near, new Http2Limits(), budget);
        var running = Task.WhenAll(connection.RunAsync(), client.RunAsync());
        var status = await SendAsync(client, recorded, server);
        if (recorded.Statuses is [var wanted])
        {
            Assert.True(status == wanted || (status == 0 && wanted == 400), $"{status} instead of {wanted}");
        }

        Assert.Equal(
            recorded.Upstream.Select(request => request.Split("\r\n")[0]), server.Received.Select(request => request.Split("\r\n")[0]));
        if (recorded.Upstream is [var only])
        {
            Assert.Equal(ComparableMessages.Of(only), ComparableMessages.Of(server.Received[0]));
        }

        client.Abort(Http2ErrorCode.Cancel);
        await running;
    });

    /// <summary>The status, or 0 for a reset.</summary>
    private static async Task<int> SendAsync(Http2Connection client, RecordedExchange recorded, RecordedServer server)
    {
        var end = recorded.Sent.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var lines = recorded.Sent[..end].Split("\r\n");
        var start = lines[0].Split(' ');
        var fields = lines.Skip(1).Select(line => line.Split(':', 2)).Select(parts => (Name: parts[0].ToLowerInvariant(), Value: parts[1].Trim(' ', '\t'))).ToList();
        var body = recorded.Sent[(end + 4)..];
        try
        {
            using var stream = client.Open(new RequestHeaders
            {
                Method = start[0],
                Scheme = "http",
                Authority = fields.First(field => field.Name == "host").Value,
                Path = string.Join(' ', start[1..^1]),
                Fields = new HeaderList([.. fields.Where(field => field.Name != "host").Select(field => new HeaderField(field.Name, field.Value))]),
                EndStream = body.Length == 0,
            });
            if (body.Length > 0)
            {
                await stream.Output.WriteAsync(Encoding.Latin1.GetBytes(body));
                await stream.Output.CompleteAsync();
            }

            var response = stream.ResponseAsync().AsTask();
            await OnLoop.UntilAsync(() => server.Run() | response.IsCompleted && response.IsCompleted, "an answer");
            return (await response).Status;
        }
        catch (Exception refused) when (refused is Http2StreamException || (refused is ArgumentException && recorded.Statuses is [400]))
        {
            return 0; // or a client of ours would not even send it
        }
    }
}
