using System.Diagnostics;
using System.Text;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Ambient.Sandbox.Processes;
using Ambient.Sandbox.Runs;

namespace Ambient.Sandbox;

/// <summary>Runs commands inside containers: in the pod's network, with the container's view of files and its variables.</summary>
public static class PodExec
{
    /// <summary>Runs a command with this process's own input and output; returns its exit code.</summary>
    /// <exception cref="SandboxException">The pod or container does not exist or does not run.</exception>
    public static async Task<int> RunAsync(
        string sandbox, KubernetesClient client, string ns, string pod, string? container, IReadOnlyList<string> command, CancellationToken ct)
    {
        var info = await DescribeAsync(sandbox, client, ns, pod, container, command, ct);
        using var child = Process.Start(info) ?? throw new SandboxException("nsenter did not start.");
        try
        {
            await child.WaitForExitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            child.Kill(entireProcessTree: true);
            throw;
        }

        return child.ExitCode;
    }

    /// <summary>How to start a command in a container.</summary>
    /// <exception cref="SandboxException">The pod or container does not exist or does not run.</exception>
    internal static async Task<ProcessStartInfo> DescribeAsync(
        string sandbox, KubernetesClient client, string ns, string pod, string? container, IReadOnlyList<string> command, CancellationToken ct)
    {
        var process = await FindAsync(sandbox, client, ns, pod, container, ct);
        var info = new ProcessStartInfo(Prerequisites.Find("nsenter") ?? throw new SandboxException("nsenter is missing. " + Prerequisites.Remedy("nsenter")));
        foreach (var argument in Arguments(process, command))
        {
            info.ArgumentList.Add(argument);
        }

        info.Environment.Clear();
        foreach (var (name, value) in VariablesOf(process))
        {
            info.Environment[name] = value;
        }

        return info;
    }

    /// <summary>Runs a command and keeps what it printed.</summary>
    internal static async Task<CommandResult> CaptureAsync(
        string sandbox, KubernetesClient client, string ns, string pod, IReadOnlyList<string> command, CancellationToken ct)
    {
        var process = await FindAsync(sandbox, client, ns, pod, null, ct);
        return await Command.TryRunAsync("nsenter", Arguments(process, command), null, VariablesOf(process), null, ct);
    }

    /// <summary>The first process of a container.</summary>
    /// <exception cref="SandboxException">The pod or container does not exist or does not run.</exception>
    internal static async Task<int> FindAsync(string sandbox, KubernetesClient client, string ns, string pod, string? container, CancellationToken ct)
    {
        var found = await client.FindAsync(ResourceKinds.Pods, ns, pod, ct)
            ?? throw new SandboxException($"Pod {pod} does not exist in namespace {ns}. List pods: kubectl get pods -A.");
        var status = (found.Status?.ContainerStatuses ?? []).FirstOrDefault(candidate => container is null || candidate.Name == container)
            ?? throw new SandboxException($"Pod {ns}/{pod} has no container {container}. It has: {string.Join(", ", (found.Spec?.Containers ?? []).Select(own => own.Name))}.");
        var id = status.ContainerID?.Split("//")[^1];
        var group = $"{ControlGroups.PodPath(sandbox, found.Metadata.Uid ?? "")}/{id}/cgroup.procs";
        var process = id is not null && File.Exists(group) ? (await File.ReadAllLinesAsync(group, ct)).FirstOrDefault() : null;
        return process is not null
            ? int.Parse(process)
            : throw new SandboxException($"Container {status.Name} of pod {ns}/{pod} does not run ({status.State?.Waiting?.Reason ?? "it has ended"}). See: ambientctl sandbox logs {pod}.");
    }

    private static IReadOnlyList<string> Arguments(int process, IReadOnlyList<string> command) =>
        ["--target", process.ToString(), "--net", "--mount", "--uts", "--", .. command];

    private static Dictionary<string, string> VariablesOf(int process) =>
        Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{process}/environ")).Split('\0', StringSplitOptions.RemoveEmptyEntries)
            .Select(entry => entry.Split('=', 2)).Where(entry => entry.Length == 2).DistinctBy(entry => entry[0])
            .ToDictionary(entry => entry[0], entry => entry[1]);
}
