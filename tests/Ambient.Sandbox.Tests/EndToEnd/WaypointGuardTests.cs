using System.Collections.Concurrent;
using System.Diagnostics;
using Ambient.Sandbox.Demo;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>Nothing goes around a waypoint, and nothing in the clear: while it works, while it is dead, and while it is not there yet.</summary>
[Collection(MeshCollection.Name)]
public sealed class WaypointGuardTests(MeshFixture mesh) : IAsyncLifetime
{
    private const int Callers = 4;

    /// <summary>
    /// From the kill of the only waypoint until a request is answered again: the kubelet starts it anew, and it gets certificate, routes and
    /// policies. Less than 3 s were seen on a busy machine; the bound leaves room for one that is busier.
    /// </summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(20);

    /// <summary>A service and the Gateway that it names: one that nobody runs, so that it never becomes ready.</summary>
    private const string Unready = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata:
          name: NAME
          namespace: gated
          annotations: {ambient.istio.io/waypoint-fail-open: "OPEN"}
        spec:
          gatewayClassName: nobody
          listeners:
            - {name: mesh, port: 15008, protocol: HBONE}
        ---
        apiVersion: v1
        kind: Service
        metadata:
          name: NAME
          namespace: gated
          labels: {istio.io/use-waypoint: NAME}
        spec:
          selector: {name: server-v1}
          ports: [{name: tcp-echo, port: 9090}]
        """;

    private WaypointScene _scene = null!; // by InitializeAsync

    public async Task InitializeAsync() => _scene = await mesh.WaypointAsync();

    public Task DisposeAsync() => _scene.GateIsReadyAsync("gate", 1);

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    public Task A_waypoint_that_is_not_ready_is_passed_by_where_its_gateway_says_so_alone(string open)
    {
        var name = "unready-" + open;
        return _scene.WithAsync(Unready.Replace("NAME", name, StringComparison.Ordinal).Replace("OPEN", open, StringComparison.Ordinal), async () =>
        {
            var friend = await _scene.SpaceAsync("friend");
            var address = await _scene.Mesh.ServiceAsync(WaypointScene.Namespace, name);
            await Wait.ForAsync(
                async () => (await _scene.Mesh.KubectlOkAsync(null, "get", "service", "-n", WaypointScene.Namespace, name, "-o", "yaml")).Contains("WaypointIsNotReady", StringComparison.Ordinal),
                TimeSpan.FromSeconds(10), "the condition");
            await Wait.ForAsync(async () => await KubectlTests.ConnectsAsync(friend, address) == (open == "true"), TimeSpan.FromSeconds(10), "the node's proxy to know");
            for (var count = 0; count < 5; count++)
            {
                Assert.Equal(open == "true", await KubectlTests.ConnectsAsync(friend, address));
            }

            if (open == "false")
            {
                Assert.NotNull(await _scene.Mesh.Scene.WaitForLineAsync(line => line["error"].Contains("waypoint", StringComparison.Ordinal) && line["error"].Contains(name, StringComparison.Ordinal), default));
            }
            else
            {
                await using var direct = await PodConnection.OpenAsync(friend, address, 9090);
                Assert.Contains($"sees {(await _scene.PodAsync("friend")).Status!.PodIP}:", direct.Greeting, StringComparison.Ordinal);
            }
        });
    }

    /// <summary>
    /// SIGKILL of the only waypoint. A caller whose GET failed connects anew until it is answered: each is, in bounded time; all that was
    /// answered came through the waypoint; and the link between the nodes had only TLS on it.
    /// </summary>
    [Fact]
    public async Task The_only_waypoint_is_killed_and_every_request_is_answered_in_the_end_by_its_way_alone()
    {
        var gate = Assert.Single(await _scene.GatePodsAsync());
        var marker = "secret-" + Guid.NewGuid().ToString("n");
        var file = Path.GetTempFileName();
        try
        {
            await using var capture = await PacketCapture.StartAsync(Names.Node(_scene.Mesh.Sandbox.Id, "node-2"), "eth0", file, default);
            using var stop = new CancellationTokenSource();
            var peers = new ConcurrentQueue<string>();
            var longest = Enumerable.Range(0, Callers).Select(_ => CallAsync(marker, peers, stop.Token)).ToArray();
            await Wait.ForAsync(() => Task.FromResult(peers.Count > 20 * Callers), Recovery, "requests to be answered");
            var process = await PodExec.FindAsync(_scene.Mesh.Sandbox.Id, _scene.Mesh.Client, WaypointScene.Namespace, gate.Metadata.Name, null, default);
            await Command.RunAsync("/bin/sh", ["-c", $"kill -9 {process}"]);
            var before = peers.Count;
            await Wait.ForAsync(() => Task.FromResult(peers.Count > before + (20 * Callers)), Recovery, "requests to be answered again");
            await stop.CancelAsync();
            var waits = await Task.WhenAll(longest).WaitAsync(Recovery);

            Assert.InRange(waits.Max(), TimeSpan.FromMilliseconds(100), Recovery); // the kill was felt, and got over
            Assert.All(peers, peer => Assert.StartsWith(gate.Status!.PodIP + ":", peer, StringComparison.Ordinal));
            var report = LinkInspection.Inspect(await capture.StopAsync(default), _scene.Mesh.Scene.IsPod, marker);
            LinkAssert.OnlyTls(report);
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>GETs, one after the other; one that fails is asked again on a new connection until it is answered.</summary>
    /// <returns>The longest time until one was.</returns>
    private async Task<TimeSpan> CallAsync(string marker, ConcurrentQueue<string> peers, CancellationToken stop)
    {
        using var http = await _scene.HttpAsync("friend", "server-v1");
        var longest = TimeSpan.Zero;
        while (!stop.IsCancellationRequested)
        {
            var began = Stopwatch.GetTimestamp();
            while (true)
            {
                try
                {
                    // Refused, because the waypoint is away, is no answer of the server's.
                    if (await http.AskAsync("/" + marker) is { Echo: { } echo })
                    {
                        peers.Enqueue(echo.Peer);
                        break;
                    }
                }
                catch (HttpRequestException)
                {
                    // Its connection was lost, or none was to be had: once more.
                }

                Assert.True(Stopwatch.GetElapsedTime(began) < Recovery, "a request was never answered");
                await Task.Delay(20, CancellationToken.None);
            }

            longest = TimeSpan.FromTicks(Math.Max(longest.Ticks, Stopwatch.GetElapsedTime(began).Ticks));
        }

        return longest;
    }
}
