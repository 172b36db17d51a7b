using System.Net;
using Ambient.Api;
using Ambient.Sandbox.Dns;

namespace Ambient.Sandbox.Controllers;

/// <summary>Names of services, and of the pods of headless services, from the cluster's state (Kubernetes DNS specification 1.1).</summary>
internal sealed class ClusterNames(ClusterState state) : IClusterNames
{
    /// <inheritdoc />
    public IReadOnlyList<IPAddress>? Resolve(string name)
    {
        var zone = name == ClusterDns.Zone ? "" : name[..^(ClusterDns.Zone.Length + 1)];
        return zone.Split('.') switch
        {
            [] or [""] or ["svc"] => [],
            [var ns, "svc"] => state.Namespaces.Get(null, ns) is null ? null : [],
            [var service, var ns, "svc"] => OfService(ns, service, null),
            [var host, var service, var ns, "svc"] => OfService(ns, service, host),
            _ => null,
        };
    }

    private IReadOnlyList<IPAddress>? OfService(string ns, string name, string? host)
    {
        var service = state.Services.Get(ns, name);
        if (service is null)
        {
            return null;
        }

        var own = Parse(service.Spec?.ClusterIPs ?? (service.Spec?.ClusterIP is { } one ? [one] : []));
        if (own.Count > 0)
        {
            return host is null ? own : null;
        }

        var endpoints = state.EndpointSlices.List()
            .Where(slice => slice.Metadata.Namespace == ns && slice.Metadata.Label(Labels.ServiceName) == name)
            .SelectMany(slice => slice.Endpoints ?? [])
            .Where(endpoint => endpoint.Conditions?.Ready != false && (host is null || endpoint.Hostname == host || endpoint.TargetRef?.Name == host));
        var addresses = Parse([.. endpoints.SelectMany(endpoint => endpoint.Addresses ?? [])]);
        return host is not null && addresses.Count == 0 ? null : addresses;
    }

    private static IReadOnlyList<IPAddress> Parse(IReadOnlyList<string> texts) =>
        [.. texts.Select(text => IPAddress.TryParse(text, out var address) ? address : null).OfType<IPAddress>()];
}
