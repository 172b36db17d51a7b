using Ambient.Api;
using Ambient.Api.Kubernetes;

namespace Ambient.ControlPlane.Offline;

/// <summary>Pods as they are once they run.</summary>
internal static class PlannedPods
{
    /// <summary>The namespaces whose pods a node agent leaves alone by default.</summary>
    private static readonly string[] Excluded = ["kube-system", "istio-system"];

    /// <summary>A pod that has no status runs, is ready, and is captured if its labels want it to be.</summary>
    public static Pod Running(Pod pod, Namespace? ns, PlannedAddresses addresses)
    {
        if (pod.Status?.PodIP is not null || pod.Status?.Phase is "Succeeded" or "Failed")
        {
            return pod;
        }

        var spec = pod.Spec ?? new PodSpec();
        var running = pod with
        {
            Spec = spec with { ServiceAccountName = spec.ServiceAccountName ?? "default" },
            Status = new PodStatus
            {
                Phase = "Running",
                PodIP = addresses.NextPod(),
                Conditions = [new Condition { Type = "Ready", Status = "True" }],
            },
        };
        return !IsEnrolled(pod, ns) ? running : running with
        {
            Metadata = running.Metadata with
            {
                Annotations = new Dictionary<string, string>(pod.Metadata.Annotations ?? new Dictionary<string, string>()) { [Annotations.Redirection] = "enabled" },
            },
        };
    }

    private static bool IsEnrolled(Pod pod, Namespace? ns) =>
        (pod.Metadata.Label(Labels.DataplaneMode) ?? ns?.Metadata.Label(Labels.DataplaneMode)) == Labels.Ambient
        && pod.Spec?.HostNetwork != true
        && pod.Metadata.Annotation(Annotations.SidecarStatus) is null
        && !Excluded.Contains(pod.Metadata.Namespace);
}
