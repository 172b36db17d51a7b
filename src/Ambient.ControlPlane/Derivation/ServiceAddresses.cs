using System.Net;
using Ambient.Api;
using Ambient.Api.Workloads;
using Ambient.ControlPlane.Waypoints;
using Google.Protobuf;
using Address = Ambient.Api.Workloads.Address;
using KubeService = Ambient.Api.Kubernetes.Service;
using Namespace = Ambient.Api.Kubernetes.Namespace;
using ServicePort = Ambient.Api.Kubernetes.ServicePort;

namespace Ambient.ControlPlane.Derivation;

/// <summary>Kubernetes Service → WDS Service.</summary>
internal static class ServiceAddresses
{
    private static readonly LoadBalancing.Types.Scope[] NearZone =
        [LoadBalancing.Types.Scope.Network, LoadBalancing.Types.Scope.Region, LoadBalancing.Types.Scope.Zone];

    private static readonly LoadBalancing.Types.Scope[] NearNode =
        [.. NearZone, LoadBalancing.Types.Scope.Subzone, LoadBalancing.Types.Scope.Node];

    /// <summary>Whether the mesh knows the service at all; an ExternalName is only a DNS alias.</summary>
    public static bool IsPublished(KubeService service) => service.Spec is { Type: not "ExternalName" };

    public static string Hostname(KubeService service, MeshSettings settings) =>
        $"{service.Metadata.Name}.{service.Metadata.Namespace}.svc.{settings.DomainSuffix}";

    /// <summary>The resource name, and the key by which workloads name the service: <c>namespace/hostname</c>.</summary>
    public static string Name(KubeService service, MeshSettings settings) =>
        $"{service.Metadata.Namespace}/{Hostname(service, settings)}";

    public static Address Derive(BoundService bound, Namespace? ns, string network, MeshSettings settings)
    {
        var service = bound.Source;
        var spec = service.Spec!;
        var derived = new Service
        {
            Name = service.Metadata.Name,
            Namespace = service.Metadata.Namespace ?? "",
            Hostname = Hostname(service, settings),
            LoadBalancing = Balancing(service, ns),
            IpFamilies = Families(spec.IpFamilies),
            Canonical = true,
            Waypoint = bound.Binding.Address,
            IngressUseWaypoint = bound is { IngressToo: true, Binding.Address: not null },
        };
        derived.Addresses.AddRange(ClusterAddresses(service).Select(address => new NetworkAddress
        {
            Network = network,
            Address = ByteString.CopyFrom(address.GetAddressBytes()),
        }));
        derived.Ports.AddRange((spec.Ports ?? []).Select(port => new Port
        {
            ServicePort = (uint)port.Port,
            TargetPort = (uint)(NumericTarget(port) ?? 0),
            AppProtocol = AppProtocols.Of(port),
        }));
        return new Address { Service = derived };
    }

    /// <summary>The port behind a service port where the service alone tells; null where it names one.</summary>
    public static int? NumericTarget(ServicePort port) => port.TargetPort switch
    {
        { Name: { Length: > 0 } } => null,
        { Number: { } number and > 0 } => number,
        _ => port.Port,
    };

    private static IEnumerable<IPAddress> ClusterAddresses(KubeService service)
    {
        var spec = service.Spec!;
        IEnumerable<string?> all = spec.ClusterIPs is { Count: > 0 } ? spec.ClusterIPs : Enumerable.Repeat(spec.ClusterIP, 1);
        foreach (var text in all)
        {
            if (IPAddress.TryParse(text, out var address))
            {
                yield return address;
            }
        }
    }

    private static IPFamilies Families(IReadOnlyList<string>? families) => families switch
    {
        ["IPv4"] => IPFamilies.Ipv4Only,
        ["IPv6"] => IPFamilies.Ipv6Only,
        [_, _] => IPFamilies.Dual,
        _ => IPFamilies.Automatic,
    };

    private static LoadBalancing? Balancing(KubeService service, Namespace? ns)
    {
        var preference = Preference(service, ns);
        if (service.Spec!.PublishNotReadyAddresses == true)
        {
            preference ??= new LoadBalancing();
            preference.HealthPolicy = LoadBalancing.Types.HealthPolicy.AllowAll;
        }

        return preference;
    }

    /// <summary>The first that says something: local-only traffic, the service's field, its annotation, its namespace's annotation.</summary>
    private static LoadBalancing? Preference(KubeService service, Namespace? ns)
    {
        if (service.Spec!.InternalTrafficPolicy == "Local")
        {
            return new LoadBalancing
            {
                Mode = LoadBalancing.Types.Mode.Strict,
                RoutingPreference = { LoadBalancing.Types.Scope.Node },
            };
        }

        var distribution = service.Spec.TrafficDistribution
            ?? service.Metadata.Annotation(Annotations.TrafficDistribution)
            ?? ns?.Metadata.Annotation(Annotations.TrafficDistribution);
        return Distribution(distribution);
    }

    /// <summary>What a traffic distribution asks for; null where it asks for nothing.</summary>
    public static LoadBalancing? Distribution(string? distribution) => distribution?.ToLowerInvariant() switch
    {
        "preferclose" or "prefersamezone" => Failover(NearZone),
        "prefersamenode" => Failover(NearNode),
        _ => null,
    };

    private static LoadBalancing Failover(LoadBalancing.Types.Scope[] preference) => new()
    {
        Mode = LoadBalancing.Types.Mode.Failover,
        RoutingPreference = { preference },
    };
}
