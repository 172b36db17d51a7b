using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Waypoints;

namespace Ambient.ControlPlane.Entries;

/// <summary>A ServiceEntry and what became of it among all that claim hosts.</summary>
/// <param name="Source">The version that is in force.</param>
/// <param name="Latest">The version that the API server holds.</param>
/// <param name="Hosts">The hosts that are its own: neither a service's nor an older entry's of its namespace.</param>
/// <param name="Canonical">Of those, the ones that other namespaces mean too.</param>
/// <param name="Binding">Its waypoint.</param>
/// <param name="IngressToo">Whether ingress gateways go through it too.</param>
internal sealed record BoundEntry(
    ServiceEntry Source, ServiceEntry Latest, Values<string> Hosts, Values<string> Canonical, Binding Binding, bool IngressToo)
{
    public string Namespace => Source.Metadata.Namespace ?? "";

    public ServiceEntrySpec Spec => Source.Spec ?? new ServiceEntrySpec();

    /// <summary>Whether it finds its workloads by their labels.</summary>
    public bool Selects(IReadOnlyDictionary<string, string>? labels) =>
        Spec.WorkloadSelector?.Labels is { Count: > 0 } wanted && wanted.All(label => labels?.GetValueOrDefault(label.Key) == label.Value);
}
