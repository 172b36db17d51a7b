using System.Net;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Api.Workloads;
using Ambient.ControlPlane.Derivation;
using Google.Protobuf;
using GatewayAddress = Ambient.Api.Workloads.GatewayAddress;
using Namespace = Ambient.Api.Kubernetes.Namespace;

namespace Ambient.ControlPlane.Waypoints;

/// <summary>
/// A Gateway as those see it whose traffic is to go through it. Any Gateway that has an address is one, whoever runs it: the address
/// in its status is what makes it known.
/// </summary>
internal sealed record Waypoint
{
    public required string Namespace { get; init; }

    public required string Name { get; init; }

    /// <summary>Where traffic for it goes; null until it is ready for the first time.</summary>
    public GatewayAddress? Address { get; init; }

    /// <summary>Where it will be: the service that is deployed for it.</summary>
    public required GatewayAddress Expected { get; init; }

    public bool TakesServices { get; init; }

    public bool TakesWorkloads { get; init; }

    /// <summary>The service account of its namespace that it is for, if it is for one.</summary>
    public string? ServiceAccount { get; init; }

    /// <summary>Whether traffic may pass it by while it is not ready.</summary>
    public bool FailsOpen { get; init; }

    /// <summary>Older waypoints go first where two are for the same service account.</summary>
    public DateTimeOffset Created { get; init; }

    /// <summary>Who may attach, from the HBONE listener; null for its own namespace.</summary>
    public RouteNamespaces? Allowed { get; init; }

    /// <summary>Its class: policies of the root namespace may be for all waypoints of one.</summary>
    public required string ClassName { get; init; }

    /// <summary>The service account that its own pods run as; who asks for its configuration must be it.</summary>
    public required string Account { get; init; }

    /// <summary>Whether it takes tunnels at all; other Gateways are none of the mesh's.</summary>
    public bool IsMesh { get; init; }

    public string Key => ResourceKey.Of(Namespace, Name);

    public static Waypoint Of(Gateway gateway, GatewayClass? gatewayClass, string network, MeshSettings settings)
    {
        var account = gateway.Metadata.Annotation(Annotations.ForServiceAccount);
        var traffic = gateway.Metadata.Label(Labels.WaypointFor)
            ?? gatewayClass?.Metadata.Label(Labels.WaypointFor)
            // Who names an account means all that runs as it, however it is addressed.
            ?? (account is null ? "service" : "all");
        return new Waypoint
        {
            Namespace = gateway.Metadata.Namespace ?? "",
            Name = gateway.Metadata.Name,
            Address = AddressOf(gateway, network),
            Expected = At(gateway, $"{gateway.Metadata.Name}.{gateway.Metadata.Namespace}.svc.{settings.DomainSuffix}"),
            TakesServices = traffic is "service" or "all",
            TakesWorkloads = traffic is "workload" or "all",
            ServiceAccount = account,
            FailsOpen = gateway.Metadata.Annotation(Annotations.WaypointFailOpen) == "true",
            Created = gateway.Metadata.CreationTimestamp ?? DateTimeOffset.MaxValue,
            Allowed = gateway.Spec?.Listeners?.FirstOrDefault(TakesTunnels)?.AllowedRoutes?.Namespaces,
            ClassName = gateway.Spec?.GatewayClassName ?? "",
            Account = WaypointObjects.AccountOf(gateway),
            IsMesh = gateway.Spec?.GatewayClassName == WaypointObjects.ClassName || gateway.Spec?.Listeners?.Any(TakesTunnels) == true,
        };
    }

    /// <summary>Whether objects of a namespace may attach.</summary>
    public bool Admits(string ns, Namespace? labels) => Allowed?.From switch
    {
        "All" => true,
        "Selector" => Allowed.Selector?.Matches(labels?.Metadata.Labels) == true,
        _ => ns == Namespace,
    };

    private static bool TakesTunnels(Listener listener) => listener is { Protocol: "HBONE", Port: Ports.Hbone };

    private static GatewayAddress? AddressOf(Gateway gateway, string network)
    {
        var addresses = gateway.Status?.Addresses ?? [];
        if (addresses.FirstOrDefault(address => address.Type == "Hostname")?.Value is { } hostname)
        {
            return At(gateway, hostname);
        }

        return addresses.Select(address => IPAddress.TryParse(address.Value, out var parsed) ? parsed : null).FirstOrDefault(parsed => parsed is not null) is { } ip
            ? new GatewayAddress
            {
                Address = new NetworkAddress { Network = network, Address = ByteString.CopyFrom(ip.GetAddressBytes()) },
                HboneMtlsPort = Ports.Hbone,
            }
            : null;
    }

    private static GatewayAddress At(Gateway gateway, string hostname) => new()
    {
        Hostname = new NamespacedHostname { Namespace = gateway.Metadata.Namespace ?? "", Hostname = hostname },
        HboneMtlsPort = Ports.Hbone,
    };
}
