using System.Collections.Immutable;
using Ambient.Api;

namespace Ambient.Mesh.Model;

/// <summary>What workloads of one controller have in common. Immutable; see <see cref="Workload"/>.</summary>
public sealed record WorkloadTraits
{
    /// <summary>What a workload is of which nothing is said.</summary>
    public static WorkloadTraits Default { get; } = new();

    /// <summary>The namespace.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>The account that it runs as.</summary>
    public string ServiceAccount { get; init; } = "default";

    /// <summary>The trust domain of its identity.</summary>
    public string TrustDomain { get; init; } = SpiffeId.DefaultTrustDomain;

    /// <summary>The network that its addresses belong to.</summary>
    public string Network { get; init; } = "";

    /// <summary>How to reach it.</summary>
    public TunnelProtocol Protocol { get; init; }

    /// <summary>It terminates HBONE itself, without a node proxy.</summary>
    public bool NativeTunnel { get; init; }

    /// <summary>The waypoint that traffic addressed to this workload has to pass.</summary>
    public GatewayAddress? Waypoint { get; init; }

    /// <summary>The gateway through which other networks reach it.</summary>
    public GatewayAddress? NetworkGateway { get; init; }

    /// <summary>Telemetry's name of the service that it implements.</summary>
    public string CanonicalName { get; init; } = "";

    /// <summary>Telemetry's version of it.</summary>
    public string CanonicalRevision { get; init; } = "";

    /// <summary>The kind of its controller.</summary>
    public WorkloadType Type { get; init; } = WorkloadType.Pod;

    /// <summary>The name of its controller.</summary>
    public string WorkloadName { get; init; } = "";

    /// <summary>The cluster that it runs in.</summary>
    public string ClusterId { get; init; } = "Kubernetes";

    /// <summary>It shares the node's network: its addresses are the node's and say nothing about it.</summary>
    public bool HostNetwork { get; init; }

    /// <summary>Name to resolve where it has no addresses.</summary>
    public string Hostname { get; init; } = "";

    /// <summary>How connections are handed to its application; null means as they come.</summary>
    public ApplicationTunnel? ApplicationTunnel { get; init; }

    /// <summary>Where it runs.</summary>
    public Locality Locality { get; init; } = Locality.Unknown;

    /// <summary>Its share of a service's connections; 0 takes none.</summary>
    public uint Capacity { get; init; } = 1;

    /// <summary>Keys (<c>namespace/name</c>) of the policies that select it.</summary>
    public ImmutableArray<string> AuthorizationPolicies { get; init; } = [];

    /// <summary>The services that it is an endpoint of.</summary>
    public ImmutableArray<ServiceMembership> Memberships { get; init; } = [];

    /// <summary>
    /// Whether the configuration states the services on the workload itself, which inbound telemetry attributes
    /// connections by. WDS does; local configuration, as ztunnel reads it, only makes endpoints.
    /// </summary>
    public bool DeclaresServices { get; init; } = true;
}
