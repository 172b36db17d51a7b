using Ambient.Api.Kubernetes;

namespace Ambient.Sandbox.Kubelet;

/// <summary>A pod's status from what its containers do, by the rules of the Kubernetes pod lifecycle.</summary>
internal static class PodStatusBuilder
{
    /// <summary>Puts the status together.</summary>
    /// <param name="pod">The pod.</param>
    /// <param name="node">Its node.</param>
    /// <param name="addresses">Its addresses; empty before its network is made.</param>
    /// <param name="init">Its init containers.</param>
    /// <param name="containers">Its containers.</param>
    /// <param name="startedAt">When its node took it up.</param>
    /// <param name="trouble">Why it cannot start yet, or null.</param>
    /// <param name="before">The status before: an unchanged condition keeps its time.</param>
    /// <param name="now">The present.</param>
    public static PodStatus Build(
        Pod pod, NodeContext node, IReadOnlyList<string> addresses, IReadOnlyList<ContainerRunner> init, IReadOnlyList<ContainerRunner> containers,
        DateTimeOffset startedAt, string? trouble, PodStatus? before, DateTimeOffset now)
    {
        var initialized = init.All(runner => runner.Succeeded || runner.Ready);
        var phase = Phase(init, containers, initialized);
        var allReady = initialized && containers.Count > 0 && containers.All(runner => runner.Ready);
        var unready = phase is "Succeeded" ? "PodCompleted" : "ContainersNotReady";
        var statuses = containers.Select(runner => runner.Status()).ToArray();
        return new PodStatus
        {
            Phase = phase,
            Message = trouble,
            HostIP = node.Address,
            PodIP = addresses.Count > 0 ? addresses[0] : null,
            PodIPs = addresses.Count > 0 ? [.. addresses.Select(address => new PodIP { Ip = address })] : null,
            StartTime = startedAt,
            InitContainerStatuses = init.Count > 0 ? [.. init.Select(runner => runner.Status() with { Ready = runner.Succeeded || runner.Ready })] : null,
            ContainerStatuses = statuses,
            Conditions =
            [
                Condition("PodScheduled", true, null, before, now),
                Condition("PodReadyToStartContainers", addresses.Count > 0, null, before, now),
                Condition("Initialized", initialized, "ContainersNotInitialized", before, now),
                Condition("ContainersReady", allReady, unready, before, now),
                Condition("Ready", allReady, unready, before, now),
            ],
        };
    }

    private static string Phase(IReadOnlyList<ContainerRunner> init, IReadOnlyList<ContainerRunner> containers, bool initialized)
    {
        if (init.Any(runner => runner.Failed && !runner.Ready))
        {
            return "Failed";
        }

        if (!initialized || containers.Count == 0 || containers.All(runner => runner.Status().ContainerID is null && !runner.Failed))
        {
            return "Pending";
        }

        return containers.All(runner => runner.Succeeded || runner.Failed)
            ? (containers.Any(runner => runner.Failed) ? "Failed" : "Succeeded")
            : "Running";
    }

    private static Condition Condition(string type, bool holds, string? reason, PodStatus? before, DateTimeOffset now)
    {
        var status = holds ? "True" : "False";
        var old = before?.Conditions?.FirstOrDefault(condition => condition.Type == type);
        return new Condition
        {
            Type = type,
            Status = status,
            Reason = holds ? null : reason,
            LastTransitionTime = old?.Status == status ? old.LastTransitionTime : now,
        };
    }
}
