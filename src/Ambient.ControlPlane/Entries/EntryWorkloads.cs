using System.Net;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Api.Workloads;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Routing;
using Google.Protobuf;
using Address = Ambient.Api.Workloads.Address;
using GatewayAddress = Ambient.Api.Workloads.GatewayAddress;

namespace Ambient.ControlPlane.Entries;

/// <summary>Endpoints of ServiceEntries, and WorkloadEntries → WDS Workloads.</summary>
internal static class EntryWorkloads
{
    private const string RegistrationGroup = "istio.io/autoRegistrationGroup";

    /// <summary>What a workload has that neither its own record nor its service tells.</summary>
    /// <param name="Network">The cluster's network.</param>
    /// <param name="Policies">The policies that select it.</param>
    /// <param name="Waypoint">Its waypoint, for traffic to its own address.</param>
    public sealed record Surroundings(string Network, IEnumerable<string> Policies, GatewayAddress? Waypoint);

    public static string Uid(WorkloadEntry workload, MeshSettings settings) =>
        $"{settings.ClusterId}/networking.istio.io/WorkloadEntry/{workload.Metadata.Namespace}/{workload.Metadata.Name}";

    public static string Uid(BoundEntry entry, string address, MeshSettings settings) =>
        $"{settings.ClusterId}/networking.istio.io/ServiceEntry/{entry.Namespace}/{entry.Source.Metadata.Name}/{address}";

    /// <summary>Labels of both places; those of the specification win.</summary>
    public static IReadOnlyDictionary<string, string> LabelsOf(WorkloadEntry workload)
    {
        var labels = new Dictionary<string, string>(workload.Metadata.Labels ?? new Dictionary<string, string>(), StringComparer.Ordinal);
        foreach (var (key, value) in workload.Spec?.Labels ?? new Dictionary<string, string>())
        {
            labels[key] = value;
        }

        return labels;
    }

    /// <summary>
    /// The endpoints of an entry that are no objects of their own: those that it lists, or for names that are looked up, without a list, one for each host.
    /// </summary>
    public static IEnumerable<(WorkloadEntrySpec Endpoint, string Address, IEnumerable<string> Hosts)> Endpoints(BoundEntry entry)
    {
        if (entry.Spec.Endpoints is { Count: > 0 } listed)
        {
            return listed.Where(endpoint => endpoint.Address is { Length: > 0 }).DistinctBy(endpoint => endpoint.Address)
                .Select(endpoint => (endpoint, endpoint.Address!, (IEnumerable<string>)entry.Hosts));
        }

        return entry.Spec is { WorkloadSelector: null, Resolution: "DNS" or "DNS_ROUND_ROBIN" or "DYNAMIC_DNS" }
            ? entry.Hosts.Select(host => (new WorkloadEntrySpec { Address = host }, host, (IEnumerable<string>)[host]))
            : [];
    }

    /// <summary>A listed endpoint. Its tunnel and its policies go by the entry's labels, as with Istio.</summary>
    public static Address Derive(BoundEntry entry, WorkloadEntrySpec endpoint, string address, IEnumerable<string> hosts, Surroundings around, MeshSettings settings)
    {
        var name = entry.Source.Metadata.Name;
        var workload = Workload(endpoint, entry.Source.Metadata.Labels, around, settings);
        workload.Uid = Uid(entry, address, settings);
        workload.Name = name;
        workload.Namespace = entry.Namespace;
        workload.WorkloadName = name;
        workload.CanonicalName = WorkloadNames.CanonicalName(entry.Source.Metadata.Labels, name);
        foreach (var host in hosts.Order(StringComparer.Ordinal))
        {
            workload.Services[MeshHost.KeyOf(entry.Namespace, host)] = Ports(entry, endpoint);
        }

        return new Address { Workload = workload };
    }

