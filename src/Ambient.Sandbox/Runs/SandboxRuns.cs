using System.Diagnostics;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Runs;

/// <summary>The sandboxes of this machine, seen from another process.</summary>
public static class SandboxRuns
{
    /// <summary>A sandbox ends its processes and takes away its namespaces within seconds; a loaded machine gets thirty.</summary>
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(30);

    /// <summary>The running sandboxes.</summary>
    public static IReadOnlyList<RunRecord> Running() => [.. RunDirectory.List().Where(run => RunDirectory.IsHeld(run.Id))];

    /// <summary>The sandbox of a name, or the only one that runs.</summary>
    /// <exception cref="SandboxException">There is none, or the choice is not clear.</exception>
    public static RunRecord Select(string? name)
    {
        var running = Running();
        if (name is not null)
        {
            return running.FirstOrDefault(run => run.Id == name)
                ?? throw new SandboxException($"No sandbox named {name} is running. {Named(running)}");
        }

        return running switch
        {
            [var only] => only,
            [] => throw new SandboxException("No sandbox is running. Start one: ambientctl sandbox up --detach."),
            _ => throw new SandboxException($"Several sandboxes are running. Choose one with --name. {Named(running)}"),
        };
    }

    /// <summary>The kubeconfig of a sandbox.</summary>
    public static string KubeConfigOf(RunRecord run) => RunDirectory.KubeConfigOf(run.Id);

    /// <summary>The folder of a sandbox's container logs.</summary>
    public static string LogFolderOf(RunRecord run) => Path.Combine(RunDirectory.PathOf(run.Id), "logs");

    /// <summary>Ends a sandbox and takes away everything of it; also what a dead one left.</summary>
    /// <param name="name">Its name; null for the only one, and for all that dead sandboxes left.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <returns>The names of the sandboxes that were ended or cleaned up after.</returns>
    /// <exception cref="SandboxException">There is none, the choice is not clear, or something could not be taken away.</exception>
    public static async Task<IReadOnlyList<string>> DownAsync(string? name, CancellationToken ct)
    {
        var dead = RunDirectory.List().Where(run => !RunDirectory.IsHeld(run.Id) && (name is null || run.Id == name)).Select(run => run.Id).ToArray();
        foreach (var id in dead)
        {
            await Leftovers.CleanAsync(id, ct);
        }

        if (dead.Length > 0 && (name is not null || Running().Count == 0))
        {
            RunDirectory.RemoveParentIfLast();
            return dead;
        }

        var run = Select(name);
        await Command.TryRunAsync("/bin/sh", ["-c", $"kill -TERM {run.ProcessId}"], ct: ct);
        var started = Stopwatch.GetTimestamp();
        while (RunDirectory.IsHeld(run.Id) && Directory.Exists(RunDirectory.PathOf(run.Id)) && Stopwatch.GetElapsedTime(started) < LongestEnd)
        {
            await Task.Delay(100, ct);
        }

        if (Directory.Exists(RunDirectory.PathOf(run.Id)))
        {
            await Command.TryRunAsync("/bin/sh", ["-c", $"kill -KILL {run.ProcessId}"], ct: ct);
            await Leftovers.CleanAsync(run.Id, ct);
        }

        RunDirectory.RemoveParentIfLast();
        var left = Leftovers.Find(run.Id);
        return left.Count == 0
            ? [.. dead, run.Id]
            : throw new SandboxException($"Could not take away: {string.Join(", ", left)}. Run 'ambientctl sandbox down' again.");
    }

    private static string Named(IReadOnlyList<RunRecord> running) =>
        running.Count == 0 ? "None is running." : $"Running: {string.Join(", ", running.Select(run => run.Id))}.";
}
