using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Routing;

namespace Ambient.ControlPlane.Derivation;

/// <summary>The workloads behind a host whose labels are as somebody wants them.</summary>
internal sealed class HostEndpoints(MeshInputs inputs, Index<Pod> podsByNamespace, Index<EndpointSlice> slicesByService, MeshSettings settings)
{
    /// <summary>Their uids, in order.</summary>
    public IEnumerable<string> Uids(MeshHost host, Func<IReadOnlyDictionary<string, string>?, bool> where, Reads reads) =>
        (host.Kind == HostKind.Service && reads.Get(inputs.Services, host.Resource) is { } service ? Pods(service, where, reads) : [])
            .Select(pod => PodWorkloads.Uid(pod, settings))
            .Distinct()
            .Order(StringComparer.Ordinal);

    private IEnumerable<Pod> Pods(Service service, Func<IReadOnlyDictionary<string, string>?, bool> where, Reads reads)
    {
        if (service.Spec?.Selector is { Count: > 0 } selector)
        {
            var all = new LabelSelector { MatchLabels = selector };
            return reads.Find(podsByNamespace, service.Metadata.Namespace ?? "", pod =>
                PodWorkloads.IsPublished(pod) && all.Matches(pod.Metadata.Labels) && where(pod.Metadata.Labels));
        }

        var key = ResourceKey.Of(service);
        return reads.Find(slicesByService, key)
            .SelectMany(slice => EndpointWorkloads.Pods(slice, key))
            .Select(named => reads.Get(inputs.Pods, named.PodKey))
            .OfType<Pod>()
            .Where(pod => where(pod.Metadata.Labels));
    }
}
