using System.Collections.Immutable;
using System.Net;
using Ambient.Mesh.Http;
using Ambient.Mesh.Model;
using Ambient.Mesh.Routing;
using Ambient.Mesh.State;
using HttpVersion = Ambient.Http.HttpVersion;

namespace Ambient.Waypoint.Requests.Upstreams;

/// <summary>What an upstream is: a service's port, all endpoints or those of a subset; or one workload's port.</summary>
internal readonly record struct UpstreamKey(string Name, ushort Port, string? Subset, bool IsWorkload);

/// <summary>
/// A service's port as the requests of this process use it: its endpoints with what is known of each, and what is in use of its limits. It
/// follows the mesh: each request that finds a newer snapshot looks whether anything of it has changed. Any loop may use it.
/// </summary>
internal sealed class Upstream(UpstreamKey key, int loops)
{
    private readonly Lock _building = new();
    private volatile View _view = View.Empty;
    private long _usedAt;
    private int _turn;

    /// <summary>What it is.</summary>
    public UpstreamKey Key => key;

    /// <summary>What is in use.</summary>
    public UpstreamLimits Limits { get; } = new();

    /// <summary>How it is to be used.</summary>
    public TrafficPolicy Policy => _view.Policy;

    /// <summary>The service, as last seen; null for a workload, or where it is unknown.</summary>
    public Service? Service => _view.Service;

    /// <summary>What its endpoints speak on the port, as declared.</summary>
    public AppProtocol Protocol => _view.Protocol;

    /// <summary>Its endpoints, the nearest first.</summary>
    public ImmutableArray<UpstreamEndpoint> Endpoints => _view.Endpoints;

    /// <summary>What its endpoints speak: as declared, or what the client does.</summary>
    public HttpVersion VersionFor(HttpVersion client) => Protocol switch
    {
        AppProtocol.Http2 or AppProtocol.Grpc => HttpVersion.Http2,
        AppProtocol.Http11 => HttpVersion.Http1,
        _ => client,
    };

    /// <inheritdoc/>
    public override string ToString() => $"{key.Name}:{key.Port}{(key.Subset is null ? "" : $" subset {key.Subset}")}";

    /// <summary>When it was last used, in milliseconds of the loops' clock.</summary>
    public long UsedAt => Volatile.Read(ref _usedAt);

    /// <summary>Brings it up to date with the snapshots of a request.</summary>
    /// <param name="mesh">Where its endpoints are.</param>
    /// <param name="policy">How it is to be used.</param>
    /// <param name="subset">Which workloads may be used; null for all.</param>
    /// <param name="self">The waypoint's own workload.</param>
    /// <param name="wanted">The address that was asked for.</param>
    /// <param name="now">In milliseconds of the loops' clock.</param>
    public void Follow(
        MeshSnapshot mesh, TrafficPolicy policy, ImmutableHashSet<string>? subset, Workload self, IPAddress wanted, long now)
    {
        Volatile.Write(ref _usedAt, now);
        var view = _view;
        if (!ReferenceEquals(view.Mesh, mesh) || !ReferenceEquals(view.Policy, policy) || !ReferenceEquals(view.Subset, subset))
        {
            Rebuild(mesh, policy, subset, self, wanted);
        }
    }

    /// <summary>
    /// Chooses an endpoint: of those in use, the nearest; of these as the balancer says. What was tried before is left out while there is
    /// anything else. Null if none is in use.
    /// </summary>
    public UpstreamEndpoint? Pick(Random random, long now, List<UpstreamEndpoint>? tried)
    {
        var view = _view;
        var all = view.Endpoints.AsSpan();
        if (all.Length == 1)
        {
            return all[0].Health.IsEjected(now) && !view.IgnoresEjection(now) ? null : all[0];
        }

        if (all.IsEmpty)
        {
            return null;
        }

        var ignore = view.Policy.Outliers is not null && view.IgnoresEjection(now);
        if (tried is null && all[0].Rank == all[^1].Rank && PickFast(view, all, random, now, ignore) is { } fast)
        {
            return fast;
        }

        return PickAmong(view, random, now, tried, ignore) ?? (tried is null ? null : PickAmong(view, random, now, null, ignore));
    }

    /// <summary>A request that an endpoint was asked for has ended.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="status">Its answer's status; 0 if none came.</param>
    /// <param name="now">In milliseconds of the loops' clock.</param>
    /// <returns>Whether it is left out for it.</returns>
    public bool Observe(UpstreamEndpoint endpoint, int status, long now)
    {
        return Policy.Outliers is { } outliers
            && endpoint.Health.Count(outliers, failed: status is 0 or >= 500, gatewayFailed: status is 0 or 502 or 503 or 504)
            && Eject(endpoint, outliers, now);
    }

    /// <summary>Random ones, so that a choice costs the same however many there are.</summary>
    private UpstreamEndpoint? PickFast(View view, ReadOnlySpan<UpstreamEndpoint> all, Random random, long now, bool ignore)
    {
        if (!view.HasEqualWeights)
        {
            return null;
        }

        var index = view.Policy.Balancer == Balancer.RoundRobin
            ? (int)((uint)Interlocked.Increment(ref _turn) % (uint)all.Length)
            : random.Next(all.Length);
        var one = all[index];
        if (!ignore && one.Health.IsEjected(now))
        {
            return null;
        }

        if (view.Policy.Balancer != Balancer.LeastRequest)
        {
            return one;
        }

        var other = all[(index + 1 + random.Next(all.Length - 1)) % all.Length];
        return other.Requests < one.Requests && (ignore || !other.Health.IsEjected(now)) ? other : one;
    }

