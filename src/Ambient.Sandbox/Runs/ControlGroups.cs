using System.Diagnostics;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Runs;

/// <summary>
/// The control groups (cgroup v2) of a sandbox: one per container, named as a kubelet names them, so that components find a process's pod,
/// and so that everything can be ended at once.
/// </summary>
internal static class ControlGroups
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    /// <summary>Where the v2 hierarchy is mounted: alone, or beside version 1.</summary>
    private static readonly string[] Roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

    /// <summary>The mounted v2 hierarchy, or null.</summary>
    public static string? Root { get; } = Roots.FirstOrDefault(root => File.Exists($"{root}/cgroup.controllers"));

    /// <summary>The group of one container, made if missing.</summary>
    /// <exception cref="SandboxException">This machine has no writable control groups.</exception>
    public static string Ensure(string id, string podUid, string containerId)
    {
        if (Root is null)
        {
            throw new SandboxException("No control groups: cgroup2 is mounted neither at /sys/fs/cgroup nor at /sys/fs/cgroup/unified. Mount it: mount -t cgroup2 none /sys/fs/cgroup.");
        }

        var path = $"{PodPath(id, podUid)}/{containerId}";
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new SandboxException($"Cannot make the control group {path}: {e.Message} Run as root, outside a container or with the host's control groups writable.", e);
        }

        return path;
    }

    /// <summary>The group of a pod.</summary>
    public static string PodPath(string id, string podUid) => $"{Base(id)}/kubepods/pod{podUid}";

    /// <summary>Whether a sandbox has a group.</summary>
    public static bool Exists(string id) => Root is not null && Directory.Exists(Base(id));

    /// <summary>Kills every process of a sandbox and waits until they are gone.</summary>
    public static Task KillAsync(string id, TimeSpan longest, CancellationToken ct) => Exists(id) ? KillTreeAsync(Base(id), longest, ct) : Task.CompletedTask;

    /// <summary>Kills every process of one group and below, waits until they are gone, and takes the group away.</summary>
    public static async Task EndAsync(string path, TimeSpan longest, CancellationToken ct)
    {
        if (Directory.Exists(path))
        {
            await KillTreeAsync(path, longest, ct);
            RemoveTree(path);
        }
    }

    /// <summary>Takes away the groups of a sandbox; a group with a process in it stays.</summary>
    public static void Remove(string id)
    {
        if (Exists(id))
        {
            RemoveTree(Base(id));
        }
    }

    private static string Base(string id) => $"{Root}/{Names.ControlGroup(id)}";

    private static async Task KillTreeAsync(string path, TimeSpan longest, CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            await File.WriteAllTextAsync($"{path}/cgroup.kill", "1", ct);
            while ((await File.ReadAllTextAsync($"{path}/cgroup.events", ct)).Contains("populated 1", StringComparison.Ordinal))
            {
                if (Stopwatch.GetElapsedTime(started) > longest)
                {
                    throw new SandboxException($"Processes in {path} survive SIGKILL (see {path}/cgroup.procs): they hang in the kernel. Run 'ambientctl sandbox down' again later.");
                }

                await Task.Delay(Poll, ct);
            }
        }
        catch (IOException) when (!Directory.Exists(path))
        {
            // Taken away meanwhile by somebody else who waits for the same end.
        }
    }

    /// <summary>Control groups are removed leaf first; their files go with them.</summary>
    private static void RemoveTree(string path)
    {
        if (!Directory.Exists(path))
        {
            return;
        }

        foreach (var child in Directory.GetDirectories(path))
        {
            RemoveTree(child);
        }

        // Without "recursive" this is rmdir(2), which takes a group away although it shows control files.
        try
        {
            Directory.Delete(path);
        }
        catch (IOException)
        {
            // Gone already; or a process is still in it, and Leftovers.Find reports the group.
        }
    }
}
