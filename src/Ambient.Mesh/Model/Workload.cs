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

/// <summary>
/// Something that opens or takes connections: a pod, a machine, an endpoint outside the mesh. Immutable. What the pods of one controller
/// have in common is one object for all of them (<see cref="WorkloadTraits"/>), because a mesh has a hundred thousand pods.
/// </summary>
public sealed record Workload
{
    private readonly string _uid = "";
    private readonly string? _name;

    /// <summary>Unique name in the mesh, for example <c>cluster1//Pod/shop/web-1</c>.</summary>
    public required string Uid
    {
        get => _uid;
        init => (_name, _uid) = (_uid.Length == 0 ? _name : Name, value);
    }

    /// <summary>Name of the pod or machine. Where the uid ends with it, as a pod's does, it is not kept but cut out when it is asked for.</summary>
    public required string Name
    {
        get => _name ?? _uid[(_uid.LastIndexOf('/') + 1)..];
        init => _name = _uid.AsSpan(_uid.LastIndexOf('/') + 1).SequenceEqual(value) ? null : value;
    }

    /// <summary>What it has in common with others.</summary>
    public WorkloadTraits Traits { get; init; } = WorkloadTraits.Default;

    /// <summary>Its addresses in <see cref="Network"/>; may be empty for workloads behind a gateway or known by host name only.</summary>
    public ImmutableArray<IPAddress> Addresses { get; init; } = [];

    /// <summary>The node that it runs on.</summary>
    public string Node { get; init; } = "";

    /// <summary>Whether it takes connections.</summary>
    public bool Healthy { get; init; } = true;

    /// <inheritdoc cref="WorkloadTraits.Namespace" />
    public string Namespace { get => Traits.Namespace; init => Traits = Traits with { Namespace = value }; }

    /// <inheritdoc cref="WorkloadTraits.ServiceAccount" />
    public string ServiceAccount { get => Traits.ServiceAccount; init => Traits = Traits with { ServiceAccount = value }; }

    /// <inheritdoc cref="WorkloadTraits.TrustDomain" />
    public string TrustDomain { get => Traits.TrustDomain; init => Traits = Traits with { TrustDomain = value }; }

    /// <inheritdoc cref="WorkloadTraits.Network" />
    public string Network { get => Traits.Network; init => Traits = Traits with { Network = value }; }

    /// <inheritdoc cref="WorkloadTraits.Protocol" />
    public TunnelProtocol Protocol { get => Traits.Protocol; init => Traits = Traits with { Protocol = value }; }

    /// <inheritdoc cref="WorkloadTraits.NativeTunnel" />
    public bool NativeTunnel { get => Traits.NativeTunnel; init => Traits = Traits with { NativeTunnel = value }; }

    /// <inheritdoc cref="WorkloadTraits.Waypoint" />
    public GatewayAddress? Waypoint { get => Traits.Waypoint; init => Traits = Traits with { Waypoint = value }; }

    /// <inheritdoc cref="WorkloadTraits.NetworkGateway" />
    public GatewayAddress? NetworkGateway { get => Traits.NetworkGateway; init => Traits = Traits with { NetworkGateway = value }; }

    /// <inheritdoc cref="WorkloadTraits.CanonicalName" />
    public string CanonicalName { get => Traits.CanonicalName; init => Traits = Traits with { CanonicalName = value }; }

    /// <inheritdoc cref="WorkloadTraits.CanonicalRevision" />
    public string CanonicalRevision { get => Traits.CanonicalRevision; init => Traits = Traits with { CanonicalRevision = value }; }

    /// <inheritdoc cref="WorkloadTraits.Type" />
    public WorkloadType Type { get => Traits.Type; init => Traits = Traits with { Type = value }; }

    /// <inheritdoc cref="WorkloadTraits.WorkloadName" />
    public string WorkloadName { get => Traits.WorkloadName; init => Traits = Traits with { WorkloadName = value }; }

    /// <inheritdoc cref="WorkloadTraits.ClusterId" />
    public string ClusterId { get => Traits.ClusterId; init => Traits = Traits with { ClusterId = value }; }

    /// <inheritdoc cref="WorkloadTraits.HostNetwork" />
    public bool HostNetwork { get => Traits.HostNetwork; init => Traits = Traits with { HostNetwork = value }; }

    /// <inheritdoc cref="WorkloadTraits.Hostname" />
    public string Hostname { get => Traits.Hostname; init => Traits = Traits with { Hostname = value }; }

    /// <inheritdoc cref="WorkloadTraits.ApplicationTunnel" />
    public ApplicationTunnel? ApplicationTunnel { get => Traits.ApplicationTunnel; init => Traits = Traits with { ApplicationTunnel = value }; }

    /// <inheritdoc cref="WorkloadTraits.Locality" />
    public Locality Locality { get => Traits.Locality; init => Traits = Traits with { Locality = value }; }

    /// <inheritdoc cref="WorkloadTraits.Capacity" />
    public uint Capacity { get => Traits.Capacity; init => Traits = Traits with { Capacity = value }; }

    /// <inheritdoc cref="WorkloadTraits.AuthorizationPolicies" />
    public ImmutableArray<string> AuthorizationPolicies { get => Traits.AuthorizationPolicies; init => Traits = Traits with { AuthorizationPolicies = value }; }

    /// <inheritdoc cref="WorkloadTraits.Memberships" />
    public ImmutableArray<ServiceMembership> Memberships { get => Traits.Memberships; init => Traits = Traits with { Memberships = value }; }

    /// <inheritdoc cref="WorkloadTraits.DeclaresServices" />
    public bool DeclaresServices { get => Traits.DeclaresServices; init => Traits = Traits with { DeclaresServices = value }; }

    /// <summary>The identity that it proves and that its peers expect.</summary>
    public SpiffeId Identity => new(TrustDomain, Namespace, ServiceAccount);

    /// <summary>Its part in a service, if it is an endpoint of it.</summary>
    public ServiceMembership? MembershipIn(string serviceKey)
    {
        foreach (var membership in Memberships)
        {
            if (membership.Service == serviceKey)
            {
                return membership;
            }
        }

        return null;
    }
}
