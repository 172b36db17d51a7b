using System.Diagnostics;
using System.Text.Json;
using Ambient.Sandbox.Images;
using Ambient.Sandbox.Processes;
using Ambient.Sandbox.Runs;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary><c>ambientctl</c> as its users run it: as a process.</summary>
[Collection(MeshCollection.Name)]
public sealed class CommandLineTests
{
    [Fact]
    public async Task The_demo_proves_what_it_says_and_leaves_nothing()
    {
        var started = Stopwatch.GetTimestamp();
        var result = await RunAsync(TimeSpan.FromMinutes(2), "sandbox", "demo", "--json");
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        using var report = JsonDocument.Parse(result.Output);
        Assert.True(report.RootElement.GetProperty("passed").GetBoolean());
        var steps = report.RootElement.GetProperty("steps").EnumerateArray().ToDictionary(step => step.GetProperty("name").GetString()!, step => step.GetProperty("passed").GetBoolean());
        Assert.Equal(["started", "service-name", "pod-ip", "identity", "denied", "encrypted", "strict", "accounted", "split", "request-denied", "retried", "counted", "clean"], steps.Keys);
        Assert.DoesNotContain(false, steps.Values);
        Assert.Empty(Leftovers.Find(report.RootElement.GetProperty("sandbox").GetString()!));
        Assert.True(report.RootElement.GetProperty("seconds").GetDouble() <= Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    [Fact]
    public async Task Down_takes_away_what_a_killed_sandbox_left()
    {
        var id = "k" + Guid.NewGuid().ToString("n")[..5];
        var up = await RunAsync(TimeSpan.FromMinutes(1), "sandbox", "up", "--detach", "--no-mesh", "--name", id);
        Assert.True(up.ExitCode == 0, up.Output + up.Error);
        var path = (await RunAsync(null, "sandbox", "kubeconfig", "--name", id)).Output.Trim();
        var nodes = await Command.RunAsync("kubectl", ["--kubeconfig", path, "get", "nodes", "--no-headers"]);
        Assert.Equal(2, nodes.Split('\n', StringSplitOptions.RemoveEmptyEntries).Count(line => line.Contains(" Ready ", StringComparison.Ordinal)));

        await Command.RunAsync("/bin/sh", ["-c", $"kill -9 {RunDirectory.Read(id)!.ProcessId}"]);
        await Wait.ForAsync(() => Task.FromResult(!RunDirectory.IsHeld(id)), TimeSpan.FromSeconds(5), "the killed sandbox to be gone");
        Assert.NotEmpty(Leftovers.Find(id));
        var down = await RunAsync(null, "sandbox", "down", "--name", id);
        Assert.True(down.ExitCode == 0, down.Error);
        Assert.Empty(Leftovers.Find(id));
    }

    [Theory]
    [InlineData("--nodes x", "--nodes")]
    [InlineData("--nodes 0", "--nodes 0: use a number from 1 to 64")]
    [InlineData("--nodse 2", "--nodse")]
    [InlineData("--image app", "write NAME=PATH")]
    [InlineData("-f /does/not/exist", "/does/not/exist")]
    public async Task A_bad_flag_is_named_with_the_remedy(string flags, string said)
    {
        var result = await RunAsync(null, ["sandbox", "up", .. flags.Split(' ')]);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(said, result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_no_sandbox_has_is_said_with_those_that_run()
    {
        var result = await RunAsync(null, "sandbox", "status", "--name", "nobody");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("No sandbox named nobody is running. Running: ", result.Error, StringComparison.Ordinal);
    }

    private static Task<CommandResult> RunAsync(TimeSpan? timeout, params string[] arguments) =>
        Command.TryRunAsync(Programs.Cli, arguments, null, null, timeout);
}
