using System.Diagnostics;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>TCP through a waypoint, on real processes: by service and by pod, its policies, what is refused and why.</summary>
[Collection(MeshCollection.Name)]
public sealed class WaypointTcpTests(MeshFixture mesh) : IAsyncLifetime
{
    private WaypointScene _scene = null!; // by InitializeAsync

    public async Task InitializeAsync() => _scene = await mesh.WaypointAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Theory]
    [InlineData("service, declared TCP", 9090)]
    [InlineData("service, nothing declared and the server speaks first", 7090)]
    [InlineData("pod", 9090)]
    public async Task Traffic_to_service_and_pod_passes_the_waypoint_with_the_callers_identity(string addressed, int port)
    {
        var address = addressed == "pod"
            ? (await _scene.PodAsync("server-v1")).Status!.PodIP!
            : await _scene.Mesh.ServiceAsync(WaypointScene.Namespace, "server-v1");
        var friend = await _scene.PodAsync("friend");
        var gate = Assert.Single(await _scene.GatePodsAsync());
        await using (var connection = await PodConnection.OpenAsync(await _scene.SpaceAsync("friend"), address, port))
        {
            Assert.Contains($"sees {gate.Status!.PodIP}:", connection.Greeting, StringComparison.Ordinal);
            Assert.True(await connection.EchoAsync("through"));
        }

        // Three records: the client's proxy, the waypoint, the server's proxy.
        var at = $"{address}:{port}";
        Assert.NotNull(await _scene.Mesh.Scene.WaitForLineAsync(line => line["direction"] == "outbound" && line["dst.hbone_addr"] == at
            && line["dst.identity"] == "spiffe://cluster.local/ns/gated/sa/gate", default));
        var passed = await _scene.GateLineAsync("connection complete", $"dst.hbone_addr={at}", $"src.addr={friend.Status!.PodIP}:");
        Assert.Contains("src.identity=\"spiffe://cluster.local/ns/gated/sa/friend\"", passed, StringComparison.Ordinal);
        Assert.Contains("dst.identity=\"spiffe://cluster.local/ns/gated/sa/server-v1\"", passed, StringComparison.Ordinal);
        var received = await _scene.Mesh.Scene.WaitForLineAsync(
            line => line["direction"] == "inbound" && line["src.identity"] == "spiffe://cluster.local/ns/gated/sa/gate", default);
        Assert.Equal("spiffe://cluster.local/ns/gated/sa/server-v1", received!["dst.identity"]);
        Assert.Contains(
            "istio_tcp_connections_opened_total{reporter=\"waypoint\",source_workload=\"friend\"",
            await _scene.GateMetricsAsync(gate), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_policy_of_the_gateway_denies_who_it_names_new_and_open_alike()
    {
        var server = await _scene.Mesh.ServiceAsync(WaypointScene.Namespace, "server");
        var foe = await _scene.SpaceAsync("foe");
        await using var friendly = await PodConnection.OpenAsync(await _scene.SpaceAsync("friend"), server, 9090);
        await using var open = await PodConnection.OpenAsync(foe, server, 9090);
        Assert.True(await open.EchoAsync("before"));
        try
        {
            await _scene.Mesh.KubectlOkAsync("""
                apiVersion: security.istio.io/v1
                kind: AuthorizationPolicy
                metadata: {name: no-foe, namespace: gated}
                spec:
                  targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: gate}]
                  action: DENY
                  rules:
                    - from: [{source: {principals: [cluster.local/ns/gated/sa/foe]}}]
                """, "apply", "-f", "-");
            var applied = Stopwatch.GetTimestamp();
            await Wait.ForAsync(async () => !await open.EchoAsync("still open?"), TimeSpan.FromSeconds(2), "the open connection to be closed");
            await Wait.ForAsync(async () => !await KubectlTests.ConnectsAsync(foe, server), TimeSpan.FromSeconds(2) - Stopwatch.GetElapsedTime(applied), "new connections to be denied");
            Assert.True(await friendly.EchoAsync("not me"));
            await _scene.GateLineAsync("connection closed due to policy rejection", "gated/no-foe", "sa/foe");
            await _scene.GateLineAsync("connection closed due to policy change", "gated/no-foe", "sa/foe");
            Assert.Contains("response_flags=\"DENY\"", await _scene.GateMetricsAsync((await _scene.GatePodsAsync())[0]), StringComparison.Ordinal);
        }
        finally
        {
            await _scene.Mesh.KubectlOkAsync(null, "delete", "authorizationpolicy", "-n", WaypointScene.Namespace, "no-foe");
        }

        await Wait.ForAsync(() => KubectlTests.ConnectsAsync(foe, server), TimeSpan.FromSeconds(2), "connections to be allowed again");
    }

    /// <summary>The destination's own policies see the waypoint as its client: who lets in nobody else cannot be reached around it.</summary>
    [Fact]
    public async Task The_destination_accepts_the_waypoints_identity_and_may_demand_it()
    {
        var server = await _scene.PodAsync("server-v2");
        try
        {
            await _scene.Mesh.KubectlOkAsync("""
                apiVersion: security.istio.io/v1
                kind: AuthorizationPolicy
                metadata: {name: only-gate, namespace: gated}
                spec:
                  selector: {matchLabels: {name: server-v2}}
                  action: ALLOW
                  rules:
                    - from: [{source: {principals: [cluster.local/ns/gated/sa/gate]}}]
                """, "apply", "-f", "-");
            var stranger = await _scene.Mesh.NamespaceOfAsync(_scene.Mesh.Scene.Stranger);
            await Wait.ForAsync(async () => !await KubectlTests.ConnectsAsync(stranger, server.Status!.PodIP!), TimeSpan.FromSeconds(2), "direct connections to be denied");
            Assert.True(await KubectlTests.ConnectsAsync(await _scene.SpaceAsync("friend"), await _scene.Mesh.ServiceAsync(WaypointScene.Namespace, "server-v2")));
            Assert.True(await KubectlTests.ConnectsAsync(await _scene.SpaceAsync("friend"), server.Status!.PodIP!));
        }
        finally
        {
            await _scene.Mesh.KubectlOkAsync(null, "delete", "authorizationpolicy", "-n", WaypointScene.Namespace, "only-gate");
        }
    }

    [Fact]
    public async Task The_waypoints_own_pod_is_not_captured()
    {
        var gate = (await _scene.GatePodsAsync())[0];
        Assert.DoesNotContain("ambient.istio.io/redirection", gate.Metadata.Annotations?.Keys ?? []);
    }

    [Fact]
    public async Task A_waypoint_that_is_missing_refuses_with_a_reason_unless_it_may_be_passed_by()
    {
        var server = await _scene.Mesh.ServiceAsync(WaypointScene.Namespace, "server-v1");
        var friend = await _scene.SpaceAsync("friend");
        Assert.True(await KubectlTests.ConnectsAsync(friend, server));
        try
        {
            await _scene.Mesh.KubectlOkAsync(null, "label", "service", "-n", WaypointScene.Namespace, "server-v1", "istio.io/use-waypoint=nowhere", "--overwrite");
            // Asked again and again: the waypoint may learn before the client's proxy that the service left it, and refuses too.
            await Wait.ForAsync(
                async () => !await KubectlTests.ConnectsAsync(friend, server) && (await _scene.Mesh.Scene.AccessLinesAsync(default)).Any(line =>
                    line["error"].Contains("unknown waypoint", StringComparison.Ordinal) && line["error"].Contains("nowhere", StringComparison.Ordinal)),
                TimeSpan.FromSeconds(5), "connections to be refused with the reason");
            Assert.Contains("response_flags=\"NO_WAYPOINT\"", await _scene.Mesh.Scene.MetricsAsync(1, default), StringComparison.Ordinal);
            Assert.Contains("WaypointIsNotReady", await _scene.Mesh.KubectlOkAsync(null, "get", "service", "-n", WaypointScene.Namespace, "server-v1", "-o", "yaml"), StringComparison.Ordinal);

            await _scene.Mesh.KubectlOkAsync(null, "label", "service", "-n", WaypointScene.Namespace, "server-v1", "istio.io/use-waypoint=none", "--overwrite");
            await Wait.ForAsync(() => KubectlTests.ConnectsAsync(friend, server), TimeSpan.FromSeconds(3), "connections without a waypoint");
            await using var direct = await PodConnection.OpenAsync(friend, server, 9090);
            Assert.Contains($"sees {(await _scene.PodAsync("friend")).Status!.PodIP}:", direct.Greeting, StringComparison.Ordinal);
        }
        finally
        {
            await _scene.Mesh.KubectlOkAsync(null, "label", "service", "-n", WaypointScene.Namespace, "server-v1", "istio.io/use-waypoint-");
            await Wait.ForAsync(async () => await GreetingAsync(friend, server) is { } greeting
                && greeting.Contains((await _scene.GatePodsAsync())[0].Status!.PodIP + ":", StringComparison.Ordinal), TimeSpan.FromSeconds(3), "the waypoint to be passed again");
        }
    }

    private static async Task<string?> GreetingAsync(string from, string address)
    {
        try
        {
            await using var connection = await PodConnection.OpenAsync(from, address, 9090);
            return connection.Greeting;
        }
        catch (Exception failure) when (failure is IOException or TimeoutException)
        {
            return null;
        }
    }
}
