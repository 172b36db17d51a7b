using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Ambient.Sandbox.Echo;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>What is more than a request and an answer, through a waypoint: calls with trailers, and connections that are upgraded.</summary>
[Collection(MeshCollection.Name)]
public sealed class WaypointProtocolsTests(MeshFixture mesh) : IAsyncLifetime
{
    private const string Calls = """
        apiVersion: v1
        kind: Service
        metadata: {name: calls, namespace: gated}
        spec:
          selector: {app: server}
          ports: [{name: grpc, port: 80, targetPort: 8081}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: calls-two, namespace: gated}
        spec:
          selector: {name: server-v2}
          ports: [{name: grpc, port: 80, targetPort: 8081}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: GRPCRoute
        metadata: {name: calls, namespace: gated}
        spec:
          parentRefs: [{kind: Service, group: "", name: calls}]
          rules:
            - matches: [{method: {service: shop.Books, method: Find}}]
              backendRefs: [{name: calls-two, port: 80}]
        ---
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: no-calls, namespace: gated}
        spec:
          targetRefs: [{kind: Service, group: "", name: calls}]
          action: DENY
          rules:
            - to: [{operation: {paths: [/shop.Books/Burn]}}]
        """;

    private WaypointScene _scene = null!; // by InitializeAsync

    public async Task InitializeAsync() => _scene = await mesh.WaypointAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public Task Calls_are_routed_by_their_method_and_keep_their_trailers() => _scene.WithAsync(Calls, async () =>
    {
        using var http = await _scene.HttpAsync("friend", "calls");
        await http.UntilAsync(answer => answer.Status == 403, "the policy", "/shop.Books/Burn");
        Assert.Equal("7", (await CallAsync(http, "Burn")).Status);
        for (var count = 0; count < 5; count++)
        {
            var (status, answer) = await CallAsync(http, "Find");
            Assert.Equal("0", status);
            Assert.StartsWith("server-v2", answer!.Pod, StringComparison.Ordinal);
            Assert.Equal(("HTTP/2", "POST", "/shop.Books/Find", "\0\0\0\0\u0001x"), (answer.Protocol, answer.Method, answer.Path, answer.Body));
        }

        Assert.Equal("12", (await CallAsync(http, "Other")).Status); // no rule is for it: unimplemented
        await _scene.GateLineAsync("/shop.Books/Find", "grpc_status=0");
        Assert.Matches("istio_requests_total\\{[^}]*request_protocol=\"grpc\"[^}]*grpc_response_status=\"7\"", await _scene.GateMetricsAsync((await _scene.GatePodsAsync())[0]));
    });

    [Fact]
    public async Task A_connection_is_upgraded_to_web_sockets_and_carries_both_ways()
    {
        using var http = await _scene.HttpAsync("friend", "server-v1");
        using var socket = new ClientWebSocket();
        using var longest = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await socket.ConnectAsync(new Uri("ws://server-v1.gated/socket"), http.Client, longest.Token);
        var greeting = JsonSerializer.Deserialize(await ReceiveAsync(), EchoJson.Default.EchoAnswer)!;
        Assert.Equal("/socket", greeting.Path);
        Assert.StartsWith((await _scene.GatePodsAsync())[0].Status!.PodIP + ":", greeting.Peer, StringComparison.Ordinal);
        for (var count = 0; count < 20; count++)
        {
            var message = Encoding.ASCII.GetBytes(new string('x', 1 + (count * 700)));
            await socket.SendAsync(message, WebSocketMessageType.Binary, endOfMessage: true, longest.Token);
            Assert.Equal(message, await ReceiveAsync());
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, longest.Token);
        await _scene.GateLineAsync("/socket", "status=101");

        async Task<byte[]> ReceiveAsync()
        {
            using var message = new MemoryStream();
            var buffer = new byte[4096];
            while (true)
            {
                var part = await socket.ReceiveAsync(buffer, longest.Token);
                message.Write(buffer.AsSpan(0, part.Count));
                if (part.EndOfMessage)
                {
                    return message.ToArray();
                }
            }
        }
    }

    /// <summary>A unary call with one message; the status is in the trailers, or in the head where nothing else comes.</summary>
    private static async Task<(string? Status, EchoAnswer? Answer)> CallAsync(PodHttp http, string method)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/shop.Books/" + method)
        {
            Version = new Version(2, 0),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([0, 0, 0, 0, 1, (byte)'x']),
        };
        request.Content.Headers.ContentType = new("application/grpc");
        request.Headers.Add("te", "trailers");
        using var response = await http.Client.SendAsync(request);
        var body = await response.Content.ReadAsByteArrayAsync();
        var status = (response.TrailingHeaders.TryGetValues("grpc-status", out var last) || response.Headers.TryGetValues("grpc-status", out last)) ? last.Single() : null;
        return (status, body.Length > 5 ? JsonSerializer.Deserialize(body.AsSpan(5), EchoJson.Default.EchoAnswer) : null);
    }
}
