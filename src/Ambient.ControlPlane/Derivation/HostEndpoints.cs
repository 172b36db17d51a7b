using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Entries;
using Ambient.ControlPlane.Routing;

namespace Ambient.ControlPlane.Derivation;

/// <summary>The workloads behind a host whose labels are as somebody wants them.</summary>
internal sealed class HostEndpoints(
    MeshInputs inputs, EntryModel entries, Index<Pod> podsByNamespace, Index<EndpointSlice> slicesByService, MeshSettings settings)
{
    /// <summary>Their uids, in order.</summary>
    public IEnumerable<string> Uids(MeshHost host, Func<IReadOnlyDictionary<string, string>?, bool> where, Reads reads)
    {
        IEnumerable<string> uids = [];
        if (host.Kind == HostKind.Service && reads.Get(inputs.Services, host.Resource) is { } service)
        {
            var pods = Pods(service, where, reads).Select(pod => PodWorkloads.Uid(pod, settings));
            uids = service.Spec?.Selector is { Count: > 0 } selector ? pods.Concat(Machines(host.Namespace, selector, where, reads)) : pods;
        }
        else if (reads.Get(entries.Bound, host.Resource) is { } entry)
        {
            uids = entry.Spec.WorkloadSelector?.Labels is { Count: > 0 } selector
                ? Pods(host.Namespace, selector, where, reads).Select(pod => PodWorkloads.Uid(pod, settings)).Concat(Machines(host.Namespace, selector, where, reads))
                : EntryWorkloads.Endpoints(entry).Where(endpoint => where(endpoint.Endpoint.Labels)).Select(endpoint => EntryWorkloads.Uid(entry, endpoint.Address, settings));
        }

        return uids.Distinct().Order(StringComparer.Ordinal);
    }

    private IEnumerable<Pod> Pods(
        string ns, IReadOnlyDictionary<string, string> selector, Func<IReadOnlyDictionary<string, string>?, bool> where, Reads reads)
    {
        var all = new LabelSelector { MatchLabels = selector };
        return reads.Find(podsByNamespace, ns, pod => PodWorkloads.IsPublished(pod) && all.Matches(pod.Metadata.Labels) && where(pod.Metadata.Labels));
    }

    private IEnumerable<string> Machines(
        string ns, IReadOnlyDictionary<string, string> selector, Func<IReadOnlyDictionary<string, string>?, bool> where, Reads reads)
    {
        var all = new LabelSelector { MatchLabels = selector };
        return entries.Workloads(ns, labels => all.Matches(labels) && where(labels), reads).Select(workload => EntryWorkloads.Uid(workload, settings));
    }

    private IEnumerable<Pod> Pods(Service service, Func<IReadOnlyDictionary<string, string>?, bool> where, Reads reads)
    {
        if (service.Spec?.Selector is { Count: > 0 } selector)
        {
            return Pods(service.Metadata.Namespace ?? "", selector, where, reads);
        }

        var key = ResourceKey.Of(service);
        return reads.Find(slicesByService, key)
            .SelectMany(slice => EndpointWorkloads.Pods(slice, key))
            .Select(named => reads.Get(inputs.Pods, named.PodKey))
            .OfType<Pod>()
            .Where(pod => where(pod.Metadata.Labels));
    }
}
