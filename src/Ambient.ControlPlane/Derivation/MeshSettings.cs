using Ambient.Api;

namespace Ambient.ControlPlane.Derivation;

/// <summary>What holds for the whole mesh.</summary>
internal sealed record MeshSettings
{
    /// <summary>Names the cluster in workload identifiers; <c>Kubernetes</c> as in a single-cluster Istio.</summary>
    public string ClusterId { get; init; } = "Kubernetes";

    /// <summary>The trust domain of every identity.</summary>
    public string TrustDomain { get; init; } = SpiffeId.DefaultTrustDomain;

    /// <summary>The DNS suffix of services.</summary>
    public string DomainSuffix { get; init; } = "cluster.local";

    /// <summary>The namespace whose policies hold for the whole mesh.</summary>
    public string RootNamespace { get; init; } = "istio-system";

    /// <summary>Policies that name another revision are not ours.</summary>
    public string Revision { get; init; } = "default";

    /// <summary>
    /// Whether policies marked <c>istio.io/dry-run</c> are sent. Off, as in Istio: a ztunnel older than 1.29 would enforce them.
    /// </summary>
    public bool DryRunPolicies { get; init; }

    /// <summary>
    /// Whether traffic passes a waypoint by that is missing or not ready, as in Istio. Off: a label that asks for a guard must
    /// not leave a door open.
    /// </summary>
    public bool WaypointsFailOpen { get; init; }

    /// <summary>The image that waypoints run.</summary>
    public string WaypointImage { get; init; } = "ambient/waypoint";

    /// <summary>The trust domain as workloads carry it: the default one is left out.</summary>
    public string WorkloadTrustDomain => TrustDomain == SpiffeId.DefaultTrustDomain ? "" : TrustDomain;
}
