using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Ambient.Sandbox.Controllers;

namespace Ambient.Sandbox;

/// <summary>What a namespace still waits for.</summary>
internal static class Readiness
{
    /// <summary>A log line is quoted as far as it fits on a screen.</summary>
    private const int LongestQuote = 300;

    /// <summary>Each set that is not ready, with what its pods say; empty when all are.</summary>
    public static async Task<IReadOnlyList<string>> WaitingAsync(KubernetesClient client, string ns, string logFolder, CancellationToken ct)
    {
        var waiting = new List<string>();
        var pods = (await client.ListAsync(ResourceKinds.Pods, ns, null, ct)).Items;
        foreach (var deployment in (await client.ListAsync(ResourceKinds.Deployments, ns, null, ct)).Items)
        {
            Add(waiting, pods, logFolder, "deployment", deployment.Metadata, deployment.Spec, deployment.Spec?.Replicas ?? 1);
        }

        var nodes = (await client.ListAsync(ResourceKinds.Nodes, null, null, ct)).Items;
        foreach (var set in (await client.ListAsync(ResourceKinds.DaemonSets, ns, null, ct)).Items)
        {
            Add(waiting, pods, logFolder, "daemonset", set.Metadata, set.Spec, nodes.Count(node => Scheduler.Fits(node, set.Spec?.Template?.Spec?.NodeSelector)));
        }

        return waiting;
    }

    private static void Add(List<string> waiting, IReadOnlyList<Pod> pods, string logFolder, string kind, ObjectMeta metadata, WorkloadSetSpec? spec, int wanted)
    {
        var own = pods.Where(pod => spec?.Selector?.Matches(pod.Metadata.Labels) == true && pod.Metadata.DeletionTimestamp is null).ToArray();
        var ready = own.Count(Ownership.IsReady);
        if (ready < wanted)
        {
            waiting.Add($"{kind} {metadata.Name} has {ready} of {wanted} pods ready{string.Concat(own.Where(pod => !Ownership.IsReady(pod)).Select(pod => Reason(pod, logFolder)))}");
        }
    }

    private static string Reason(Pod pod, string logFolder)
    {
        var container = (pod.Status?.ContainerStatuses ?? []).Select(status =>
            status.State?.Waiting?.Message ?? status.State?.Terminated?.Message ?? status.State?.Waiting?.Reason
            ?? (status.RestartCount > 0 ? $"has been restarted {status.RestartCount} times" : status.Ready == true ? null : "its readiness probe fails")).FirstOrDefault();
        var said = LastLine(Path.Combine(logFolder, $"{pod.Metadata.Namespace}_{pod.Metadata.Name}_{pod.Spec?.Containers?[0].Name}.log"));
        return $" ({pod.Metadata.Name}: {pod.Status?.Message ?? container ?? "not scheduled"}{(said is null ? "" : $"; its last words: {said}")})";
    }

    private static string? LastLine(string log)
    {
        var line = File.Exists(log) ? File.ReadLines(log).LastOrDefault(text => text.Length > 0) : null;
        return line?[..Math.Min(line.Length, LongestQuote)].Replace('\t', ' ');
    }
}
