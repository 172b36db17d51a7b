using System.Net;
using Ambient.Api.Kubernetes;
using static Ambient.ControlPlane.Routing.Checks;

namespace Ambient.ControlPlane.Routing;

/// <summary>What is wrong with a ServiceEntry or WorkloadEntry, each finding with the field it is in and what belongs there.</summary>
internal static class ServiceEntryValidation
{
    private static readonly string[] Protocols =
        ["", "TCP", "UDP", "HTTP", "HTTP2", "HTTPS", "GRPC", "GRPC-WEB", "TLS", "MONGO", "MYSQL", "REDIS", "HTTP_PROXY", "HBONE"];

    private static readonly string[] Resolutions = ["", "NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"];

    public static IEnumerable<string> Problems(ServiceEntry resource)
    {
        var spec = resource.Spec ?? new ServiceEntrySpec();
        var resolution = spec.Resolution ?? "";
        return Hosts(spec, resolution).Concat(Addresses(spec, resolution)).Concat(Ports(spec)).Concat(Endpoints(spec, resolution));
    }

    public static IEnumerable<string> Problems(WorkloadEntry resource)
    {
        var spec = resource.Spec ?? new WorkloadEntrySpec();
        if (string.IsNullOrEmpty(spec.Address) && string.IsNullOrEmpty(spec.Network))
        {
            yield return "spec.address: is missing";
        }

        if (spec.Address is { } address && address.StartsWith("unix://", StringComparison.Ordinal) && address["unix://".Length..] is not ['/' or '@', ..])
        {
            yield return $"spec.address: '{address}' must be absolute";
        }

        foreach (var (name, port) in (spec.Ports ?? new Dictionary<string, int>()).Where(port => !IsPort(port.Value)))
        {
            yield return $"spec.ports[{name}]: {port} is no port (1 to 65535)";
        }
    }

    private static IEnumerable<string> Hosts(ServiceEntrySpec spec, string resolution)
    {
        if (spec.Hosts is not { Count: > 0 })
        {
            yield return "spec.hosts: is missing";
        }

        if (!Resolutions.Contains(resolution))
        {
            yield return $"spec.resolution: '{resolution}' is none of {string.Join(", ", Resolutions.Skip(1))}";
        }

        foreach (var host in spec.Hosts ?? [])
        {
            if (host == "*" || !IsHost(host))
            {
                yield return $"spec.hosts: '{host}' is no host; a star may stand for its first labels";
            }
            else if (host.StartsWith('*') && resolution is ("DNS" or "DNS_ROUND_ROBIN"))
            {
                yield return $"spec.hosts: '{host}' cannot be looked up; use resolution NONE or DYNAMIC_DNS";
            }
        }
    }

    private static IEnumerable<string> Addresses(ServiceEntrySpec spec, string resolution)
    {
        foreach (var address in spec.Addresses ?? [])
        {
            if (!Policies.PolicyValues.TryBlock(address, out _))
            {
                yield return $"spec.addresses: '{address}' is neither an address nor a CIDR block";
            }
            else if (address.Contains('/', StringComparison.Ordinal) && resolution is not ("" or "NONE" or "STATIC"))
            {
                yield return $"spec.addresses: '{address}' is a block, which goes with resolution NONE or STATIC alone";
            }
        }
    }

    private static IEnumerable<string> Ports(ServiceEntrySpec spec)
    {
        var ports = spec.Ports ?? [];
        foreach (var (port, at) in Numbered(ports, "spec.ports"))
        {
            if (!IsPort(port.Number) || (port.TargetPort is { } target && !IsPort(target)))
            {
                yield return $"{at}: {port.Number} and {port.TargetPort} have to be ports (1 to 65535)";
            }

            if (!Protocols.Contains((port.Protocol ?? "").ToUpperInvariant()))
            {
                yield return $"{at}.protocol: '{port.Protocol}' is none of {string.Join(", ", Protocols.Skip(1))}";
            }
        }

        if (ports.DistinctBy(port => port.Number).Count() < ports.Count || ports.DistinctBy(port => port.Name).Count() < ports.Count)
        {
            yield return "spec.ports: a number or a name stands there twice";
        }
    }

    private static IEnumerable<string> Endpoints(ServiceEntrySpec spec, string resolution)
    {
        var endpoints = spec.Endpoints ?? [];
        if (endpoints.Count > 0 && spec.WorkloadSelector is not null)
        {
            yield return "spec: workloadSelector and endpoints exclude each other";
        }

        if (endpoints.Count > 0 && resolution is ("" or "NONE"))
        {
            yield return "spec.endpoints: go with a resolution other than NONE";
        }

        if (endpoints.Count > 1 && resolution == "DNS_ROUND_ROBIN")
        {
            yield return "spec.endpoints: DNS_ROUND_ROBIN takes one";
        }

        foreach (var (endpoint, at) in Numbered(endpoints, "spec.endpoints"))
        {
            if (resolution == "STATIC" && endpoint.Address is { } address && !IPAddress.TryParse(address, out _) && !address.StartsWith("unix://", StringComparison.Ordinal))
            {
                yield return $"{at}.address: '{address}' is no IP address; names go with resolution DNS";
            }

            foreach (var name in (endpoint.Ports ?? new Dictionary<string, int>()).Keys.Where(name => (spec.Ports ?? []).All(port => port.Name != name)))
            {
                yield return $"{at}.ports[{name}]: is none of spec.ports";
            }
        }
    }
}
