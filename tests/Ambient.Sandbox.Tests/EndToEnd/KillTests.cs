using Ambient.Sandbox.Demo;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>SIGKILL of each part of the mesh while traffic runs.</summary>
[Collection(MeshCollection.Name)]
public sealed class KillTests(MeshFixture mesh)
{
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(5);

    [Fact]
    public Task A_killed_ztunnel_takes_only_its_own_tunnels_never_leaks_and_recovers() => WithTrafficAsync(async (web, catalog, marker) =>
    {
        await using var elsewhere = await PodConnection.OpenAsync(web, await mesh.ServiceAsync("bank", "ledger"), 9090); // both ends on node-1
        await using var through = await PodConnection.OpenAsync(web, catalog, 9090); // to node-2
        Assert.True(await through.EchoAsync(marker));

        await mesh.KillAsync("app=ztunnel", "node-2");
        Assert.True(await elsewhere.EchoAsync(marker));
        Assert.False(await through.EchoAsync(marker));
        await Wait.ForAsync(() => KubectlTests.ConnectsAsync(web, catalog), Recovery, "connections to node-2 to work again");
        Assert.True(await elsewhere.EchoAsync(marker));
    });

    [Theory]
    [InlineData("k8s-app=istio-cni-node", "node-2")]
    [InlineData("app=istiod", null)]
    public async Task Without_agent_or_control_plane_old_and_new_connections_go_on(string labels, string? node)
    {
        await WithTrafficAsync(async (web, catalog, marker) =>
        {
            await using var open = await PodConnection.OpenAsync(web, catalog, 9090);
            await mesh.KillAsync(labels, node);
            for (var count = 0; count < 10; count++)
            {
                Assert.True(await open.EchoAsync(marker));
                Assert.True(await KubectlTests.ConnectsAsync(web, catalog));
            }

            await Wait.ForAsync(async () => (await mesh.KubectlOkAsync(null, "get", "pods", "-n", "istio-system", "-l", labels, "--no-headers")).Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .All(line => line.Contains("1/1", StringComparison.Ordinal)), Recovery, $"{labels} to be ready again");
        });
        await NewPodJoinsAsync();
    }

    /// <summary>
    /// Calls go from web to catalog all the while, with a marker in them; whatever happens, the link between the nodes carries
    /// nothing but TLS, and the marker nowhere.
    /// </summary>
    private async Task WithTrafficAsync(Func<string, string, string, Task> happens)
    {
        var web = await mesh.NamespaceOfAsync(mesh.Scene.Web);
        var catalog = await mesh.ServiceAsync("shop", "catalog");
        var marker = "secret-" + Guid.NewGuid().ToString("n");
        var file = Path.GetTempFileName();
        try
        {
            await using var capture = await PacketCapture.StartAsync(Names.Node(mesh.Sandbox.Id, "node-2"), "eth0", file, default);
            using var stop = new CancellationTokenSource();
            var traffic = TrafficAsync(web, catalog, marker, stop.Token);
            try
            {
                await happens(web, catalog, marker);
            }
            finally
            {
                await stop.CancelAsync();
            }

            Assert.True(await traffic > 0);
            var report = LinkInspection.Inspect(await capture.StopAsync(default), mesh.Scene.IsPod, marker);
            LinkAssert.OnlyTls(report);
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>After the restart everything works that needs the part: a new pod is captured, and its identity is known.</summary>
    private async Task NewPodJoinsAsync()
    {
        await mesh.KubectlOkAsync(null, "delete", "pod", "-n", "shop", "-l", "app=catalog", "--wait=true", "--timeout=30s");
        await mesh.Sandbox.ReadyAsync("shop", TimeSpan.FromSeconds(30), default);
        var web = await mesh.NamespaceOfAsync(mesh.Scene.Web);
        var catalog = await mesh.ServiceAsync("shop", "catalog");
        await Wait.ForAsync(() => KubectlTests.ConnectsAsync(web, catalog), Recovery, "the new pod to be reached");
        Assert.Contains("redirection: enabled", await mesh.KubectlOkAsync(null, "get", "pod", "-n", "shop", "-l", "app=catalog", "-o", "yaml"), StringComparison.Ordinal);
        await mesh.Scene.LookAsync(default);
    }

    /// <summary>Calls again and again, whether they succeed or not; counts those that did.</summary>
    private static async Task<int> TrafficAsync(string pod, string address, string marker, CancellationToken ct)
    {
        var succeeded = 0;
        while (!ct.IsCancellationRequested)
        {
            try
            {
                await using var connection = await PodConnection.OpenAsync(pod, address, 9090);
                succeeded += await connection.EchoAsync(marker) ? 1 : 0;
            }
            catch (Exception e) when (e is IOException or TimeoutException)
            {
                await Task.Delay(20, CancellationToken.None);
            }
        }

        return succeeded;
    }
}
