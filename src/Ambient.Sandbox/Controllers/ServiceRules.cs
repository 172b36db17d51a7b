using System.Net;
using System.Net.Sockets;
using System.Text;
using Ambient.Api;
using Ambient.Api.Kubernetes;

namespace Ambient.Sandbox.Controllers;

/// <summary>
/// The nftables rules by which a node leads connections to a service's address to one of its endpoints, as kube-proxy does. One table,
/// replaced in one transaction; connections that exist keep their endpoint.
/// </summary>
internal static class ServiceRules
{
    /// <summary>The table, in the node's namespace only.</summary>
    public const string Table = "ambient-services";

    /// <summary>The rules for one node.</summary>
    public static string Render(string node, IEnumerable<Service> services, IEnumerable<EndpointSlice> slices)
    {
        var byService = slices.ToLookup(slice => (slice.Metadata.Namespace, slice.Metadata.Label(Labels.ServiceName)));
        var (translate, refuse, hairpins) = (new StringBuilder(), new StringBuilder(), new SortedSet<string>(StringComparer.Ordinal));
        foreach (var service in services.OrderBy(service => service.Metadata.Namespace, StringComparer.Ordinal).ThenBy(service => service.Metadata.Name, StringComparer.Ordinal))
        {
            foreach (var address in Addresses(service))
            {
                foreach (var port in service.Spec?.Ports ?? [])
                {
                    var endpoints = Endpoints(node, service, port, address.AddressFamily, byService[(service.Metadata.Namespace, service.Metadata.Name)]);
                    Append(translate, refuse, address, port, endpoints);
                    hairpins.UnionWith(endpoints.Select(endpoint => Family(address) + " " + endpoint.Address));
                }
            }
        }

        return $$"""
            table inet {{Table}}
            delete table inet {{Table}}
            table inet {{Table}} {
                chain services {
            {{translate}}    }
                chain refused {
            {{refuse}}    }
                chain prerouting { type nat hook prerouting priority dstnat; jump services; }
                chain output { type nat hook output priority -100; jump services; }
                chain postrouting {
                    type nat hook postrouting priority srcnat;
            {{string.Concat(hairpins.Select(Hairpin))}}    }
                chain forward { type filter hook forward priority filter; jump refused; }
                chain local { type filter hook output priority filter; jump refused; }
            }
            """ + "\n";
    }

    private static void Append(StringBuilder translate, StringBuilder refuse, IPAddress address, ServicePort port, IReadOnlyList<(string Address, int Port)> endpoints)
    {
        var family = Family(address);
        var protocol = (port.Protocol ?? "TCP").ToLowerInvariant();
        var match = $"{family} daddr {address} {protocol} dport {port.Port}";
        if (endpoints.Count == 0)
        {
            refuse.AppendLine($"        {match} reject{(protocol == "tcp" ? " with tcp reset" : "")}");
            return;
        }

        var map = string.Join(", ", endpoints.Select((endpoint, index) => $"{index} : {endpoint.Address} . {endpoint.Port}"));
        translate.AppendLine($"        {match} dnat {family} to numgen random mod {endpoints.Count} map {{ {map} }}");
    }

    /// <summary>A pod that reaches itself through its service: without another source address it would answer itself directly.</summary>
    private static string Hairpin(string familyAndAddress)
    {
        var (family, address) = (familyAndAddress.Split(' ')[0], familyAndAddress.Split(' ')[1]);
        return $"        {family} saddr {address} {family} daddr {address} ct status dnat masquerade\n";
    }

    private static IReadOnlyList<(string Address, int Port)> Endpoints(
        string node, Service service, ServicePort port, AddressFamily family, IEnumerable<EndpointSlice> slices)
    {
        var type = family == AddressFamily.InterNetworkV6 ? "IPv6" : "IPv4";
        var local = service.Spec?.InternalTrafficPolicy == "Local";
        var all = from slice in slices
                  where slice.AddressType == type
                  from endpointPort in slice.Ports ?? []
                  where (endpointPort.Name ?? "") == (port.Name ?? "") && (endpointPort.Protocol ?? "TCP") == (port.Protocol ?? "TCP") && endpointPort.Port is not null
                  from endpoint in slice.Endpoints ?? []
                  where !local || endpoint.NodeName == node
                  from address in endpoint.Addresses ?? []
                  select (Endpoint: endpoint, address, Port: endpointPort.Port!.Value);
        var found = all.ToArray();
        var ready = found.Where(candidate => candidate.Endpoint.Conditions?.Ready != false).ToArray();

        // When nothing is ready, endpoints that still serve while they end are better than nothing (KEP-1669).
        var used = ready.Length > 0 ? ready : [.. found.Where(candidate => candidate.Endpoint.Conditions is { Serving: true, Terminating: true })];
        return [.. used.Select(candidate => (candidate.address, candidate.Port)).Distinct().OrderBy(candidate => candidate.address, StringComparer.Ordinal)];
    }

    private static IEnumerable<IPAddress> Addresses(Service service) =>
        (service.Spec?.ClusterIPs ?? (service.Spec?.ClusterIP is { } one ? [one] : []))
            .Select(text => IPAddress.TryParse(text, out var address) ? address : null).OfType<IPAddress>();

    private static string Family(IPAddress address) => address.AddressFamily == AddressFamily.InterNetworkV6 ? "ip6" : "ip";
}
