using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Ambient.Api;
using Ambient.Hbone.Tests.Support;
using Ambient.Identity.Certificates;
using Ambient.Identity.Tests;
using Ambient.Identity.Tests.Peers;
using Ambient.Identity.Tls;
using Ambient.Linux;

namespace Ambient.Hbone.Tests;

/// <summary>Implementations that others wrote: Node's http2 over mutual TLS and in the clear, nghttp2's tools, curl.</summary>
public sealed class OtherPeerTests : IDisposable
{
    private const string ClientUri = "spiffe://cluster.local/ns/shop/sa/client";
    private const string ServerUri = "spiffe://cluster.local/ns/shop/sa/server";

    private readonly TestAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Node_as_client(bool overTls) => OnLoop.RunAsync(async () =>
    {
        using var certificate = _authority.Certificate(ServerUri);
        using var files = _authority.Files(ClientUri);
        await using var host = new Host(overTls ? certificate : null);
        using var node = StartNode("node-client.js", host.Port, overTls ? files : null);
        var line = await node.Lines.ReadLineAsync().WaitAsync(OnLoop.Patience);
        Assert.False(string.IsNullOrEmpty(line), node.Errors);
        using var json = JsonDocument.Parse(line);
        var result = json.RootElement;
        Assert.Equal(12, result.GetProperty("echoed").GetArrayLength());
        Assert.Equal(405, result.GetProperty("get").GetInt32());
        Assert.Equal(503, result.GetProperty("refused").GetInt32());
        Assert.True(result.GetProperty("ping").GetBoolean());
        Assert.Equal(5_000, result.GetProperty("after").GetInt32());
        var settings = result.GetProperty("settings");
        Assert.Equal(4 << 20, settings.GetProperty("initialWindowSize").GetInt32());
        Assert.Equal(1 << 20, settings.GetProperty("maxFrameSize").GetInt32());
        Assert.Equal(200, settings.GetProperty("maxConcurrentStreams").GetInt32());
        Assert.Equal(65_536, settings.GetProperty("maxHeaderListSize").GetInt32());
        await node.ExitAsync();
        await OnLoop.UntilAsync(() => host.Ends.Count == 1, "the end of the connection");
        Assert.True(host.Ends[0].IsClean, host.Ends[0].ToString());
        Assert.Equal(overTls ? [ClientUri] : [], host.PeerIdentities);
        Assert.Equal(0, host.Held);
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Node_as_server(bool overTls) => OnLoop.RunAsync(async () =>
    {
        using var certificate = _authority.Certificate(ClientUri);
        using var files = _authority.Files(ServerUri);
        var port = PeerProcess.FreePort();
        using var node = StartNode("node-server.js", port, overTls ? files : null);
        await node.ListensOnAsync(port);
        await ConverseAsync(overTls ? certificate : null, port, async connection =>
        {
            await connection.PeerSettings;
            Assert.Equal(50, connection.MaxStreams);
            int[] sizes = [0, 1, 9, 16_384, 65_536, 300_000, 3_000_000, 100, 100];
            await Task.WhenAll(sizes.Select((size, index) => EchoThroughAsync(connection, size, direct: index % 2 == 1)));

            var refused = connection.Open(RequestHeaders.Connect("10.0.0.1:503"));
            Assert.Equal(503, (await refused.ResponseAsync()).Status);
            refused.Dispose();
            var reset = connection.Open(RequestHeaders.Connect("10.0.0.1:reset"));
            Assert.Equal(Http2ErrorCode.InternalError, (await Assert.ThrowsAsync<Http2StreamException>(async () => await reset.ResponseAsync())).Code);

            var last = connection.Open(RequestHeaders.Connect("10.0.0.1:goaway"));
            Assert.Equal(200, (await last.ResponseAsync()).Status);
            await OnLoop.UntilAsync(() => connection.IsEnding, "GOAWAY");
            await last.Output.WriteAsync("through"u8.ToArray());
            last.Output.Complete();
            Assert.Equal("through"u8.ToArray(), await last.Input.ReadToEndAsync());
            Assert.Equal(ConnectionEndReason.PeerGoAway, (await connection.RunAsync().WaitAsync(OnLoop.Patience)).Reason);
        });
        var settings = await node.Lines.ReadLineAsync().WaitAsync(OnLoop.Patience);
        Assert.Contains("\"maxFrameSize\":1048576", settings, StringComparison.Ordinal);
        Assert.Contains("\"baggage\":\"k8s.cluster.name=Kubernetes\"", await node.Lines.ReadLineAsync().WaitAsync(OnLoop.Patience), StringComparison.Ordinal);
    });

    [Fact]
    public Task Nghttp_gets_an_answer() => OnLoop.RunAsync(async () =>
    {
        await using var host = new Host(certificate: null);
        using var nghttp = new PeerProcess("nghttp", "-v", "-n", "--no-dep", $"http://127.0.0.1:{host.Port}/");
        var output = System.Text.Encoding.UTF8.GetString(await nghttp.ReadAllAsync());
        await nghttp.ExitAsync();
        Assert.Contains(":status: 405", output, StringComparison.Ordinal);
        Assert.Contains("allow: CONNECT", output, StringComparison.Ordinal);
        Assert.Contains("GOAWAY", output, StringComparison.Ordinal);
        await OnLoop.UntilAsync(() => host.Ends.Count == 1, "the end of the connection");
        Assert.True(host.Ends[0].IsClean, host.Ends[0].ToString());
    });

    [Fact]
    public Task Nghttp_posts_a_body_with_padding_and_priorities() => OnLoop.RunAsync(async () =>
    {
        await using var host = new Host(certificate: null);
        var file = Path.GetTempFileName();
        await File.WriteAllBytesAsync(file, new byte[200_000]);
        using var nghttp = new PeerProcess("nghttp", "-v", "-n", "-b", "200", "-m", "5", "-d", file, $"http://127.0.0.1:{host.Port}/");
        var output = System.Text.Encoding.UTF8.GetString(await nghttp.ReadAllAsync());
        await nghttp.ExitAsync();
        File.Delete(file);
        Assert.Equal(5, output.Split(":status: 405").Length - 1);
    });

    [Fact]
    public Task A_flood_by_h2load_is_answered_to_the_last_request() => OnLoop.RunAsync(async () =>
    {
        await using var host = new Host(certificate: null);
        using var h2load = new PeerProcess("h2load", "-n", "20000", "-c", "4", "-m", "50", $"http://127.0.0.1:{host.Port}/");
        var output = System.Text.Encoding.UTF8.GetString(await h2load.ReadAllAsync());
        await h2load.ExitAsync();
        Assert.Contains("20000 total, 20000 started, 20000 done", output, StringComparison.Ordinal);
        Assert.Contains("0 errored, 0 timeout", output, StringComparison.Ordinal);
        Assert.Contains("20000 4xx", output, StringComparison.Ordinal);
        await OnLoop.UntilAsync(() => host.Ends.Count == 4, "the ends of the connections");
        Assert.All(host.Ends, end => Assert.True(end.IsClean, end.ToString()));
    });

    [Theory]
    [InlineData("GET")]
    [InlineData("POST")]
    public Task Curl_gets_an_answer(string method) => OnLoop.RunAsync(async () =>
    {
        await using var host = new Host(certificate: null);
        string[] body = method == "POST" ? ["--data", new string('x', 70_000)] : [];
        using var curl = new PeerProcess("curl", ["-sS", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", .. body, $"http://127.0.0.1:{host.Port}/"]);
        Assert.Equal("405 2", System.Text.Encoding.UTF8.GetString(await curl.ReadAllAsync()));
        await curl.ExitAsync();
    });

    [Fact]
    public Task Curl_without_HTTP_2_is_turned_away() => OnLoop.RunAsync(async () =>
    {
        await using var host = new Host(certificate: null);
        using var curl = new PeerProcess("curl", "-sS", "--http1.1", "--max-time", "5", $"http://127.0.0.1:{host.Port}/");
        await curl.ReadAllAsync();
        await curl.ExitAsync();
        await OnLoop.UntilAsync(() => host.Ends.Count == 1, "the end of the connection");
        Assert.Equal(ConnectionEndReason.ProtocolError, host.Ends[0].Reason);
    });

    private static PeerProcess StartNode(string script, int port, PeerFiles? files)
    {
        string[] arguments = [Path.Combine(AppContext.BaseDirectory, "Peers", script), port.ToString()];
        return new PeerProcess("node", files is null ? arguments : [.. arguments, files.Key, files.Leaf, files.Root]);
    }

    private static async Task ConverseAsync(WorkloadCertificate? certificate, int port, Func<Http2Connection, Task> conversation)
    {
        var loop = EventLoop.Current!;
        var socket = TcpSocket.Create(loop, AddressFamily.InterNetwork);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), OnLoop.Patience);
        IDuplexPipe transport = certificate is null
            ? new SocketTransport(socket)
            : await TlsConnection.ClientAsync(socket, certificate.Client, [SpiffeId.Parse(ServerUri)], OnLoop.Patience);
        var connection = Http2Connection.Client(transport, Http2Limits.ForClient(), new ByteBudget(ByteBudget.DefaultLimit));
        Host.FlushAtEndOfTurn(connection);
        var running = connection.RunAsync();
        try
        {
            await conversation(connection);
            await running.WaitAsync(OnLoop.Patience);
        }
        finally
        {
            ((IDisposable)transport).Dispose();
        }
    }

    private static async Task EchoThroughAsync(Http2Connection connection, int size, bool direct)
    {
        var sent = new byte[size];
        new Random(size).NextBytes(sent);
        var stream = connection.Open(RequestHeaders.Connect($"10.0.0.1:{size}", new HeaderField("baggage", "k8s.cluster.name=Kubernetes")));
        stream.WritesDirectly = direct;
        var response = await stream.ResponseAsync();
        Assert.Equal(200, response.Status);
        Assert.Equal(103, Assert.Single(response.Interim).Status);
        Assert.Equal("k8s.namespace.name=shop", response.Fields["baggage"]);
        var writing = WriteAsync(stream, sent);
        Assert.Equal(sent, await stream.Input.ReadToEndAsync());
        await writing;
    }

    private static async Task WriteAsync(Http2Stream stream, byte[] bytes)
    {
        for (var offset = 0; offset < bytes.Length;)
        {
            var memory = stream.Output.GetMemory();
            var count = Math.Min(memory.Length, bytes.Length - offset);
            bytes.AsMemory(offset, count).CopyTo(memory);
            stream.Output.Advance(count);
            offset += count;
            await stream.Output.FlushAsync();
        }

        await stream.Output.CompleteAsync();
    }
}
