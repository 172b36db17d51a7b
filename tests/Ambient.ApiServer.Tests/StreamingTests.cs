using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;

namespace Ambient.ApiServer.Tests;

/// <summary>Logs and commands through the real kubectl, and what travels over WebSockets.</summary>
public sealed class StreamingTests
{
    private const string Pod = """
        apiVersion: v1
        kind: Pod
        metadata: {name: p, namespace: default}
        spec:
          nodeName: node-1
          containers: [{name: c, image: "i:1"}, {name: d, image: "i:1"}]
        """;

    [Fact]
    public async Task Logs_come_from_what_runs_the_pods()
    {
        await using var kubectl = await Kubectl.StartAsync(new() { PodRuntime = new Runtime() });
        await kubectl.RunAsync("apply -f -", Pod);
        Assert.Equal("default/p/c tail=3 follow=False\n", await kubectl.RunAsync("logs p -c c --tail 3"));
        var (code, _, error) = await kubectl.TryAsync("logs p -c nosuch");
        Assert.NotEqual(0, code);
        Assert.Contains("container nosuch is not valid for pod p", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Kubectl_runs_commands()
    {
        await using var kubectl = await Kubectl.StartAsync(new() { PodRuntime = new Runtime() });
        await kubectl.RunAsync("apply -f -", Pod);
        var (code, output, error) = await kubectl.TryAsync("exec -i p -c c -- upper", "hello\nworld\n");
        if (kubectl.Minor < 31)
        {
            // Known: these speak only SPDY.
            Assert.Contains("SPDY is not served", error, StringComparison.Ordinal);
            return;
        }

        Assert.Equal(("HELLO\nWORLD\n", "", 0), (output, error, code));
        (code, output, error) = await kubectl.TryAsync("exec p -c d -- fail with me");
        Assert.Equal((7, "out of d\n"), (code, output));
        Assert.Contains("with me", error, StringComparison.Ordinal);
        (code, _, error) = await kubectl.TryAsync("exec p -c c -- nosuch");
        Assert.NotEqual(0, code);
        Assert.Contains("no such command: nosuch", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("v4.channel.k8s.io")]
    [InlineData("v5.channel.k8s.io")]
    public async Task Streams_are_told_apart_by_channel(string protocol)
    {
        await using var server = await StartAsync();
        var (output, error, status) = await ExecAsync(server, protocol, "container=d&stdout=true&stderr=true&command=fail&command=with&command=me", []);
        Assert.Equal("out of d\n", Encoding.UTF8.GetString(output));
        Assert.Equal("with me\n", Encoding.UTF8.GetString(error));
        Assert.Equal("NonZeroExitCode", (string?)status["reason"]);
        Assert.Equal("7", (string?)status["details"]!["causes"]![0]!["message"]);
    }

    [Fact]
    public async Task Input_ends_when_its_channel_is_closed()
    {
        await using var server = await StartAsync();
        var (output, _, status) = await ExecAsync(
            server, "v5.channel.k8s.io", "stdin=true&stdout=true&command=upper", [[0, .. "hello "u8], [0, .. "world"u8], [255, 0]]);
        Assert.Equal("HELLO WORLD", Encoding.UTF8.GetString(output));
        Assert.Equal("Success", (string?)status["status"]);
    }

    [Fact]
    public async Task Much_output_arrives_whole()
    {
        await using var server = await StartAsync();
        var (output, _, status) = await ExecAsync(server, "v5.channel.k8s.io", "stdout=true&command=much", []);
        Assert.Equal("Success", (string?)status["status"]);
        Assert.Equal(4_000_000, output.Length);
    }

    [Fact]
    public async Task A_port_inside_a_pod_is_reached()
    {
        await using var server = await StartAsync();
        using var client = new Ambient.Kubernetes.KubernetesClient(server.AdminConfig);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var echoing = EchoAsync(listener, limit.Token);
        await using (var connection = await client.ConnectAsync("default", "p", ((IPEndPoint)listener.LocalEndpoint).Port, limit.Token))
        {
            var sent = new byte[300_000];
            Random.Shared.NextBytes(sent);
            var sending = connection.WriteAsync(sent, limit.Token).AsTask();
            var received = new byte[sent.Length];
            await connection.ReadExactlyAsync(received, limit.Token);
            await sending;
            Assert.Equal(sent, received);
        }

        await echoing;
    }

    [Fact]
    public async Task A_port_that_nothing_listens_on_says_so()
    {
        await using var server = await StartAsync();
        using var client = new Ambient.Kubernetes.KubernetesClient(server.AdminConfig);
        await using (var connection = await client.ConnectAsync("default", "p", 1))
        {
            var error = await Assert.ThrowsAsync<IOException>(async () => await connection.ReadExactlyAsync(new byte[1]));
            Assert.Contains("cannot connect to port 1 of pod default/p: Connection refused", error.Message, StringComparison.Ordinal);
        }

        var missing = await Assert.ThrowsAsync<IOException>(() => client.ConnectAsync("default", "nobody", 80));
        Assert.Contains("port 80 of pod default/nobody", missing.Message, StringComparison.Ordinal);
    }

    /// <summary>Sends back what one client sends, until it goes.</summary>
    private static async Task EchoAsync(TcpListener listener, CancellationToken ct)
    {
        using var peer = await listener.AcceptTcpClientAsync(ct);
        await peer.GetStream().CopyToAsync(peer.GetStream(), ct);
    }

    private static async Task<ApiServer> StartAsync()
    {
        var server = await ApiServer.StartAsync(new() { PodRuntime = new Runtime() });
        using var client = new Ambient.Kubernetes.KubernetesClient(server.AdminConfig);
        await client.SendJsonAsync(HttpMethod.Post, "/api/v1/namespaces/default/pods", Ambient.Kubernetes.Manifests.Parse(Pod)[0]);
        return server;
    }

    private static async Task<(byte[] Output, byte[] Error, JsonNode Status)> ExecAsync(
        ApiServer server, string protocol, string query, byte[][] messages)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        using var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol(protocol);
        socket.Options.SetRequestHeader("Authorization", $"Bearer {server.AdminToken}");
        var authority = server.AdminConfig.CertificateAuthorities![0];
        socket.Options.RemoteCertificateValidationCallback = (_, certificate, _, _) =>
        {
            using var chain = new X509Chain();
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.Add(authority);
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            return chain.Build((X509Certificate2)certificate!);
        };
        var url = new UriBuilder(server.Url) { Scheme = "wss", Path = "/api/v1/namespaces/default/pods/p/exec", Query = query }.Uri;
        await socket.ConnectAsync(url, limit.Token);
        Assert.Equal(protocol, socket.SubProtocol);
        foreach (var message in messages)
        {
            await socket.SendAsync(message, WebSocketMessageType.Binary, true, limit.Token);
        }

        var streams = new MemoryStream[] { new(), new(), new(), new() };
        var buffer = new byte[64 * 1024];
        var channel = -1;
        while (true)
        {
            var result = await socket.ReceiveAsync(buffer, limit.Token);
            if (result.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", limit.Token);
                return (streams[1].ToArray(), streams[2].ToArray(), JsonNode.Parse(streams[3].ToArray())!);
            }

            var skip = channel < 0 ? 1 : 0;
            channel = channel < 0 ? buffer[0] : channel;
            streams[channel].Write(buffer, skip, result.Count - skip);
            channel = result.EndOfMessage ? -1 : channel;
        }
    }

    /// <summary>Three commands that need no process, and this machine's loopback.</summary>
    private sealed class Runtime : IPodRuntime
    {
        public async Task<Stream> ConnectAsync(string ns, string pod, int port, CancellationToken cancellationToken)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException error)
            {
                socket.Dispose();
                throw new IOException(error.Message, error);
            }
        }

        public async Task WriteLogAsync(PodLogRequest request, Stream output, CancellationToken cancellationToken) =>
            await output.WriteAsync(
                Encoding.UTF8.GetBytes($"{request.Namespace}/{request.Pod}/{request.Container} tail={request.TailLines} follow={request.Follow}\n"),
                cancellationToken);

        public async Task<int> ExecAsync(PodExecRequest request, PodExecStreams streams, CancellationToken cancellationToken)
        {
            switch (request.Command[0])
            {
                case "upper":
                    var buffer = new byte[1024];
                    int read;
                    while ((read = await streams.Input!.ReadAsync(buffer, cancellationToken)) > 0)
                    {
                        var text = Encoding.UTF8.GetString(buffer, 0, read).ToUpperInvariant();
                        await streams.Output.WriteAsync(Encoding.UTF8.GetBytes(text), cancellationToken);
                    }

                    return 0;
                case "fail":
                    await streams.Output.WriteAsync(Encoding.UTF8.GetBytes($"out of {request.Container}\n"), cancellationToken);
                    await streams.Error.WriteAsync(Encoding.UTF8.GetBytes(string.Join(' ', request.Command.Skip(1)) + "\n"), cancellationToken);
                    return 7;
                case "much":
                    var block = Encoding.UTF8.GetBytes(new string('x', 40_000));
                    for (var i = 0; i < 100; i++)
                    {
                        await streams.Output.WriteAsync(block, cancellationToken);
                    }

                    return 0;
                default:
                    throw new KeyNotFoundException($"no such command: {request.Command[0]}");
            }
        }
    }
}
