using System.Net;
using Ambient.Sandbox.Cni;
using Ambient.Sandbox.Kubelet;
using Ambient.Sandbox.Network;
using Ambient.Sandbox.Processes;
using Ambient.Sandbox.Runs;

namespace Ambient.Sandbox.Tests;

/// <summary>The wires of a sandbox, made for real.</summary>
public sealed class NetworkTests
{
    [Fact]
    public async Task Pods_on_two_nodes_reach_each_other_by_both_families_and_nothing_is_left()
    {
        using var run = await RunDirectory.TakeAsync(null, 2, TimeProvider.System, default);
        var id = run.Record.Id;
        try
        {
            var plan = new AddressPlan(run.Record.Slot);
            await NodeNetwork.CreateFabricAsync(id, plan, 2, default);
            var addresses = new List<IReadOnlyList<string>>();
            for (var index = 1; index <= 2; index++)
            {
                await NodeNetwork.CreateNodeAsync(id, plan, $"node-{index}", index, 2, default);
                addresses.Add(await AddPodAsync(Context(id, plan, index), $"pod{index}"));
            }

            var first = Names.Pod(id, "default", "pod1", "0123456789");
            foreach (var address in addresses[1])
            {
                var ping = await Command.TryRunAsync("ip", ["netns", "exec", first, "curl", "-sSv", "--max-time", "5", "--noproxy", "*", Url(address)]);
                Assert.Contains("refused", ping.Error, StringComparison.OrdinalIgnoreCase); // reached, and nobody listens
            }

            Assert.Equal([$"10.{run.Record.Slot}.2.2"], addresses[1].Where(address => !address.Contains(':')));
            Assert.Contains(await InPodAsync(first, "cat /proc/sys/net/ipv4/tcp_congestion_control"), new[] { "cubic", "reno" });
            Assert.Equal("0", await InPodAsync(first, "cat /proc/sys/net/ipv4/conf/eth0/rp_filter"));
        }
        finally
        {
            run.Dispose();
            await Leftovers.CleanAsync(id, default);
        }

        Assert.Empty(Leftovers.Find(id));
    }

    [Fact]
    public async Task The_next_start_cleans_up_after_a_dead_sandbox()
    {
        var run = await RunDirectory.TakeAsync(null, 1, TimeProvider.System, default);
        var id = run.Record.Id;
        await NodeNetwork.CreateFabricAsync(id, new AddressPlan(run.Record.Slot), 1, default);
        run.Dispose(); // what the kernel does to the lock of a killed process
        Assert.NotEmpty(Leftovers.Find(id));

        using var next = await RunDirectory.TakeAsync(null, 1, TimeProvider.System, default);
        Assert.Empty(Leftovers.Find(id));
        next.Dispose();
        await Leftovers.CleanAsync(next.Record.Id, default);
    }

    [Fact]
    public async Task Two_sandboxes_never_share_an_address()
    {
        using var one = await RunDirectory.TakeAsync(null, 1, TimeProvider.System, default);
        using var two = await RunDirectory.TakeAsync(null, 1, TimeProvider.System, default);
        Assert.NotEqual(one.Record.Slot, two.Record.Slot);
        Assert.NotEqual(one.Record.Id, two.Record.Id);
        one.Dispose();
        two.Dispose();
        await Leftovers.CleanAsync(one.Record.Id, default);
        await Leftovers.CleanAsync(two.Record.Id, default);
    }

    [Fact]
    public async Task A_full_range_names_the_remedy_and_a_freed_address_comes_last()
    {
        var folder = Directory.CreateTempSubdirectory("ambient-pool-").FullName;
        try
        {
            var pool = new NodeAddressPool(folder);
            IPNetwork[] ranges = [IPNetwork.Parse("10.9.9.0/24")];
            for (var count = 0; count < 253; count++)
            {
                await pool.TakeAsync($"c{count}", ranges, default);
            }

            var error = await Assert.ThrowsAsync<SandboxException>(() => pool.TakeAsync("more", ranges, default));
            Assert.Contains("10.9.9.0/24", error.Message, StringComparison.Ordinal);
            Assert.Contains("more nodes", error.Message, StringComparison.Ordinal);
            await pool.GiveBackAsync("c7", default);
            await pool.GiveBackAsync("c3", default);
            Assert.Equal("10.9.9.5", (await pool.TakeAsync("again", ranges, default))[0].ToString());
            Assert.Equal("10.9.9.9", (await pool.TakeAsync("again2", ranges, default))[0].ToString());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    internal static NodeContext Context(string id, AddressPlan plan, int index) => new()
    {
        SandboxId = id,
        Name = $"node-{index}",
        Addresses = plan.Node(index),
        ApiServerHost = plan.Host4.ToString(),
        ApiServerPort = 6443,
        ApiServerRoots = "",
        DnsAddress = $"10.{plan.Slot}.240.10",
        RequiredPlugins = [PtpPlugin.Type],
    };

    private static async Task<IReadOnlyList<string>> AddPodAsync(NodeContext node, string name)
    {
        NodePlugins.Install(node);
        var netns = Names.Pod(node.SandboxId, "default", name, "0123456789");
        await Command.ScriptAsync($"ip netns add {netns}");
        await Command.ScriptInAsync(netns, NodeNetwork.Settings);
        var chain = new CniChain(node.CniConfiguration, node.CniPlugins, node.NetworkNamespace);
        Assert.Equal([PtpPlugin.Type], chain.PluginTypes());
        return await chain.AddAsync(new CniPod("default", name, "0123456789", "c-" + name, Names.NamespacePath(netns)), default);
    }

    private static async Task<string> InPodAsync(string netns, string script) => (await Command.ScriptInAsync(netns, script)).Trim();

    private static string Url(string address) => address.Contains(':') ? $"http://[{address}]:80/" : $"http://{address}:80/";
}
