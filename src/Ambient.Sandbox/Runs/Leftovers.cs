using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Runs;

/// <summary>
/// Takes away everything that a sandbox has put on the machine. It goes by names alone, so it needs nothing of the process that made them,
/// and it may run again over what an earlier run left.
/// </summary>
internal static class Leftovers
{
    /// <summary>Killed processes are gone within milliseconds; a loaded machine gets five seconds.</summary>
    private static readonly TimeSpan LongestDeath = TimeSpan.FromSeconds(5);

    /// <summary>Cleans up after every sandbox whose process has died.</summary>
    public static async Task CleanDeadAsync(CancellationToken ct)
    {
        if (!Directory.Exists(RunDirectory.Parent))
        {
            return;
        }

        foreach (var folder in Directory.GetDirectories(RunDirectory.Parent))
        {
            var id = Path.GetFileName(folder);
            if (!RunDirectory.IsHeld(id))
            {
                await CleanAsync(id, ct);
            }
        }
    }

    /// <summary>Ends the sandbox's processes, then takes away namespaces, links, control groups and files.</summary>
    public static async Task CleanAsync(string id, CancellationToken ct)
    {
        var namespaces = Namespaces(id);
        await ControlGroups.KillAsync(id, LongestDeath, ct);
        await KillInAsync(namespaces, ct);
        foreach (var name in namespaces)
        {
            await Command.TryRunAsync("ip", ["netns", "delete", name], ct: ct);
        }

        await Command.TryRunAsync("ip", ["link", "delete", Names.HostLink(id)], ct: ct);
        ControlGroups.Remove(id);
        if (Directory.Exists(RunDirectory.PathOf(id)))
        {
            Directory.Delete(RunDirectory.PathOf(id), recursive: true);
        }

        SecretsMountPoint.RemoveIfLast();
    }

    /// <summary>What a sandbox still has on the machine, in words; empty after a clean end.</summary>
    public static IReadOnlyList<string> Find(string id) =>
    [
        .. Namespaces(id).Select(name => $"network namespace {name}"),
        .. Directory.Exists($"/sys/class/net/{Names.HostLink(id)}") ? [$"link {Names.HostLink(id)}"] : Array.Empty<string>(),
        .. ControlGroups.Exists(id) ? [$"control group {Names.ControlGroup(id)}"] : Array.Empty<string>(),
        .. Directory.Exists(RunDirectory.PathOf(id)) ? [$"folder {RunDirectory.PathOf(id)}"] : Array.Empty<string>(),
    ];

    private static string[] Namespaces(string id) => !Directory.Exists(Names.NamespaceFolder) ? [] :
        [.. Directory.GetFiles(Names.NamespaceFolder, Names.NamespacePrefix(id) + "*").Select(Path.GetFileName).OfType<string>()];

    /// <summary>Processes outside the control group can only be commands that were just being run in a namespace.</summary>
    private static async Task KillInAsync(string[] namespaces, CancellationToken ct)
    {
        foreach (var name in namespaces)
        {
            var result = await Command.TryRunAsync("ip", ["netns", "pids", name], ct: ct);
            var processes = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            if (processes.Length > 0)
            {
                await Command.TryRunAsync("/bin/kill", ["-9", .. processes], ct: ct);
            }
        }
    }
}
