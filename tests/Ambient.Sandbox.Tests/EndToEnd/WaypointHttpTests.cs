namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>Requests through a waypoint, on real processes: whoever is addressed, its policies and its routes.</summary>
[Collection(MeshCollection.Name)]
public sealed class WaypointHttpTests(MeshFixture mesh) : IAsyncLifetime
{
    private WaypointScene _scene = null!; // by InitializeAsync

    public async Task InitializeAsync() => _scene = await mesh.WaypointAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Theory]
    [InlineData("service, declared HTTP", 80)]
    [InlineData("service, nothing declared", 7080)]
    [InlineData("pod", 8080)]
    public async Task Requests_to_service_and_pod_pass_the_waypoint_with_the_callers_identity(string addressed, int port)
    {
        var host = addressed == "pod" ? (await _scene.PodAsync("server-v1")).Status!.PodIP! : "server-v1.gated";
        var gate = Assert.Single(await _scene.GatePodsAsync());
        var path = $"/{Guid.NewGuid():n}";
        var (status, answer) = await _scene.AskAsync("friend", $"http://{host}:{port}{path}?q=1", "--data", "body");
        Assert.Equal(200, status);
        Assert.StartsWith(gate.Status!.PodIP + ":", answer!.Peer, StringComparison.Ordinal);
        Assert.Equal(("POST", path + "?q=1", "body"), (answer.Method, answer.Path, answer.Body));
        Assert.Contains("traceparent", answer.Headers.Keys);
        await _scene.GateLineAsync(path, "sa/friend");
        Assert.Contains("istio_requests_total{", await _scene.GateMetricsAsync(gate), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("declared HTTP/1.1", 80, "HTTP/1.1")]
    [InlineData("nothing declared", 7081, "HTTP/2")]
    public async Task Http2_is_recognised_and_goes_on_as_the_port_declares_or_as_it_came(string port, int number, string upstream)
    {
        var (status, answer) = await _scene.AskAsync("friend", $"http://server-v1.gated:{number}/{port.Replace(' ', '-')}", "--http2-prior-knowledge", "--data", "body");
        Assert.Equal((200, upstream, "POST", "body"), (status, answer?.Protocol, answer?.Method, answer?.Body));
    }

    /// <summary>A client that is slow to begin is judged like any other: it does not pass as bytes.</summary>
    [Fact]
    public async Task A_request_that_comes_late_on_an_undeclared_port_is_a_request()
    {
        var pod = await _scene.PodAsync("friend");
        var path = $"/{Guid.NewGuid():n}";
        var answer = await _scene.Mesh.ExecAsync(WaypointScene.Namespace, pod.Metadata.Name, null,
            $"timeout 10 bash -c 'exec 3<>/dev/tcp/server-v1.gated/7080; sleep 0.3; printf \"GET {path} HTTP/1.1\\r\\nHost: server\\r\\nConnection: close\\r\\n\\r\\n\" >&3; cat <&3'");
        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        await _scene.GateLineAsync(path);
    }

    [Fact]
    public async Task A_policy_denies_a_method_by_its_name_and_nothing_else()
    {
        var caller = await _scene.PodAsync("friend");
        Assert.Equal(200, (await _scene.AskAsync("friend", "http://server.gated/thing", "-X", "DELETE")).Status);
        try
        {
            await _scene.Mesh.KubectlOkAsync("""
                apiVersion: security.istio.io/v1
                kind: AuthorizationPolicy
                metadata: {name: no-delete, namespace: gated}
                spec:
                  targetRefs: [{kind: Service, group: "", name: server}]
                  action: DENY
                  rules:
                    - to: [{operation: {methods: [DELETE]}}]
                """, "apply", "-f", "-");
            await Wait.ForAsync(async () => (await _scene.AskAsync("friend", "http://server.gated/thing", "-X", "DELETE")).Status == 403, TimeSpan.FromSeconds(3), "DELETE to be denied");
            Assert.Equal(200, (await _scene.AskAsync("friend", "http://server.gated/thing")).Status);
            Assert.Equal(200, (await _scene.AskAsync("friend", "http://server-v1.gated/thing", "-X", "DELETE")).Status);
            Assert.Contains("gated/no-delete", await _scene.GateLineAsync("DELETE", "403"), StringComparison.Ordinal);
            Assert.Contains("response_code=\"403\"", await _scene.GateMetricsAsync((await _scene.GatePodsAsync())[0]), StringComparison.Ordinal);
        }
        finally
        {
            await _scene.Mesh.KubectlOkAsync(null, "delete", "authorizationpolicy", "-n", WaypointScene.Namespace, "no-delete");
        }
    }

    [Fact]
    public async Task What_fails_is_tried_again_as_the_route_says()
    {
        try
        {
            await _scene.Mesh.KubectlOkAsync("""
                apiVersion: gateway.networking.k8s.io/v1
                kind: HTTPRoute
                metadata: {name: again, namespace: gated}
                spec:
                  parentRefs: [{kind: Service, group: "", name: server-v1}]
                  rules:
                    - backendRefs: [{name: server-v1, port: 80}]
                      retry: {attempts: 3, codes: [503]}
                """, "apply", "-f", "-");
            await Wait.ForAsync(
                async () => (await _scene.AskAsync("friend", $"http://server-v1.gated/?fail=2&key={Guid.NewGuid():n}")).Status == 200,
                TimeSpan.FromSeconds(5), "two failures to be made good");
            var key = Guid.NewGuid().ToString("n");
            Assert.Equal(200, (await _scene.AskAsync("friend", $"http://server-v1.gated/?fail=3&key={key}")).Status);
            Assert.Contains("attempts=4", await _scene.GateLineAsync(key, "status=200"), StringComparison.Ordinal);
            Assert.Equal(503, (await _scene.AskAsync("friend", $"http://server-v1.gated/?fail=4&key={Guid.NewGuid():n}")).Status);
        }
        finally
        {
            await _scene.Mesh.KubectlOkAsync(null, "delete", "httproute", "-n", WaypointScene.Namespace, "again");
        }
    }

    /// <summary>What people ask the waypoint itself.</summary>
    [Fact]
    public async Task The_waypoint_shows_what_it_knows_and_has_open()
    {
        await using var open = await PodConnection.OpenAsync(await _scene.SpaceAsync("friend"), await _scene.Mesh.ServiceAsync(WaypointScene.Namespace, "server"), 9090);
        Assert.Equal(200, (await _scene.AskAsync("friend", "http://server.gated/")).Status);
        var gate = (await _scene.GatePodsAsync())[0];
        var dump = System.Text.Json.Nodes.JsonNode.Parse(await _scene.Mesh.ExecAsync(WaypointScene.Namespace, gate.Metadata.Name, null, "curl -s --max-time 5 http://127.0.0.1:15000/config_dump"))!;
        const string Server = "gated/server.gated.svc.cluster.local";
        Assert.Equal("gated/gate", (string?)dump["waypoint"]!["gateway"]);
        Assert.Contains(dump["routes"]!.AsArray(), route => (string?)route!["service"] == Server && (bool)route["bound"]!);
        Assert.Contains(dump["upstreams"]!.AsArray(), upstream => (string?)upstream!["to"] == Server + ":80" && (int)upstream["connections"]! > 0);
        Assert.Contains(dump["connections"]!.AsArray(), connection => (string?)connection!["service"] == Server && (string?)connection["srcIdentity"] == "spiffe://cluster.local/ns/gated/sa/friend");
        Assert.Equal("Available", (string?)dump["certificates"]![0]!["state"]);
    }

    [Fact]
    public async Task A_route_splits_traffic_by_weight()
    {
        try
        {
            await _scene.Mesh.KubectlOkAsync("""
                apiVersion: gateway.networking.k8s.io/v1
                kind: HTTPRoute
                metadata: {name: split, namespace: gated}
                spec:
                  parentRefs: [{kind: Service, group: "", name: server}]
                  rules:
                    - backendRefs:
                        - {name: server-v1, port: 80, weight: 90}
                        - {name: server-v2, port: 80, weight: 10}
                """, "apply", "-f", "-");
            var pod = await _scene.PodAsync("friend");
            var names = new[] { (await _scene.PodAsync("server-v1")).Metadata.Name, (await _scene.PodAsync("server-v2")).Metadata.Name };
            var counts = new int[2];
            await Wait.ForAsync(async () =>
            {
                // 200 requests on one connection: of 10 % at least 5 and at most 45 with all but one in a million.
                var output = await _scene.Mesh.ExecAsync(WaypointScene.Namespace, pod.Metadata.Name, null, "curl -s --max-time 20 'http://server.gated/[1-200]'");
                counts = [.. names.Select(name => output.Split($"\"pod\":\"{name}\"").Length - 1)];
                return counts.Sum() == 200 && counts[1] is >= 5 and <= 45;
            }, TimeSpan.FromSeconds(15), "the split");
            Assert.InRange(counts[0], 155, 195);
        }
        finally
        {
            await _scene.Mesh.KubectlOkAsync(null, "delete", "httproute", "-n", WaypointScene.Namespace, "split");
        }
    }
}