    private static UpstreamEndpoint? PickAmong(View view, Random random, long now, List<UpstreamEndpoint>? tried, bool ignore)
    {
        var best = int.MinValue;
        var total = 0UL;
        foreach (var endpoint in view.Endpoints)
        {
            if (endpoint.Rank < best)
            {
                break; // the rest is farther away
            }

            if (Qualifies(endpoint))
            {
                best = endpoint.Rank;
                total += endpoint.Weight;
            }
        }

        if (total == 0)
        {
            return null;
        }

        var one = Draw(best);
        if (view.Policy.Balancer != Balancer.LeastRequest)
        {
            return one;
        }

        // By requests for each unit of weight.
        var other = Draw(best);
        return (ulong)other.Requests * one.Weight < (ulong)one.Requests * other.Weight ? other : one;

        bool Qualifies(UpstreamEndpoint endpoint) =>
            (ignore || !endpoint.Health.IsEjected(now)) && (tried is null || !tried.Contains(endpoint));

        UpstreamEndpoint Draw(int rank)
        {
            var ticket = (ulong)random.NextInt64((long)total);
            UpstreamEndpoint? last = null;
            foreach (var endpoint in view.Endpoints)
            {
                if (endpoint.Rank != rank || !Qualifies(endpoint))
                {
                    continue;
                }

                last = endpoint;
                if (ticket < endpoint.Weight)
                {
                    break;
                }

                ticket -= endpoint.Weight;
            }

            return last!;
        }
    }

    private bool Eject(UpstreamEndpoint endpoint, OutlierDetection outliers, long now)
    {
        lock (_building)
        {
            var all = _view.Endpoints;
            var ejected = all.Count(other => other.Health.IsEjected(now));
            if (endpoint.Health.IsEjected(now) || (ejected > 0 && (ejected + 1) * 100 > outliers.MaxEjectionPercent * all.Length))
            {
                return false; // so many may be left out and no more; the first always may
            }

            endpoint.Health.Eject(outliers, now);
            return true;
        }
    }

    private void Rebuild(MeshSnapshot mesh, TrafficPolicy policy, ImmutableHashSet<string>? subset, Workload self, IPAddress wanted)
    {
        lock (_building)
        {
            var view = _view;
            var service = key.IsWorkload ? null : mesh.Services.GetValueOrDefault(key.Name);
            var known = key.IsWorkload ? null : mesh.EndpointsOf(key.Name);
            var workload = key.IsWorkload && mesh.Workloads.TryGetValue(key.Name, out var found) ? found : null;
            if (ReferenceEquals(service, view.Service) && ReferenceEquals(known, view.Known) && ReferenceEquals(workload, view.Workload)
                && ReferenceEquals(self, view.Self) && ReferenceEquals(subset, view.Subset))
            {
                _view = view with { Mesh = mesh, Policy = policy };
                return;
            }

            ImmutableArray<EligibleEndpoint> eligible = service is not null ? EligibleEndpoints.Of(mesh, service, key.Port, self, wanted, subset)
                : workload is not null ? [new EligibleEndpoint(workload, key.Port, workload.Addresses.Contains(wanted) ? wanted : workload.Addresses.FirstOrDefault(), 0)]
                : [];
            _view = new View(mesh, policy, subset, service, known, workload, self, key.Port, Keep(view.Endpoints, eligible));
        }
    }

    /// <summary>What is still there keeps its connections and what is known of it.</summary>
    private ImmutableArray<UpstreamEndpoint> Keep(ImmutableArray<UpstreamEndpoint> before, ImmutableArray<EligibleEndpoint> now)
    {
        var byUid = before.ToDictionary(endpoint => endpoint.Workload.Uid, StringComparer.Ordinal);
        var kept = ImmutableArray.CreateBuilder<UpstreamEndpoint>(now.Length);
        foreach (var endpoint in now)
        {
            if (byUid.Remove(endpoint.Workload.Uid, out var old))
            {
                if (old.IsSame(endpoint))
                {
                    kept.Add(old);
                    continue;
                }

                old.IsGone = true;
                kept.Add(new UpstreamEndpoint(this, endpoint, loops) { Health = old.Health });
                continue;
            }

            kept.Add(new UpstreamEndpoint(this, endpoint, loops));
        }

        foreach (var gone in byUid.Values)
        {
            gone.IsGone = true;
        }

        return kept.ToImmutable();
    }

    /// <summary>What the snapshots say, and what was made of it.</summary>
    private sealed record View(
        MeshSnapshot? Mesh,
        TrafficPolicy Policy,
        ImmutableHashSet<string>? Subset,
        Service? Service,
        EndpointSet? Known,
        Workload? Workload,
        Workload? Self,
        ushort Port,
        ImmutableArray<UpstreamEndpoint> Endpoints)
    {
        public static View Empty { get; } = new(null, TrafficPolicy.Default, null, null, null, null, null, 0, []);

        public AppProtocol Protocol { get; } = ProtocolOf(Service, Port);

        public bool HasEqualWeights { get; } = Endpoints.All(endpoint => endpoint.Weight == 1);

        private static AppProtocol ProtocolOf(Service? service, ushort port)
        {
            foreach (var mapping in service?.Ports ?? [])
            {
                if (mapping.ServicePort == port)
                {
                    return mapping.Protocol;
                }
            }

            return AppProtocol.Unknown;
        }

        /// <summary>Too few are left: then all are as good as any (Envoy's panic threshold; off by default).</summary>
        public bool IgnoresEjection(long now) =>
            Policy.Outliers is { MinHealthPercent: > 0 } outliers
            && Endpoints.Count(endpoint => !endpoint.Health.IsEjected(now)) * 100 < outliers.MinHealthPercent * Endpoints.Length;
    }
}
