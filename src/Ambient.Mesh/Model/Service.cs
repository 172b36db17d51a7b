using System.Collections.Immutable;
using Ambient.Api;

namespace Ambient.Mesh.Model;

/// <summary>Which address families a service serves.</summary>
public enum IpFamilies
{
    /// <summary>Whatever its endpoints have.</summary>
    Automatic,

    /// <summary>IPv4 only.</summary>
    V4,

    /// <summary>IPv6 only.</summary>
    V6,

    /// <summary>Both.</summary>
    Dual,
}

/// <summary>How an endpoint is chosen.</summary>
public enum LoadBalancingMode
{
    /// <summary>Any endpoint.</summary>
    Standard,

    /// <summary>Only endpoints that agree with the client in every preference.</summary>
    Strict,

    /// <summary>The endpoints that agree with the client in most of the preferences, in their order.</summary>
    Failover,

    /// <summary>The address that the client asked for, whatever it is.</summary>
    Passthrough,
}

/// <summary>A property that client and endpoint may share.</summary>
public enum LoadBalancingScope
{
    /// <summary>Same region.</summary>
    Region,

    /// <summary>Same zone.</summary>
    Zone,

    /// <summary>Same part of a zone.</summary>
    Subzone,

    /// <summary>Same node.</summary>
    Node,

    /// <summary>Same cluster.</summary>
    Cluster,

    /// <summary>Same network.</summary>
    Network,
}

/// <summary>How a service spreads its connections.</summary>
/// <param name="Mode">How an endpoint is chosen.</param>
/// <param name="Preferences">What to agree in, most important first.</param>
/// <param name="AllowUnhealthy">Unhealthy endpoints take connections too.</param>
public sealed record LoadBalancing(
    LoadBalancingMode Mode, ImmutableArray<LoadBalancingScope> Preferences, bool AllowUnhealthy);

/// <summary>A named destination with stable addresses. Immutable; its endpoints are the workloads that are members.</summary>
public sealed record Service
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Its namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>The host name that clients use.</summary>
    public required string Hostname { get; init; }

    /// <summary>Single virtual addresses.</summary>
    public ImmutableArray<NetworkAddress> Vips { get; init; } = [];

    /// <summary>Virtual address ranges.</summary>
    public ImmutableArray<NetworkCidr> CidrVips { get; init; } = [];

    /// <summary>Its ports.</summary>
    public ImmutableArray<PortMapping> Ports { get; init; } = [];

    /// <summary>Further identities that its endpoints may prove, as written.</summary>
    public ImmutableArray<string> SubjectAltNames { get; init; } = [];

    /// <summary>The waypoint that its traffic has to pass.</summary>
    public GatewayAddress? Waypoint { get; init; }

    /// <summary>Waypoints that share its traffic by weight; come before <see cref="Waypoint"/>.</summary>
    public ImmutableArray<WeightedWaypoint> WeightedWaypoints { get; init; } = [];

    /// <summary>How connections are spread; null means any endpoint.</summary>
    public LoadBalancing? LoadBalancing { get; init; }

    /// <summary>Which address families it serves.</summary>
    public IpFamilies IpFamilies { get; init; }

    /// <summary>It answers for its host name outside its namespace.</summary>
    public bool Canonical { get; init; }

    /// <summary>Only clients of its own namespace see it.</summary>
    public bool NamespaceOnly { get; init; }

    /// <summary>Its key: <c>namespace/hostname</c>.</summary>
    public string Key => KeyOf(Namespace, Hostname);

    /// <summary>The key of a service.</summary>
    public static string KeyOf(string ns, string hostname) => $"{ns}/{hostname}";

    /// <summary>
    /// The identities that prove an endpoint: the service's further names, then the endpoint's own.
    /// Names that are not identities match nothing, so they are left out.
    /// </summary>
    public static ImmutableArray<SpiffeId> ExpectedIdentities(Service? service, Workload? endpoint)
    {
        if (service is null or { SubjectAltNames.IsEmpty: true })
        {
            return endpoint is null ? [] : [endpoint.Identity];
        }

        var expected = ImmutableArray.CreateBuilder<SpiffeId>(service.SubjectAltNames.Length + 1);
        foreach (var name in service.SubjectAltNames)
        {
            if (SpiffeId.TryParse(name, out var id))
            {
                expected.Add(id);
            }
        }

        if (endpoint is not null)
        {
            expected.Add(endpoint.Identity);
        }

        return expected.ToImmutable();
    }
}
