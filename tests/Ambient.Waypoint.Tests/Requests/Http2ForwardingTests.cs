using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Ambient.Mesh.Http;
using Ambient.Mesh.Model;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Ambient.Waypoint.Tests.Requests;

/// <summary>HTTP/2 and gRPC, end to end and translated, with clients and servers of others.</summary>
public sealed class Http2ForwardingTests : RequestFixture
{
    [Theory]
    [InlineData(1, HttpProtocols.Http1, AppProtocol.Http11)]
    [InlineData(1, HttpProtocols.Http2, AppProtocol.Http2)]
    [InlineData(2, HttpProtocols.Http1, AppProtocol.Http11)]
    [InlineData(2, HttpProtocols.Http2, AppProtocol.Http2)]
    [InlineData(1, HttpProtocols.Http1, AppProtocol.Unknown)]
    [InlineData(2, HttpProtocols.Http2, AppProtocol.Unknown)]
    public async Task A_client_of_either_protocol_reaches_a_server_of_either(int client, HttpProtocols server, AppProtocol declared)
    {
        var upstream = Own(await KestrelServer.StartAsync(server, async context =>
        {
            using var body = new StreamReader(context.Request.Body);
            var text = await body.ReadToEndAsync();
            context.Response.Headers["x-saw"] = $"{context.Request.Protocol} {context.Request.Method} {context.Request.Path}{context.Request.QueryString} {context.Request.Host}";
            await context.Response.WriteAsync(text.ToUpperInvariant());
        }));
        Serve(protocol: declared, endpoints: upstream.Address);
        using var http = Client2(client);
        for (var i = 0; i < 3; i++)
        {
            using var answer = await http.PostAsync($"/a/b?c={i}", new StringContent("hello"));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal(client, answer.Version.Major);
            Assert.Equal("HELLO", await answer.Content.ReadAsStringAsync());
            Assert.Equal($"{(server == HttpProtocols.Http2 ? "HTTP/2" : "HTTP/1.1")} POST /a/b?c={i} web", answer.Headers.GetValues("x-saw").Single());
        }
    }

    [Fact]
    public async Task Grpc_goes_both_ways_at_once_with_its_trailers()
    {
        var upstream = Own(await KestrelServer.StartAsync(HttpProtocols.Http2, async context =>
        {
            Assert.Equal("trailers", context.Request.Headers.TE);
            context.Response.ContentType = "application/grpc";
            await context.Response.Body.FlushAsync();
            var buffer = new byte[100];
            for (int count; (count = await context.Request.Body.ReadAsync(buffer)) > 0;)
            {
                await context.Response.Body.WriteAsync(buffer.AsMemory(0, count));
                await context.Response.Body.FlushAsync();
            }

            context.Response.AppendTrailer("grpc-status", "7");
            context.Response.AppendTrailer("grpc-message", "no");
        }));
        Serve(protocol: AppProtocol.Grpc, endpoints: upstream.Address);
        using var http = Client2(2);
        var sending = new StreamingContent();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/shop.Cart/Watch") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = sending };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        sending.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        var asking = http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var to = await sending.Stream.Task.WaitAsync(Limit);
        using var answer = await asking.WaitAsync(Limit);
        await using var from = await answer.Content.ReadAsStreamAsync();
        for (var i = 0; i < 10; i++)
        {
            await to.WriteAsync(Encoding.ASCII.GetBytes($"message {i}"));
            await to.FlushAsync();
            var buffer = new byte[9];
            await from.ReadExactlyAsync(buffer).AsTask().WaitAsync(Limit);
            Assert.Equal($"message {i}", Encoding.ASCII.GetString(buffer));
        }

        sending.Done.SetResult();
        Assert.Equal(0, await from.ReadAsync(new byte[1]));
        Assert.Equal("7", answer.TrailingHeaders.GetValues("grpc-status").Single());
        Assert.Equal("no", answer.TrailingHeaders.GetValues("grpc-message").Single());
        Assert.Contains("grpc_status=7", Assert.Single(await LogAsync()));
        var metrics = await MetricsAsync();
        Assert.Contains("request_protocol=\"grpc\"", metrics);
        Assert.Contains("grpc_response_status=\"7\"", metrics);
    }

