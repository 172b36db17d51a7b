using System.Net;
using System.Net.Sockets;
using System.Text;
using Ambient.Telemetry.Servers;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Telemetry.Tests.Servers;

/// <summary>The page server, byte by byte.</summary>
public sealed class PageServerWireTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly PageServer _server = new PageServer("test", ListenAddress.Localhost(0), NullLoggerFactory.Instance)
        .Get("/a", "an a", context => PageServer.AnswerAsync(context, 200, "a"))
        .Post("/p", "a post", context => PageServer.AnswerAsync(context, 200, "p"))
        .Get("/long", "of unknown length", async context =>
        {
            if (await context.BeginAsync("text/plain") is { } body)
            {
                await body.WriteAsync("one "u8.ToArray(), context.Aborted);
                await body.WriteAsync("two"u8.ToArray(), context.Aborted);
            }
        })
        .Get("/cut", "fails half-way", async context =>
        {
            await (await context.BeginAsync("text/plain"))!.WriteAsync("one"u8.ToArray(), context.Aborted);
            throw new InvalidOperationException("half-way");
        });

    public Task InitializeAsync() => _server.StartAsync(default);

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("GET /a HTTP/1.1\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")]
    [InlineData("GET /a HTTP/2.0\r\nHost: x\r\n\r\n")]
    [InlineData("GET /a\r\nHost: x\r\n\r\n")]
    [InlineData("GET  /a HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("G(T /a HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost : x\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n")]
    [InlineData("GET /a HTTP/1.1\r\nHost: x\ny: z\r\n\r\n")]
    [InlineData("GET /a\u00e9 HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")]
    [InlineData("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na")]
    [InlineData("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    public async Task What_can_be_read_in_two_ways_is_refused_and_closed(string request) =>
        Assert.StartsWith("HTTP/1.1 400 BadRequest\r\n", await ExchangeAsync(request + "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", once: true), StringComparison.Ordinal);

    [Fact]
    public async Task A_head_has_an_end() => Assert.StartsWith(
        "HTTP/1.1 400 BadRequest\r\n", await ExchangeAsync("GET /a HTTP/1.1\r\nHost: x\r\nX: " + new string('x', 20_000)), StringComparison.Ordinal);

    [Fact]
    public async Task Requests_follow_each_other_in_any_segments()
    {
        const string Requests = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nxyzHEAD /long HTTP/1.1\r\nHost: x\r\n\r\n"
            + "GET /long HTTP/1.1\r\nHost: x\r\n\r\nPOST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n";
        foreach (var size in new[] { 1, 7, 4096 })
        {
            var answers = await ExchangeAsync(Requests, size);
            Assert.Equal(["a", "p", "", "4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n", "p"], Bodies(answers));
        }
    }

    [Fact]
    public async Task Old_clients_get_the_body_up_to_the_end()
    {
        Assert.EndsWith("\r\n\r\none two", await ExchangeAsync("GET /long HTTP/1.0\r\n\r\n", once: true), StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\na", await ExchangeAsync("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", once: true), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_that_fails_half_way_is_not_completed() =>
        Assert.EndsWith("\r\n\r\n3\r\none\r\n", await ExchangeAsync("GET /cut HTTP/1.1\r\nHost: x\r\n\r\n", once: true), StringComparison.Ordinal);

    [Fact]
    public async Task Connections_have_a_bound()
    {
        var clients = new List<TcpClient>();
        try
        {
            for (var index = 0; index < 64; index++)
            {
                clients.Add(await ConnectAsync());
                await clients[^1].GetStream().WriteAsync("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray());
                Assert.NotEqual(0, await clients[^1].GetStream().ReadAsync(new byte[1000]).AsTask().WaitAsync(Patience));
            }

            clients.Add(await ConnectAsync());
            Assert.Equal(0, await clients[^1].GetStream().ReadAsync(new byte[1]).AsTask().WaitAsync(Patience));
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    private static IEnumerable<string> Bodies(string answers) =>
        answers.Split("HTTP/1.1 200 OK\r\n", StringSplitOptions.RemoveEmptyEntries).Select(answer => answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);

    /// <summary>Sends all, in segments of a size, and reads to the end. With <paramref name="once"/> the server has to be the first that closes.</summary>
    private async Task<string> ExchangeAsync(string request, int size = 4096, bool once = false)
    {
        using var client = await ConnectAsync();
        await using var stream = client.GetStream();
        var bytes = Encoding.Latin1.GetBytes(request);
        for (var at = 0; at < bytes.Length; at += size)
        {
            await stream.WriteAsync(bytes.AsMemory(at, Math.Min(size, bytes.Length - at)));
        }

        if (!once)
        {
            client.Client.Shutdown(SocketShutdown.Send);
        }

        using var reader = new StreamReader(stream, Encoding.Latin1);
        return await reader.ReadToEndAsync().WaitAsync(Patience);
    }

    private async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(_server.EndPoints[0]);
        return client;
    }
}
