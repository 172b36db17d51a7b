using System.Text.RegularExpressions;
using Ambient.Api;
using Ambient.Api.Kubernetes;

namespace Ambient.ControlPlane.Derivation;

/// <summary>What a pod's workload is called: by its labels, or by what made it.</summary>
internal static partial class WorkloadNames
{
    /// <summary>Labels that hold the hash with which a controller's replica sets end.</summary>
    private static readonly string[] TemplateHashes = [Labels.PodTemplateHash, "rollouts-pod-template-hash"];

    private static readonly string[] CanonicalNames = [Labels.CanonicalName, "app.kubernetes.io/name", "app"];

    private static readonly string[] CanonicalRevisions = [Labels.CanonicalRevision, "app.kubernetes.io/version", "version"];

    public static string WorkloadName(Pod pod) => First(pod.Metadata.Labels, [Labels.WorkloadName]) ?? OwnerName(pod);

    public static string CanonicalName(IReadOnlyDictionary<string, string>? labels, string workloadName) => First(labels, CanonicalNames) ?? workloadName;

    public static string CanonicalRevision(IReadOnlyDictionary<string, string>? labels) => First(labels, CanonicalRevisions) ?? "latest";

    private static string? First(IReadOnlyDictionary<string, string>? labels, string[] keys) =>
        keys.Select(key => labels?.GetValueOrDefault(key)).FirstOrDefault(value => !string.IsNullOrEmpty(value));

    /// <summary>
    /// The name of the deployment, cron job and so on that made the pod. Only a pod whose name was generated is asked for
    /// its owner, as Istio does it: any other name says what it is.
    /// </summary>
    private static string OwnerName(Pod pod)
    {
        var metadata = pod.Metadata;
        if (string.IsNullOrEmpty(metadata.GenerateName))
        {
            return metadata.Name;
        }

        var owner = metadata.OwnerReferences?.FirstOrDefault(reference => reference.Controller == true);
        return owner switch
        {
            { Kind: "ReplicaSet", Name: { } name } => WithoutTemplateHash(name, metadata),
            { Kind: "ReplicationController" } when metadata.Label("deploymentconfig") is { Length: > 0 } config => config,
            { Kind: "Job", Name: { } name } => CronJobName().Match(name) is { Success: true } match ? match.Groups[1].Value : name,
            { Name: { Length: > 0 } name } => name,
            _ => metadata.Name,
        };
    }

    private static string WithoutTemplateHash(string replicaSet, ObjectMeta metadata)
    {
        foreach (var hash in TemplateHashes.Select(metadata.Label))
        {
            if (!string.IsNullOrEmpty(hash) && replicaSet.EndsWith("-" + hash, StringComparison.Ordinal))
            {
                return replicaSet[..^(hash.Length + 1)];
            }
        }

        return replicaSet;
    }

    /// <summary>A cron job's jobs end with the scheduled time, in minutes (8 digits) or seconds (10).</summary>
    [GeneratedRegex("^(.+)-[0-9]{8,10}$")]
    private static partial Regex CronJobName();
}