    [Fact]
    public async Task A_refused_grpc_call_is_told_as_one()
    {
        var upstream = Own(RawServer.Saying("no"));
        Serve(new HttpService { Key = Shop, Policies = ["shop/deny"] }, endpoints: upstream.Address);
        Waypoint.Apply(new WaypointUpdate { Policies = { Policy("shop/deny", HttpPolicyAction.Deny, new HttpOperation { Methods = [new StringMatch(StringMatchKind.Exact, "POST")] }) } });
        using var http = Client2(2);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/shop.Cart/Get") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent([0, 0, 0, 0, 0]) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        using var answer = await http.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("7", answer.Headers.GetValues("grpc-status").Single());
        Assert.Equal("RBAC: access denied", answer.Headers.GetValues("grpc-message").Single());
    }

    [Fact]
    public async Task A_client_that_resets_its_stream_resets_the_servers()
    {
        var aborted = new TaskCompletionSource();
        var arrived = new TaskCompletionSource();
        var upstream = Own(await KestrelServer.StartAsync(HttpProtocols.Http2, async context =>
        {
            context.RequestAborted.Register(() => aborted.TrySetResult());
            arrived.TrySetResult();
            await aborted.Task.WaitAsync(Limit);
        }));
        Serve(protocol: AppProtocol.Http2, endpoints: upstream.Address);
        using var http = Client2(2);
        using var stop = new CancellationTokenSource();
        var asking = http.GetAsync("/", stop.Token);
        await arrived.Task.WaitAsync(Limit);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        await aborted.Task.WaitAsync(Limit);
        Assert.Contains("flags=\"DC\"", Assert.Single(await LogAsync()));
    }

    [Fact]
    public async Task Many_requests_share_one_connection_to_the_server()
    {
        var connections = new HashSet<string>();
        var upstream = Own(await KestrelServer.StartAsync(HttpProtocols.Http2, async context =>
        {
            lock (connections)
            {
                connections.Add(context.Connection.Id);
            }

            await Task.Delay(20);
            await context.Response.WriteAsync("ok");
        }));
        Serve(protocol: AppProtocol.Http2, endpoints: upstream.Address);
        using var http = Client2(2);
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => http.GetStringAsync($"/{i}"))).WaitAsync(Limit);
        Assert.All(answers, answer => Assert.Equal("ok", answer));
        Assert.Single(connections);
    }

    [Fact]
    public async Task A_server_that_goes_away_gracefully_loses_no_request()
    {
        var first = await KestrelServer.StartAsync(HttpProtocols.Http2, context => context.Response.WriteAsync("ok"));
        var second = Own(await KestrelServer.StartAsync(HttpProtocols.Http2, context => context.Response.WriteAsync("ok")));
        Serve(protocol: AppProtocol.Http2, endpoints: [first.Address, second.Address]);
        using var http = Client2(2);
        using var stop = new CancellationTokenSource();
        var count = 0;
        var asking = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                Assert.Equal("ok", await http.GetStringAsync($"/{count}"));
                Interlocked.Increment(ref count);
            }
        });
        await UntilAsync(() => Volatile.Read(ref count) > 20 || asking.IsCompleted, "both serve");
        await first.DisposeAsync();
        var after = Volatile.Read(ref count);
        await UntilAsync(() => Volatile.Read(ref count) > after + 20 || asking.IsCompleted, "the other one serves");
        await stop.CancelAsync();
        await asking.WaitAsync(Limit);
    }

    private HttpClient Client2(int version) => new(new SocketsHttpHandler { UseProxy = false })
    {
        BaseAddress = new Uri($"http://{(version == 2 ? Address2 : Address)}/"),
        DefaultRequestVersion = version == 2 ? HttpVersion.Version20 : HttpVersion.Version11,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        DefaultRequestHeaders = { Host = "web" },
        Timeout = Limit,
    };

    /// <summary>A body that is written as the test goes.</summary>
    private sealed class StreamingContent : HttpContent
    {
        public TaskCompletionSource<Stream> Stream { get; } = new();

        public TaskCompletionSource Done { get; } = new();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.FlushAsync();
            Stream.SetResult(stream);
            await Done.Task;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
