using System.Net;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Api.Workloads;
using Google.Protobuf;
using Address = Ambient.Api.Workloads.Address;
using KubeService = Ambient.Api.Kubernetes.Service;

namespace Ambient.ControlPlane.Derivation;

/// <summary>A pod that an EndpointSlice names as endpoint of a service without selector.</summary>
internal sealed record NamedPod(string PodKey, string? PodUid, string ServiceKey);

/// <summary>EndpointSlice → WDS Workloads of what is no pod, and the pods that it names for services without selector.</summary>
internal static class EndpointWorkloads
{
    /// <summary>The service that the slice belongs to, as a resource key; null where it says none.</summary>
    public static string? ServiceKey(EndpointSlice slice) =>
        slice.Metadata.Label(Labels.ServiceName) is { Length: > 0 } name
            ? ResourceKey.Of(slice.Metadata.Namespace, name)
            : null;

    /// <summary>One workload for each address that no pod stands behind.</summary>
    public static IEnumerable<Address> Derive(EndpointSlice slice, KubeService service, string network, MeshSettings settings)
    {
        if (slice.AddressType == "FQDN")
        {
            yield break;
        }

        var ports = PortsOf(slice, service);
        foreach (var endpoint in slice.Endpoints ?? [])
        {
            if (endpoint.TargetRef?.Kind == "Pod")
            {
                continue;
            }

            foreach (var text in endpoint.Addresses ?? [])
            {
                if (IPAddress.TryParse(text, out var address))
                {
                    yield return new Address { Workload = Workload(slice, service, endpoint, address, ports, network, settings) };
                }
            }
        }
    }

    /// <summary>The pods that the slice names.</summary>
    public static IEnumerable<NamedPod> Pods(EndpointSlice slice, string serviceKey) =>
        from endpoint in slice.Endpoints ?? []
        where endpoint.TargetRef is { Kind: "Pod", Name.Length: > 0 }
        let target = endpoint.TargetRef
        select new NamedPod(ResourceKey.Of(target.Namespace ?? slice.Metadata.Namespace, target.Name!), target.Uid, serviceKey);

    /// <summary>Whether the slice has endpoints that are no pods.</summary>
    public static bool HasOthers(EndpointSlice slice) => slice.Endpoints?.Any(endpoint => endpoint.TargetRef?.Kind != "Pod") == true;

    /// <summary>
    /// A workload outside of the mesh. It counts as on the host network, so that no node proxy takes its address for that of
    /// a pod of its own.
    /// </summary>
    private static Workload Workload(
        EndpointSlice slice,
        KubeService service,
        Endpoint endpoint,
        IPAddress address,
        PortList ports,
        string network,
        MeshSettings settings) => new()
        {
            Uid = $"{settings.ClusterId}/discovery.k8s.io/EndpointSlice/{slice.Metadata.Namespace}/{slice.Metadata.Name}/{address}",
            Name = slice.Metadata.Name,
            Namespace = slice.Metadata.Namespace ?? "",
            Network = network,
            Addresses = { ByteString.CopyFrom(address.GetAddressBytes()) },
            ClusterId = settings.ClusterId,
            NetworkMode = NetworkMode.HostNetwork,
            Status = endpoint.Conditions?.Ready == false ? WorkloadStatus.Unhealthy : WorkloadStatus.Healthy,
            Services = { { ServiceAddresses.Name(service, settings), ports } },
        };

    /// <summary>A slice's ports and its service's go together by name.</summary>
    private static PortList PortsOf(EndpointSlice slice, KubeService service)
    {
        var ports = new PortList();
        foreach (var port in service.Spec?.Ports ?? [])
        {
            var target = slice.Ports?.FirstOrDefault(candidate => (candidate.Name ?? "") == (port.Name ?? "") && IsTcp(candidate.Protocol));
            if (IsTcp(port.Protocol) && target?.Port is { } number)
            {
                ports.Ports.Add(new Port { ServicePort = (uint)port.Port, TargetPort = (uint)number });
            }
        }

        return ports;
    }

    private static bool IsTcp(string? protocol) => protocol is null or "" or "TCP";
}
