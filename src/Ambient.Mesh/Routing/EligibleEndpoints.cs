using System.Collections.Immutable;
using System.Net;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Routing;

/// <summary>An endpoint that can take connections to a service's port.</summary>
/// <param name="Workload">The endpoint.</param>
/// <param name="Port">The port that it listens on.</param>
/// <param name="Address">Its address; null where only its host name is known.</param>
/// <param name="Rank">How near it is, as the service prefers; the higher the nearer.</param>
public readonly record struct EligibleEndpoint(Workload Workload, ushort Port, IPAddress? Address, int Rank);

/// <summary>
/// All endpoints of a service that can take connections to a port, for a proxy that chooses by what it sees of them (requests under way,
/// failures) and so keeps them. What the node proxy chooses from by <see cref="EndpointChoice"/> is the same.
/// </summary>
public static class EligibleEndpoints
{
    /// <summary>Finds them, the nearest first.</summary>
    /// <param name="mesh">The mesh.</param>
    /// <param name="service">The service.</param>
    /// <param name="port">One of its ports.</param>
    /// <param name="source">The proxy's own workload, whose locality and network count.</param>
    /// <param name="wanted">The address that was asked for: its family is preferred.</param>
    /// <param name="only">Uids of the workloads that may be chosen; null for all.</param>
    public static ImmutableArray<EligibleEndpoint> Of(
        MeshSnapshot mesh, Service service, ushort port, Workload source, IPAddress wanted, ImmutableHashSet<string>? only = null)
    {
        if (PortMapping.Find(service.Ports.AsSpan(), port) is not { } servicePort)
        {
            return [];
        }

        var request = new OutboundRequest(source.Network, source, IPAddress.None, new IPEndPoint(wanted, port));
        var balancing = service.LoadBalancing;
        var preferences = balancing is { Mode: LoadBalancingMode.Strict or LoadBalancingMode.Failover } ? balancing.Preferences.AsSpan() : [];
        var strict = balancing is { Mode: LoadBalancingMode.Strict };
        var found = new List<EligibleEndpoint>();
        foreach (var candidate in mesh.EndpointsOf(service.Key).All)
        {
            var workload = candidate.Workload;
            var rank = EndpointChoice.Rank(preferences, strict, source, workload);
            if (rank >= 0 && workload.Capacity > 0 && workload.Network == source.Network && (only is null || only.Contains(workload.Uid))
                && EndpointChoice.TargetPort(service, candidate, port, servicePort, request) is { } target)
            {
                found.Add(new EligibleEndpoint(workload, target, AddressChoice.Choose(workload, service, wanted), rank));
            }
        }

        return [.. found.OrderByDescending(endpoint => endpoint.Rank)];
    }
}
