using Ambient.Sandbox.Demo;
using Ambient.Sandbox.Images;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary><c>ambientctl waypoint</c> against a control plane that deploys what is applied.</summary>
[Collection(MeshCollection.Name)]
public sealed class WaypointCommandTests(MeshFixture mesh)
{
    [Fact]
    public async Task A_waypoint_for_a_service_account_comes_takes_its_requests_and_goes()
    {
        try
        {
            var applied = await RunAsync("waypoint", "apply", "-n", "shop", "--name", "guard", "--service-account", "catalog", "--wait");
            Assert.True(applied.ExitCode == 0, applied.Output + applied.Error);
            Assert.Equal("waypoint shop/guard applied\nwaypoint shop/guard is ready\n", applied.Output);
            Assert.Matches(@"^guard\s+default\s+all\s+True\s+catalog$", (await RunAsync("waypoint", "list", "-n", "shop")).Output.Split('\n')[1]);

            await Wait.ForAsync(async () => (await ExplainAsync()).Contains("waypoint shop/guard-", StringComparison.Ordinal), TimeSpan.FromSeconds(10), "the node's proxy to send requests to the waypoint");
            var way = await ExplainAsync();
            Assert.Contains("GET catalog.shop/books asks for shop/catalog.shop.svc.cluster.local port 80", way, StringComparison.Ordinal);
            Assert.Contains("spiffe://cluster.local/ns/shop/sa/guard connects from", way, StringComparison.Ordinal);
            Assert.Contains("It reaches the application.", way, StringComparison.Ordinal);
            var answer = DemoScene.Answer(await mesh.Scene.CallAsync(mesh.Scene.Web, "http://catalog.shop/books", "through the waypoint", default));
            Assert.Equal(("through the waypoint", "/books"), (answer?.Body, answer?.Path));
        }
        finally
        {
            var deleted = await RunAsync("waypoint", "delete", "-n", "shop", "guard");
            Assert.Equal("waypoint shop/guard deleted\n", deleted.Output);
        }

        await Wait.ForAsync(async () => !(await ExplainAsync()).Contains("waypoint", StringComparison.Ordinal), TimeSpan.FromSeconds(10), "requests to go without the waypoint again");
        Assert.Equal("No waypoints found.\n", (await RunAsync("waypoint", "list", "-n", "shop")).Output);
        Assert.NotNull(DemoScene.Answer(await mesh.Scene.CallAsync(mesh.Scene.Web, "http://catalog.shop/books", "", default)));
    }

    /// <summary>The way of a request; without the sentence that tells that no waypoint is on it.</summary>
    private async Task<string> ExplainAsync() =>
        (await RunAsync("explain", "shop/web", "catalog.shop:80", "GET", "/books")).Output.Replace("No waypoint is on the way", "", StringComparison.Ordinal);

    private Task<CommandResult> RunAsync(params string[] arguments) =>
        Command.TryRunAsync(Programs.Cli, [.. arguments, "--kubeconfig", mesh.Sandbox.KubeConfigPath], timeout: TimeSpan.FromMinutes(2));
}
