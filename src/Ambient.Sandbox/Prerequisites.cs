using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox;

/// <summary>The machine's tools that a sandbox needs, the Debian packages they come in, and how to install them.</summary>
public static class Prerequisites
{
    /// <summary>Where tools are looked for: a root shell's PATH may lack the sbin folders.</summary>
    internal static string SearchPath { get; } =
        $"{Environment.GetEnvironmentVariable("PATH")}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";

    private static readonly (string Tool, string Package)[] Needed =
    [
        ("ip", "iproute2"), ("nft", "nftables"), ("iptables", "iptables"), ("nsenter", "util-linux"), ("unshare", "util-linux"),
        ("mount", "mount"), ("setpriv", "util-linux"),
    ];

    private static readonly (string Tool, string Package)[] NeededByDemo =
        [.. Needed, ("tcpdump", "tcpdump"), ("curl", "curl")];

    /// <summary>The packages that are missing; empty when a sandbox (or the demo) can start.</summary>
    public static IReadOnlyList<string> Missing(bool forDemo) =>
        [.. (forDemo ? NeededByDemo : Needed).Where(need => Find(need.Tool) is null).Select(need => need.Package).Distinct()];

    /// <summary>Installs packages with apt-get.</summary>
    /// <exception cref="SandboxException">This machine has no apt-get, or the installation failed.</exception>
    public static async Task InstallAsync(IReadOnlyList<string> packages, CancellationToken ct)
    {
        if (Find("apt-get") is null)
        {
            throw new SandboxException($"Missing: {string.Join(' ', packages)}. This machine has no apt-get: install them with its package manager and run again.");
        }

        var environment = new Dictionary<string, string> { ["DEBIAN_FRONTEND"] = "noninteractive" };
        await RunAptAsync(["update", "-qq"], environment, ct);
        await RunAptAsync(["install", "-y", "-qq", "--no-install-recommends", .. packages], environment, ct);
    }

    /// <summary>The full path of a tool, or null.</summary>
    internal static string? Find(string tool) => Path.IsPathRooted(tool)
        ? (File.Exists(tool) ? tool : null)
        : SearchPath.Split(':').Select(folder => Path.Combine(folder, tool)).FirstOrDefault(File.Exists);

    /// <summary>What to do about a tool that cannot be started.</summary>
    internal static string Remedy(string tool)
    {
        var package = NeededByDemo.FirstOrDefault(need => need.Tool == tool).Package;
        return package is null ? "Check the path." : $"Install it: apt-get install {package}.";
    }

    private static async Task RunAptAsync(string[] arguments, IReadOnlyDictionary<string, string> environment, CancellationToken ct)
    {
        // Downloading packages over a slow line takes minutes.
        var result = await Command.TryRunAsync("apt-get", arguments, null, environment, TimeSpan.FromMinutes(10), ct);
        if (result.ExitCode != 0)
        {
            throw new SandboxException($"apt-get {string.Join(' ', arguments)} failed: {Command.Said(result)}");
        }
    }
}
