using System.Collections.Immutable;
using System.Net;
using Ambient.Api;

namespace Ambient.Mesh.Model;

/// <summary>How connections reach a workload.</summary>
public enum TunnelProtocol
{
    /// <summary>In plaintext.</summary>
    Tcp,

    /// <summary>In an HBONE tunnel to port 15008.</summary>
    Hbone,
}

/// <summary>What kind of controller a workload belongs to; telemetry names it.</summary>
public enum WorkloadType
{
    /// <summary>A Deployment.</summary>
    Deployment,

    /// <summary>A CronJob.</summary>
    Cronjob,

    /// <summary>A pod without a controller.</summary>
    Pod,

    /// <summary>A Job.</summary>
    Job,
}

/// <summary>Where a workload runs. Unknown parts are empty.</summary>
public sealed record Locality(string Region, string Zone, string Subzone)
{
    /// <summary>Nothing is known.</summary>
    public static Locality Unknown { get; } = new("", "", "");
}

/// <summary>How a workload wants tunnelled connections handed to its application.</summary>
/// <param name="ProxyProtocol">Each connection starts with a PROXY protocol version 2 header.</param>
/// <param name="Port">The application's port, or null to keep the requested one.</param>
public sealed record ApplicationTunnel(bool ProxyProtocol, ushort? Port);

/// <summary>A workload's part in a service: the service's key and the ports that it serves there.</summary>
/// <param name="Service">The key of the service, <c>namespace/hostname</c>.</param>
/// <param name="Ports">Service ports and this workload's target ports.</param>
public sealed record ServiceMembership(string Service, ImmutableArray<PortMapping> Ports);

/// <summary>Something that opens or takes connections: a pod, a machine, an endpoint outside the mesh. Immutable.</summary>
public sealed record Workload
{
    /// <summary>Unique name in the mesh, for example <c>cluster1//Pod/shop/web-1</c>.</summary>
    public required string Uid { get; init; }

    /// <summary>Name of the pod or machine.</summary>
    public required string Name { get; init; }

    /// <summary>Its namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>The account that it runs as.</summary>
    public string ServiceAccount { get; init; } = "default";

    /// <summary>The trust domain of its identity.</summary>
    public string TrustDomain { get; init; } = SpiffeId.DefaultTrustDomain;

    /// <summary>Its addresses in <see cref="Network"/>; may be empty for workloads behind a gateway or known by host name only.</summary>
    public ImmutableArray<IPAddress> Addresses { get; init; } = [];

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

    /// <summary>The node that it runs on.</summary>
    public string Node { get; init; } = "";

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

    /// <summary>Whether it takes connections.</summary>
    public bool Healthy { get; init; } = true;

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

    /// <summary>The identity that it proves and that its peers expect.</summary>
    public SpiffeId Identity => new(TrustDomain, Namespace, ServiceAccount);
}
