using System.Diagnostics;
using System.Runtime.InteropServices;
using Ambient.Ztunnel.Tests.Support;

namespace Ambient.Ztunnel.Tests;

/// <summary>The executable itself: what it says, how it ends.</summary>
public sealed partial class ProgramTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task An_environment_that_cannot_be_used_is_told_and_nothing_starts()
    {
        var (status, _, error) = await RunAsync(new() { ["PROXY_MODE"] = "both", ["SECRET_TTL"] = "soon" });
        Assert.Equal(2, status);
        Assert.Contains("PROXY_MODE=both is not one of shared, dedicated", error, StringComparison.Ordinal);
        Assert.Contains("SECRET_TTL=soon is not a duration", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_local_mesh_that_cannot_be_read_is_told_with_its_line()
    {
        var (status, _, error) = await RunAsync(new()
        {
            ["LOCAL_XDS"] = "workloads:\n- {uid: u}", ["XDS_ADDRESS"] = "", ["CA_ADDRESS"] = "", ["PROXY_CONFIG"] = "{proxyAdminPort: 0, statsPort: 0}",
        });
        Assert.Equal(2, status);
        Assert.Contains("LOCAL_XDS: line 2: a workload lacks name", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Version_help_and_mistakes_are_answered()
    {
        Assert.StartsWith("ambient ztunnel ", (await RunAsync([], "version")).Output, StringComparison.Ordinal);
        Assert.StartsWith("usage: ", (await RunAsync([], "help")).Output, StringComparison.Ordinal);
        var (status, _, error) = await RunAsync([], "fly");
        Assert.Equal(2, status);
        Assert.Contains("'fly' is no command", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_termination_signal_ends_it_in_good_order()
    {
        using var agent = new TestAgent();
        using var network = new TestNetwork();
        using var process = Start(
            new() { ["LOCAL_XDS"] = "{}", ["XDS_ADDRESS"] = "", ["CA_ADDRESS"] = "", ["INPOD_UDS"] = agent.Path },
            ["ip", "netns", "exec", network.Hub], "proxy");
        await agent.AcceptAsync();
        Assert.Equal(0, Kill(process.Id, 15));
        await process.WaitForExitAsync().WaitAsync(Patience);
        Assert.Equal(0, process.ExitCode);
        Assert.Contains("\tinfo\tapp\tstopped", await process.StandardOutput.ReadToEndAsync(), StringComparison.Ordinal);
    }

    private static async Task<(int Status, string Output, string Error)> RunAsync(Dictionary<string, string> environment, params string[] arguments)
    {
        using var process = Start(environment, [], arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Patience);
        return (process.ExitCode, await output, await error);
    }

    private static Process Start(Dictionary<string, string> environment, string[] before, params string[] arguments)
    {
        string[] command = [.. before, Path.Combine(AppContext.BaseDirectory, "Ambient.Ztunnel"), .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PATH"] += ":/usr/sbin:/sbin";
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
