using System.Net;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Api.Workloads;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Policies;
using Google.Protobuf;
using Address = Ambient.Api.Workloads.Address;
using Namespace = Ambient.Api.Kubernetes.Namespace;
using Service = Ambient.Api.Workloads.Service;

namespace Ambient.ControlPlane.Entries;

/// <summary>ServiceEntry → WDS Services, one for each host.</summary>
internal static class EntryServices
{
    public static Address Derive(BoundEntry entry, string host, Namespace? ns, string network)
    {
        var service = new Service
        {
            Name = entry.Source.Metadata.Name,
            Namespace = entry.Namespace,
            Hostname = host,
            LoadBalancing = Balancing(entry, ns),
            Canonical = entry.Canonical.Contains(host),
            Waypoint = entry.Binding.Address,
            IngressUseWaypoint = entry is { IngressToo: true, Binding.Address: not null },
        };
        service.Addresses.AddRange(Addresses(entry, host).Select(address =>
        {
            address.Network = network;
            return address;
        }));
        service.Ports.AddRange((entry.Spec.Ports ?? []).Select(port => new Port
        {
            ServicePort = (uint)port.Number,
            TargetPort = (uint)Target(port),
            AppProtocol = AppProtocols.Of(new ServicePort { AppProtocol = port.Protocol ?? "" }),
        }));
        service.SubjectAltNames.AddRange(entry.Spec.SubjectAltNames ?? []);
        return new Address { Service = service };
    }

    /// <summary>The port behind a port where no workload says otherwise.</summary>
    public static int Target(ServiceEntryPort port) => port.TargetPort is { } target and > 0 ? target : port.Number;

    /// <summary>The addresses that the entry names, or else those that were allocated for the host.</summary>
    private static IEnumerable<NetworkAddress> Addresses(BoundEntry entry, string host) => entry.Spec.Addresses is { Count: > 0 } own
        ? own.Select(Parsed).OfType<NetworkAddress>()
        : EntryAddresses.IsEligible(entry.Latest, host)
            ? (entry.Latest.Status?.Addresses ?? []).Where(address => address.Host == host).Select(address => Parsed(address.Value ?? "")).OfType<NetworkAddress>()
            : [];

    /// <summary>An address, or a block, of which what lies beyond its length counts as zero.</summary>
    private static NetworkAddress? Parsed(string text)
    {
        if (!PolicyValues.TryBlock(text, out var block))
        {
            return null;
        }

        var bytes = block.Address_.ToByteArray();
        if (block.Length == (uint)bytes.Length * 8)
        {
            return new NetworkAddress { Address = ByteString.CopyFrom(bytes) };
        }

        for (var bit = (int)block.Length; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        }

        return new NetworkAddress { Address = ByteString.CopyFrom(bytes), Length = block.Length };
    }

    private static LoadBalancing? Balancing(BoundEntry entry, Namespace? ns) => entry.Spec.Resolution is null or "" or "NONE"
        ? new LoadBalancing { Mode = LoadBalancing.Types.Mode.Passthrough, HealthPolicy = LoadBalancing.Types.HealthPolicy.AllowAll }
        : ServiceAddresses.Distribution(entry.Source.Metadata.Annotation(Annotations.TrafficDistribution) ?? ns?.Metadata.Annotation(Annotations.TrafficDistribution));
}
