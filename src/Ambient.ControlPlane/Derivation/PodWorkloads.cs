using System.Net;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Api.Workloads;
using Google.Protobuf;
using Address = Ambient.Api.Workloads.Address;
using GatewayAddress = Ambient.Api.Workloads.GatewayAddress;
using KubeService = Ambient.Api.Kubernetes.Service;

namespace Ambient.ControlPlane.Derivation;

/// <summary>Pod → WDS Workload.</summary>
internal static class PodWorkloads
{
    public static string Uid(Pod pod, MeshSettings settings) =>
        $"{settings.ClusterId}//Pod/{pod.Metadata.Namespace}/{pod.Metadata.Name}";

    /// <summary>Whether the mesh knows the pod: it has an address and has not ended. Being captured is not asked for.</summary>
    public static bool IsPublished(Pod pod) =>
        pod.Status?.Phase is not ("Succeeded" or "Failed") && Addresses(pod).Any();

    public static Address Derive(
        Pod pod,
        Node? node,
        string network,
        IEnumerable<(string Name, PortList Ports)> services,
        IEnumerable<string> policies,
        GatewayAddress? waypoint,
        MeshSettings settings)
    {
        var workloadName = WorkloadNames.WorkloadName(pod);
        var native = HasNativeTunnel(pod);
        var captured = pod.Metadata.Annotation(Annotations.Redirection) == "enabled";
        var workload = new Workload
        {
            Uid = Uid(pod, settings),
            Name = pod.Metadata.Name,
            Namespace = pod.Metadata.Namespace ?? "",
            Network = network,
            TunnelProtocol = native || captured ? TunnelProtocol.Hbone : TunnelProtocol.None,
            NativeTunnel = native,
            TrustDomain = settings.WorkloadTrustDomain,
            ServiceAccount = pod.Spec?.ServiceAccountName ?? "",
            Waypoint = waypoint,
            Node = pod.Spec?.NodeName ?? "",
            NetworkMode = pod.Spec?.HostNetwork == true ? NetworkMode.HostNetwork : NetworkMode.Standard,
            WorkloadType = WorkloadType.Pod,
            WorkloadName = workloadName,
            CanonicalName = WorkloadNames.CanonicalName(pod.Metadata.Labels, workloadName),
            CanonicalRevision = WorkloadNames.CanonicalRevision(pod.Metadata.Labels),
            Status = IsHealthy(pod) ? WorkloadStatus.Healthy : WorkloadStatus.Unhealthy,
            ClusterId = settings.ClusterId,
            Locality = LocalityOf(node),
        };
        workload.Addresses.AddRange(Addresses(pod).Select(address => ByteString.CopyFrom(address.GetAddressBytes())));
        workload.AuthorizationPolicies.AddRange(policies);

        // A map is encoded in the order of insertion; ours is Istio's, so that the version that follows from the bytes is, too.
        foreach (var (name, ports) in services.OrderBy(service => service.Name, StringComparer.Ordinal))
        {
            workload.Services[name] = ports;
        }

        return new Address { Workload = workload };
    }

    private static IEnumerable<IPAddress> Addresses(Pod pod)
    {
        IEnumerable<string?> all = pod.Status?.PodIPs is { Count: > 0 } several ? several.Select(ip => ip.Ip) : [pod.Status?.PodIP];
        foreach (var text in all)
        {
            if (IPAddress.TryParse(text, out var address))
            {
                yield return address;
            }
        }
    }

    private static bool IsHealthy(Pod pod) =>
        pod.Metadata.DeletionTimestamp is null
        && pod.Status?.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) == true;

    private static bool HasNativeTunnel(Pod pod) =>
        pod.Metadata.Label(Labels.Tunnel)?.Split(',').Contains("http") == true;

    private static Locality? LocalityOf(Node? node)
    {
        var locality = new Locality
        {
            Region = node?.Metadata.Label(Labels.Region) ?? "",
            Zone = node?.Metadata.Label(Labels.Zone) ?? "",
            Subzone = node?.Metadata.Label(Labels.Subzone) ?? "",
        };
        return locality.CalculateSize() == 0 ? null : locality;
    }

    /// <summary>The ports at which this pod serves a service; a named port that it does not have is left out.</summary>
    public static PortList PortsOf(Pod pod, KubeService service)
    {
        var ports = new PortList();
        foreach (var port in service.Spec?.Ports ?? [])
        {
            if ((ServiceAddresses.NumericTarget(port) ?? NamedPort(pod, port.TargetPort?.Name)) is { } target)
            {
                ports.Ports.Add(new Port { ServicePort = (uint)port.Port, TargetPort = (uint)target });
            }
        }

        return ports;
    }

    /// <summary>The port of that name; null where no container has one.</summary>
    public static int? NamedPort(Pod pod, string? name)
    {
        var sidecars = pod.Spec?.InitContainers?.Where(container => container.RestartPolicy == "Always") ?? [];
        return (pod.Spec?.Containers ?? []).Concat(sidecars)
            .SelectMany(container => container.Ports ?? [])
            .FirstOrDefault(port => port.Name == name && port.Protocol is (null or "" or "TCP"))?.Port;
    }
}
