using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.NodeAgent.Enrolment;

/// <summary>What the agent writes for others to read: the annotation that the control plane goes by, and events for users.</summary>
internal sealed class PodReports(KubernetesClient api, string nodeName, TimeProvider time, ILogger<PodReports> logger)
{
    private const string Component = "ambient-node-agent";

    /// <summary>An event's message may have 1024 bytes (Kubernetes' validation); the sign of omission has three.</summary>
    private const int LongestMessage = 1020;

    /// <summary>Sets or, with null, removes an annotation; by the status subresource, which needs less than the right to change pods.</summary>
    /// <exception cref="KubernetesException">It was refused; a pod that is gone counts as done.</exception>
    public async Task AnnotateAsync(Pod pod, string annotation, string? value, CancellationToken cancellation)
    {
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                // With the UID a namesake that has come since is not written to.
                ["uid"] = pod.Metadata.Uid,
                ["annotations"] = new JsonObject { [annotation] = value },
            },
        };
        try
        {
            await api.PatchAsync(
                ResourceKinds.Pods, pod.Metadata.Namespace, pod.Metadata.Name, patch, PatchType.Merge, new PatchOptions("status"), cancellation);
        }
        catch (KubernetesException failure) when (failure.IsNotFound || failure.IsConflict)
        {
            logger.ReportFailed(pod.Metadata.Namespace, pod.Metadata.Name, failure.Message);
        }
    }

    /// <summary>Writes a warning on the pod. That a warning cannot be written is logged and stops nothing.</summary>
    public async Task WarnAsync(Pod pod, string reason, string message, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var report = new Event
        {
            Metadata = new() { GenerateName = $"{pod.Metadata.Name}.", Namespace = pod.Metadata.Namespace },
            InvolvedObject = new()
            {
                ApiVersion = "v1",
                Kind = "Pod",
                Name = pod.Metadata.Name,
                Namespace = pod.Metadata.Namespace,
                Uid = pod.Metadata.Uid,
            },
            Type = "Warning",
            Reason = reason,
            Message = message.Length <= LongestMessage ? message : message[..(LongestMessage - 1)] + "…",
            Count = 1,
            FirstTimestamp = now,
            LastTimestamp = now,
            Source = new() { Component = Component, Host = nodeName },
        };
        try
        {
            await api.CreateAsync(ResourceKinds.Events, report, cancellation);
        }
        catch (Exception failure) when (failure is IOException or HttpRequestException)
        {
            logger.ReportFailed(pod.Metadata.Namespace, pod.Metadata.Name, failure.Message);
        }
    }
}
