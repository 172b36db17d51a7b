using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;

namespace Ambient.ControlPlane.Offline;

/// <summary>Something that makes pods.</summary>
internal sealed record PlannedWorkload(string Kind, string Namespace, string Name, int Replicas, PodTemplateSpec Template)
{
    /// <summary>More replicas explain nothing that these do not.</summary>
    private const int MostReplicas = 10;

    /// <summary>Reads it; null for a kind that makes no pods, and for what another one owns.</summary>
    public static PlannedWorkload? Read(JsonObject manifest)
    {
        var spec = (string?)manifest["kind"] switch
        {
            "Deployment" or "ReplicaSet" or "StatefulSet" or "DaemonSet" or "Job" => manifest["spec"],
            "CronJob" => manifest["spec"]?["jobTemplate"]?["spec"],
            _ => null,
        };
        if (spec.Deserialize(ResourceJson.Default.WorkloadSetSpec) is not { Template: { } template } set
            || manifest["metadata"].Deserialize(ResourceJson.Default.ObjectMeta) is not { } metadata
            || metadata.OwnerReferences?.Any(owner => owner.Kind != "Gateway") == true)
        {
            return null;
        }

        var replicas = Math.Clamp(set.Replicas ?? 1, 0, MostReplicas);
        return new PlannedWorkload((string)manifest["kind"]!, metadata.Namespace ?? "", metadata.Name, replicas, template);
    }

    /// <summary>Its pods; none where the manifests have pods like them already.</summary>
    public IEnumerable<Pod> Pods(IEnumerable<Pod> existing)
    {
        var alike = new LabelSelector { MatchLabels = Template.Metadata.Labels };
        if (Template.Metadata.Labels is { Count: > 0 } && existing.Any(pod => pod.Metadata.Namespace == Namespace && alike.Matches(pod.Metadata.Labels)))
        {
            return [];
        }

        return Enumerable.Range(0, Replicas).Select(index => new Pod
        {
            Metadata = Template.Metadata with
            {
                Name = $"{Name}-{index}",
                GenerateName = $"{Name}-",
                Namespace = Namespace,
                OwnerReferences = [new OwnerReference { ApiVersion = "apps/v1", Kind = Kind, Name = Name, Controller = true }],
            },
            Spec = Template.Spec,
        }).ToArray();
    }
}