    public static Address Derive(
        WorkloadEntry entry, IEnumerable<(string Name, PortList Ports)> services, Surroundings around, MeshSettings settings)
    {
        var labels = LabelsOf(entry);
        var spec = entry.Spec ?? new WorkloadEntrySpec();
        var name = entry.Metadata.Annotation(RegistrationGroup)
            ?? (labels.GetValueOrDefault(Labels.WorkloadName) is { Length: > 0 } named ? named : entry.Metadata.Name);
        var workload = Workload(spec, labels, around, settings);
        workload.Uid = Uid(entry, settings);
        workload.Name = entry.Metadata.Name;
        workload.Namespace = entry.Metadata.Namespace ?? "";
        workload.WorkloadName = name;
        workload.CanonicalName = WorkloadNames.CanonicalName(labels, name);
        foreach (var (key, ports) in services.OrderBy(service => service.Name, StringComparer.Ordinal))
        {
            workload.Services[key] = ports;
        }

        return new Address { Workload = workload };
    }

    /// <summary>The ports at which an endpoint serves an entry.</summary>
    public static PortList Ports(BoundEntry entry, WorkloadEntrySpec endpoint) => new()
    {
        Ports =
        {
            (entry.Spec.Ports ?? []).Select(port => new Port
            {
                ServicePort = (uint)port.Number,
                TargetPort = (uint)(Named(endpoint, port.Name) ?? EntryServices.Target(port)),
            }),
        },
    };

    /// <summary>The ports at which a pod serves an entry: a container's port of the same name goes first.</summary>
    public static PortList Ports(BoundEntry entry, Pod pod) => new()
    {
        Ports =
        {
            (entry.Spec.Ports ?? []).Select(port => new Port
            {
                ServicePort = (uint)port.Number,
                TargetPort = (uint)(PodWorkloads.NamedPort(pod, port.Name) ?? EntryServices.Target(port)),
            }),
        },
    };

    /// <summary>The ports at which a workload serves a service that selects it.</summary>
    public static PortList Ports(Api.Kubernetes.Service service, WorkloadEntrySpec endpoint)
    {
        var ports = new PortList();
        foreach (var port in service.Spec?.Ports ?? [])
        {
            if ((Named(endpoint, port.Name) ?? ServiceAddresses.NumericTarget(port) ?? Named(endpoint, port.TargetPort?.Name)) is { } target)
            {
                ports.Ports.Add(new Port { ServicePort = (uint)port.Port, TargetPort = (uint)target });
            }
        }

        return ports;
    }

    private static int? Named(WorkloadEntrySpec endpoint, string? name) =>
        name is not null && endpoint.Ports?.TryGetValue(name, out var port) == true ? port : null;

    private static Workload Workload(WorkloadEntrySpec spec, IReadOnlyDictionary<string, string>? labels, Surroundings around, MeshSettings settings)
    {
        var native = labels?.GetValueOrDefault(Labels.Tunnel)?.Split(',').Contains("http") == true;
        var workload = new Workload
        {
            Network = spec.Network is { Length: > 0 } network ? network : around.Network,
            TunnelProtocol = native ? TunnelProtocol.Hbone : TunnelProtocol.None,
            NativeTunnel = native,
            TrustDomain = settings.WorkloadTrustDomain,
            ServiceAccount = spec.ServiceAccount ?? "",
            Waypoint = around.Waypoint,
            CanonicalRevision = WorkloadNames.CanonicalRevision(labels),
            WorkloadType = WorkloadType.Pod,
            ClusterId = settings.ClusterId,
            Locality = LocalityOf(spec.Locality),
            Capacity = spec.Weight is { } weight and > 0 ? (uint)weight : null,
        };
        if (IPAddress.TryParse(spec.Address, out var address))
        {
            workload.Addresses.Add(ByteString.CopyFrom(address.GetAddressBytes()));
        }
        else
        {
            workload.Hostname = spec.Address ?? "";
        }

        workload.AuthorizationPolicies.AddRange(around.Policies);
        return workload;
    }

    private static Locality? LocalityOf(string? text)
    {
        var parts = (text ?? "").Split('/');
        return parts[0].Length == 0
            ? null
            : new Locality { Region = parts[0], Zone = parts.ElementAtOrDefault(1) ?? "", Subzone = parts.ElementAtOrDefault(2) ?? "" };
    }
}
