using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Ambient.Sandbox.Processes;
using Ambient.Sandbox.Runs;

namespace Ambient.Sandbox.Kubelet;

/// <summary>Everything that a container's process is started with.</summary>
internal sealed record ContainerStart
{
    public required string SandboxId { get; init; }
    public required string PodUid { get; init; }
    public required string NetworkNamespace { get; init; }

    /// <summary>The name the process sees as the machine's, or null to keep the machine's.</summary>
    public string? HostName { get; init; }

    public required IReadOnlyList<string> CommandLine { get; init; }
    public required IReadOnlyDictionary<string, string> Variables { get; init; }

    /// <summary>Files and folders that it sees in place of the machine's: source, target.</summary>
    public required IReadOnlyList<(string Source, string Target)> Mounts { get; init; }

    public string? WorkingDirectory { get; init; }

    /// <summary>Its output is appended here by itself, so that it never waits for the sandbox's own process.</summary>
    public required string LogFile { get; init; }
}

/// <summary>A container: one process tree in a control group of its own, in the pod's network and with its own view of some files.</summary>
internal sealed class ContainerProcess : IDisposable
{
    /// <summary>A killed process is gone within milliseconds, unless the kernel holds it.</summary>
    private static readonly TimeSpan LongestDeath = TimeSpan.FromSeconds(5);

    private readonly Process _process;
    private readonly string _group;

    private ContainerProcess(Process process, string id, string group)
    {
        _process = process;
        Id = id;
        _group = group;
    }

    /// <summary>64 hexadecimal digits, as container runtimes give them.</summary>
    public string Id { get; }

    /// <summary>The process id of the container's first process.</summary>
    public int ProcessId => _process.Id;

    /// <summary>A new container id.</summary>
    public static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    /// <summary>Starts a container.</summary>
    /// <exception cref="CommandException">A tool of the machine is missing.</exception>
    /// <exception cref="SandboxException">The machine has no control groups.</exception>
    public static ContainerProcess Start(ContainerStart start)
    {
        var id = NewId();
        var group = ControlGroups.Ensure(start.SandboxId, start.PodUid, id);
        var info = new ProcessStartInfo(Prerequisites.Find("nsenter") ?? throw new CommandException("nsenter is missing. " + Prerequisites.Remedy("nsenter")))
        {
            // The script exchanges it for /dev/null; inherited, it would keep a terminal or a pipe of the sandbox open.
            RedirectStandardInput = true,
        };
        foreach (var argument in new[] { $"--net={start.NetworkNamespace}", "unshare", "--mount", "--propagation", "slave" })
        {
            info.ArgumentList.Add(argument);
        }

        if (start.HostName is not null)
        {
            info.ArgumentList.Add("--uts");
        }

        foreach (var argument in new[] { "/bin/sh", "-c", Script(start, group), "sh" }.Concat(start.CommandLine))
        {
            info.ArgumentList.Add(argument);
        }

        info.Environment.Clear();
        foreach (var (name, value) in start.Variables)
        {
            info.Environment[name] = value;
        }

        var process = Process.Start(info) ?? throw new CommandException("nsenter did not start.");
        process.StandardInput.Close();
        return new ContainerProcess(process, id, group);
    }

    /// <summary>Waits for the first process to end; what it left behind is killed.</summary>
    /// <returns>Its exit code; 128 plus the signal's number if a signal ended it.</returns>
    public async Task<int> WaitAsync(CancellationToken ct)
    {
        await _process.WaitForExitAsync(ct);
        await ControlGroups.EndAsync(_group, LongestDeath, CancellationToken.None);
        return _process.ExitCode;
    }

    /// <summary>Asks it to end (SIGTERM), and kills what still runs after the grace period.</summary>
    public async Task StopAsync(TimeSpan grace)
    {
        if (grace > TimeSpan.Zero && !_process.HasExited)
        {
            await Command.TryRunAsync("/bin/sh", ["-c", $"kill -TERM {_process.Id}"]);
            try
            {
                await _process.WaitForExitAsync(CancellationToken.None).WaitAsync(grace);
            }
            catch (TimeoutException)
            {
                // Killed below, with everything that it started.
            }
        }

        await ControlGroups.EndAsync(_group, LongestDeath, CancellationToken.None);
    }

    /// <inheritdoc />
    public void Dispose() => _process.Dispose();

    /// <summary>Joins the control group, takes the log as output, mounts, and becomes the container's program.</summary>
    private static string Script(ContainerStart start, string group)
    {
        var script = new StringBuilder("set -e\n");
        script.AppendLine($"exec </dev/null >>{Quote(start.LogFile)} 2>&1");
        script.AppendLine($"echo $$ > {Quote(group + "/cgroup.procs")}");
        if (start.HostName is not null)
        {
            script.AppendLine($"echo {Quote(start.HostName)} > /proc/sys/kernel/hostname");
        }

        foreach (var (source, target) in start.Mounts)
        {
            script.AppendLine($"mount --rbind {Quote(source)} {Quote(target)}");
        }

        script.AppendLine($"cd {Quote(start.WorkingDirectory ?? "/")}");
        script.AppendLine("exec \"$@\"");
        return script.ToString();
    }

    private static string Quote(string text) => "'" + text.Replace("'", "'\\''", StringComparison.Ordinal) + "'";
}
