using Ambient.Mesh.Model;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Routing;

/// <summary>The endpoint that takes a connection, with the port that it listens on.</summary>
internal readonly record struct ChosenEndpoint(Workload Workload, ushort Port, Service? Service, int Endpoints, int Eligible);

/// <summary>What a port has to be for an endpoint to qualify.</summary>
internal enum PortLookup
{
    /// <summary>The service has to offer the port.</summary>
    Standard,

    /// <summary>For waypoints: an application tunnel serves also ports that the service does not list.</summary>
    Waypoint,
}

/// <summary>
/// Chooses one endpoint of a service: those that can take the connection, of these the nearest as the service
/// prefers, of these one at random by capacity. Walks the endpoints twice and allocates nothing.
/// </summary>
internal static class EndpointChoice
{
    /// <summary>
    /// Random tries before walking all endpoints. Where most of them are eligible the first try hits; with half of them
    /// ineligible eight misses in a row happen once in 256 connections.
    /// </summary>
    private const int Tries = 8;

    public static ChosenEndpoint? Choose(
        MeshSnapshot mesh, Service service, int port, PortLookup lookup, in OutboundRequest request, Random random)
    {
        var source = request.Source;
        var servicePort = PortMapping.Find(service.Ports.AsSpan(), (ushort)port);
        if (servicePort is null && lookup == PortLookup.Standard)
        {
            return null;
        }

        var endpoints = mesh.EndpointsOf(service.Key);
        var all = endpoints.All;
        var balancing = service.LoadBalancing;
        var preferences = balancing is { Mode: LoadBalancingMode.Strict or LoadBalancingMode.Failover }
            ? balancing.Preferences.AsSpan()
            : [];
        if (preferences.IsEmpty && all.Length > Tries && endpoints.HasEqualWeights)
        {
            for (var i = 0; i < Tries; i++)
            {
                var candidate = all[random.Next(all.Length)];
                if (TargetPort(service, candidate, port, servicePort, request) is { } target)
                {
                    return new ChosenEndpoint(candidate.Workload, target, service, all.Length, all.Length);
                }
            }
        }

        var strict = balancing is { Mode: LoadBalancingMode.Strict };
        var best = -1;
        var eligible = 0;
        ulong weight = 0;
        foreach (var candidate in all)
        {
            var rank = Rank(preferences, strict, source, candidate.Workload);
            if (rank < 0 || TargetPort(service, candidate, port, servicePort, request) is null)
            {
                continue;
            }

            if (rank > best)
            {
                (best, eligible, weight) = (rank, 0, 0);
            }

            if (rank == best)
            {
                eligible++;
                weight += candidate.Workload.Capacity;
            }
        }

        return weight == 0 ? null : Pick(service, all, port, servicePort, request, preferences, strict, best, eligible, weight, random);
    }

    private static ChosenEndpoint? Pick(
        Service service, ReadOnlySpan<Endpoint> all, int port, ushort? servicePort, in OutboundRequest request,
        ReadOnlySpan<LoadBalancingScope> preferences, bool strict, int best, int eligible, ulong weight, Random random)
    {
        var ticket = (ulong)random.NextInt64((long)weight);
        foreach (var candidate in all)
        {
            if (Rank(preferences, strict, request.Source, candidate.Workload) != best
                || TargetPort(service, candidate, port, servicePort, request) is not { } target)
            {
                continue;
            }

            if (ticket < candidate.Workload.Capacity)
            {
                return new ChosenEndpoint(candidate.Workload, target, service, all.Length, eligible);
            }

            ticket -= candidate.Workload.Capacity;
        }

        return null;
    }

    /// <summary>The port of an endpoint that serves the service port; null where the endpoint cannot take the connection.</summary>
    internal static ushort? TargetPort(Service service, Endpoint endpoint, int port, ushort? servicePort, in OutboundRequest request)
    {
        var workload = endpoint.Workload;
        if ((!workload.Healthy && service.LoadBalancing is not { AllowUnhealthy: true })
            || (request.Tried is { Count: > 0 } tried && tried.Contains(workload.Uid))
            || !CanBeReached(workload, request.Source))
        {
            return null;
        }

        if (PortMapping.Find(endpoint.Ports.AsSpan(), (ushort)port) is { } own and not 0)
        {
            return own;
        }

        if (servicePort is { } shared and not 0)
        {
            return shared;
        }

        return workload.ApplicationTunnel is { Port: not null } ? (ushort)port : null;
    }

    private static bool CanBeReached(Workload workload, Workload source) =>
        !workload.Addresses.IsEmpty
        || workload.Hostname.Length > 0
        || (workload.Network != source.Network && workload.NetworkGateway is not null);

    /// <summary>
    /// How many preferences agree, from the first up to the first that does not. The network, named first, is preferred but
    /// not required: other networks' endpoints rank by the rest, and always below. −1 where all have to agree and do not.
    /// </summary>
    internal static int Rank(ReadOnlySpan<LoadBalancingScope> preferences, bool strict, Workload source, Workload endpoint)
    {
        var rank = 0;
        var bonus = 0;
        var first = 0;
        if (preferences is [LoadBalancingScope.Network, ..])
        {
            first = 1;
            if (source.Network == endpoint.Network)
            {
                rank = 1;
                bonus = preferences.Length - 1;
            }
            else if (strict)
            {
                return -1;
            }
        }

        for (var i = first; i < preferences.Length; i++)
        {
            if (!Agree(preferences[i], source, endpoint))
            {
                return strict ? -1 : rank + bonus;
            }

            rank++;
        }

        return rank + bonus;
    }

    private static bool Agree(LoadBalancingScope scope, Workload a, Workload b) => scope switch
    {
        LoadBalancingScope.Region => a.Locality.Region == b.Locality.Region,
        LoadBalancingScope.Zone => a.Locality.Zone == b.Locality.Zone,
        LoadBalancingScope.Subzone => a.Locality.Subzone == b.Locality.Subzone,
        LoadBalancingScope.Node => a.Node == b.Node,
        LoadBalancingScope.Cluster => a.ClusterId == b.ClusterId,
        _ => a.Network == b.Network,
    };
}
