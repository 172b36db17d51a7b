using System.ComponentModel;
using System.Diagnostics;

namespace Ambient.Linux.Tests;

public sealed class NetworkCommandTests(TestNetwork network) : IClassFixture<TestNetwork>
{
    [Fact]
    public async Task A_command_sees_the_namespace_that_it_runs_in()
    {
        var inside = await NetworkCommand.RunAsync(network.A, ["ip", "-o", "addr", "show", "dev", "veth0"]);
        Assert.True(inside.Succeeded);
        Assert.Contains("10.77.0.1/24", inside.Output, StringComparison.Ordinal);
        var outside = await NetworkCommand.RunAsync(null, ["ip", "-o", "addr"]);
        Assert.DoesNotContain("10.77.0.1/24", outside.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_script_changes_nothing_and_says_why()
    {
        await NetworkCommand.NftAsync(network.A, "table inet kept {\n}\n");
        var error = await Assert.ThrowsAsync<CommandException>(() =>
            NetworkCommand.NftAsync(network.A, "table inet dropped {\n}\nno such statement\n"));
        Assert.NotEqual(0, error.Result.ExitCode);
        Assert.Contains("no such statement", error.Message, StringComparison.Ordinal);
        Assert.StartsWith("nft -f -: exit code 1", error.Message, StringComparison.Ordinal);
        var tables = (await NetworkCommand.RunAsync(network.A, ["nft", "list", "tables"])).Output;
        Assert.Contains("kept", tables, StringComparison.Ordinal);
        Assert.DoesNotContain("dropped", tables, StringComparison.Ordinal);
        await NetworkCommand.NftAsync(network.A, "delete table inet kept");
    }

    [Fact]
    public async Task Iptables_rules_go_in_by_restore_and_come_out_by_save()
    {
        const string Rules = "*nat\n-A OUTPUT -p tcp -m tcp --dport 99 -j REDIRECT --to-ports 15001\nCOMMIT\n";
        (await NetworkCommand.RunAsync(network.B, ["iptables-restore", "--noflush"], Rules)).ThrowIfFailed();
        var saved = (await NetworkCommand.RunAsync(network.B, ["iptables-save", "-t", "nat"])).Output;
        Assert.Contains("-A OUTPUT -p tcp -m tcp --dport 99 -j REDIRECT --to-ports 15001", saved, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_that_does_not_end_is_killed_with_its_children()
    {
        var marker = $"{Environment.ProcessId}{Random.Shared.Next(1000, 9999)}";
        var watch = Stopwatch.StartNew();
        var error = await Assert.ThrowsAsync<TimeoutException>(() => NetworkCommand.RunAsync(
            network.A, ["sh", "-c", $"sleep {marker} & sleep {marker}; true"], null, TimeSpan.FromMilliseconds(300)));
        Assert.Contains("still running after 0.3 s", error.Message, StringComparison.Ordinal);
        Assert.True(watch.Elapsed < Bounded.Limit);
        await Bounded.Until(() => !Sleepers(marker).Any(), "the children are gone");

        using var cancellation = new CancellationTokenSource(100);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            NetworkCommand.RunAsync(null, ["sleep", marker], cancellation: cancellation.Token));
        await Bounded.Until(() => !Sleepers(marker).Any(), "the cancelled child is gone");
    }

    [Fact]
    public async Task Large_input_and_output_do_not_block_each_other()
    {
        var text = string.Concat(Enumerable.Range(0, 100_000).Select(index => $"{index}\n"));
        var result = await NetworkCommand.RunAsync(network.A, ["cat"], text).WithinLimit();
        Assert.Equal(text, result.Output);
    }

    [Fact]
    public async Task A_program_that_is_missing_is_named()
    {
        await Assert.ThrowsAsync<Win32Exception>(() => NetworkCommand.RunAsync(null, ["no-such-program-here"]));
        var inside = await NetworkCommand.RunAsync(network.A, ["no-such-program-here"]);
        Assert.Equal(127, inside.ExitCode);
        Assert.Contains("no-such-program-here", inside.Error, StringComparison.Ordinal);
    }

    private static IEnumerable<string> Sleepers(string marker)
    {
        foreach (var process in Directory.GetDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            string line;
            try
            {
                line = File.ReadAllText(process + "/cmdline");
            }
            catch (IOException)
            {
                continue;
            }

            if (line.StartsWith("sleep", StringComparison.Ordinal) && line.Contains(marker, StringComparison.Ordinal))
            {
                yield return process;
            }
        }
    }
}
