using System.Globalization;
using Ambient.Ztunnel.Tests.Support;
using Xunit.Abstractions;

namespace Ambient.Ztunnel.Tests.Paths;

/// <summary>
/// What a connection costs both proxies of a pair in memory, against bench/budgets.json. The applications are another process, so all that
/// is allocated here is the proxies'.
/// </summary>
[Collection(Alone.Name)]
[Trait("Faults", "Off")]
public sealed class MemoryBudgetTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_connection_over_a_warm_tunnel_allocates_no_more_than_its_budget()
    {
        const int Connections = 500;
        await using var world = await TwoNodes.StartAsync();
        using var server = await ServeAsync(world);
        await ConnectAsync(world, 100);
        var best = long.MaxValue;
        for (var attempt = 0; attempt < 3; attempt++) // what is compiled or collected meanwhile counts in one of them
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            await ConnectAsync(world, Connections);
            best = Math.Min(best, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        Compare("allocatedBytesPerConnect", best / (double)Connections);
    }

    [Fact]
    public async Task An_idle_connection_keeps_no_more_than_its_budget()
    {
        const int Connections = 1000;
        await using var world = await TwoNodes.StartAsync();
        using var server = await ServeAsync(world);
        using var first = await HoldAsync(world, 100);
        var before = Kept();
        using var second = await HoldAsync(world, Connections);
        Compare("retainedBytesPerIdleConnection", (Kept() - before) / (double)Connections);
    }

    private static async Task<NodePeer> ServeAsync(TwoNodes world)
    {
        var server = Start(world, world.Server, "serve", "10.203.0.2", "7040");
        await server.ListeningAsync();
        return server;
    }

    private static async Task ConnectAsync(TwoNodes world, int count)
    {
        using var client = Start(world, world.Client, "repeat", "10.203.0.2", "7040", $"{count}");
        await client.EndedAsync();
        Assert.Empty(client.Lines);
    }

    private static async Task<NodePeer> HoldAsync(TwoNodes world, int count)
    {
        var client = Start(world, world.Client, "hold", "10.203.0.2", "7040", $"{count}");
        await client.ListeningAsync();
        return client;
    }

    private static NodePeer Start(TwoNodes world, TestPod pod, params string[] arguments) =>
        world.StartPeer(pod, new Api.SpiffeId("cluster.local", "shop", "client"), "connections.js", arguments);

    private static long Kept()
    {
        for (var round = 0; round < 3; round++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        return GC.GetTotalMemory(forceFullCollection: true);
    }

    private void Compare(string name, double figure)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name} {figure:0}"));
        Assert.InRange(figure, 0, Budgets.Of(name));
    }
}
