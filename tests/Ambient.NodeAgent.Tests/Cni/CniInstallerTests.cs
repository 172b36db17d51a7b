using System.Diagnostics;
using System.Text.Json.Nodes;
using Ambient.NodeAgent.Cni;
using Ambient.Telemetry.Metrics;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.NodeAgent.Tests.Cni;

/// <summary>The installer in folders as a node has them.</summary>
public sealed class CniInstallerTests : IDisposable
{
    private const string List = """{"cniVersion":"1.0.0","name":"net","plugins":[{"type":"bridge"},{"type":"portmap"}]}""";

    private readonly string _root = Directory.CreateTempSubdirectory("cni-").FullName;

    private string Configurations => Directory.CreateDirectory(Path.Combine(_root, "net.d")).FullName;

    private string Programs => Path.Combine(_root, "bin");

    private string Plugin => Path.Combine(Programs, "istio-cni");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task It_is_the_last_of_the_list_that_the_kubelet_uses_and_leaves_nothing_behind()
    {
        File.WriteAllText(Path.Combine(Configurations, "00-broken.conflist"), "{");
        File.WriteAllText(Path.Combine(Configurations, "10-net.conflist"), List);
        File.WriteAllText(Path.Combine(Configurations, "20-other.conflist"), List);
        File.SetUnixFileMode(Path.Combine(Configurations, "10-net.conflist"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        await RunAsync(async installer =>
        {
            await Until(() => installer.Installed);
            Assert.Equal(["bridge", "portmap", "istio-cni"], TypesIn("10-net.conflist"));
            Assert.Equal(["bridge", "portmap"], TypesIn("20-other.conflist"));
            Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(Path.Combine(Configurations, "10-net.conflist")));
            var entry = Parse("10-net.conflist")["plugins"]![2]!;
            Assert.True((bool)entry["ambient_enabled"]!);
            Assert.Equal("/run/agent", (string?)entry["cni_agent_run_dir"]);
            Assert.True(File.Exists(Plugin));
        });

        Installer().Uninstall();
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(List), Parse("10-net.conflist")));
        Assert.False(File.Exists(Plugin));
    }

    [Fact]
    public async Task A_list_that_somebody_rewrites_gets_the_entry_again()
    {
        File.WriteAllText(Path.Combine(Configurations, "10-net.conflist"), List);
        await RunAsync(async installer =>
        {
            await Until(() => TypesIn("10-net.conflist").Contains("istio-cni"));
            File.WriteAllText(Path.Combine(Configurations, "10-net.conflist"), List.Replace("portmap", "firewall", StringComparison.Ordinal));
            await Until(() => TypesIn("10-net.conflist").SequenceEqual(["bridge", "firewall", "istio-cni"]));
        });
    }

    [Fact]
    public async Task A_single_configuration_becomes_a_list_and_the_first_one_may_come_late()
    {
        await RunAsync(async installer =>
        {
            await Task.Delay(200);
            Assert.False(installer.Installed);
            File.WriteAllText(Path.Combine(Configurations, "10-net.conf"), """{"name":"net","type":"bridge"}""");
            await Until(() => installer.Installed);
            Assert.Equal(["bridge", "istio-cni"], TypesIn("10-net.conflist"));
            Assert.False(File.Exists(Path.Combine(Configurations, "10-net.conf")));
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_installed_program_answers_as_a_plugin(bool container)
    {
        File.WriteAllText(Path.Combine(Configurations, "10-net.conflist"), List);
        await RunAsync(async installer => await Until(() => installer.Installed), container ? "/host" : "");
        var script = File.ReadAllText(Plugin);
        Assert.Equal(container, script.Contains("ambient-cni/", StringComparison.Ordinal));
        Assert.Equal(container, File.Exists(Path.Combine(Programs, "ambient-cni", "Ambient.NodeAgent.dll")));

        // The test's own process stands for the program here; what it would run is looked at, not run.
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-n", Plugin]))!;
        await shell.WaitForExitAsync();
        Assert.Equal(0, shell.ExitCode);
        Assert.True(File.GetUnixFileMode(Plugin).HasFlag(UnixFileMode.OtherExecute));
        Installer(container ? "/host" : "").Uninstall();
        Assert.Empty(Directory.EnumerateFileSystemEntries(Programs));
    }

    private async Task RunAsync(Func<CniInstaller, Task> test, string hostRoot = "")
    {
        using var stop = new CancellationTokenSource();
        var installer = Installer(hostRoot);
        var running = installer.RunAsync(stop.Token);
        await test(installer);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    private CniInstaller Installer(string hostRoot = "")
    {
        var environment = new Dictionary<string, string?>
        {
            ["NODE_NAME"] = "n",
            ["MOUNTED_CNI_NET_DIR"] = Configurations,
            ["MOUNTED_CNI_BIN_DIR"] = Programs,
            ["CNI_AGENT_RUN_DIR"] = "/run/agent",
            ["HOST_ROOT"] = hostRoot,
        };
        return new CniInstaller(
            AgentConfiguration.Read(environment.GetValueOrDefault), new AgentMetrics(new MetricRegistry(TimeProvider.System)), TimeProvider.System,
            NullLogger<CniInstaller>.Instance);
    }

    private JsonNode Parse(string file) => JsonNode.Parse(File.ReadAllText(Path.Combine(Configurations, file)))!;

    private List<string> TypesIn(string file)
    {
        try
        {
            return [.. Parse(file)["plugins"]!.AsArray().Select(plugin => (string)plugin!["type"]!)];
        }
        catch (Exception failure) when (failure is System.Text.Json.JsonException or IOException)
        {
            return []; // looked at while it was written
        }
    }

    private static async Task Until(Func<bool> condition)
    {
        var watch = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), "not within 10 s");
            await Task.Delay(20);
        }
    }
}
