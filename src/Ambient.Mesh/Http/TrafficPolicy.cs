using System.Collections.Immutable;

namespace Ambient.Mesh.Http;

/// <summary>How one of the endpoints that qualify is chosen.</summary>
public enum Balancer
{
    /// <summary>Of two at random the one with fewer requests (Istio's default).</summary>
    LeastRequest,

    /// <summary>In turn.</summary>
    RoundRobin,

    /// <summary>At random.</summary>
    Random,

    /// <summary>The address that the client asked for.</summary>
    Passthrough,
}

/// <summary>How a service's endpoints are used (DestinationRule): what holds for one port and subset. Immutable.</summary>
public sealed record TrafficPolicy
{
    /// <summary>Where nothing is said.</summary>
    public static TrafficPolicy Default { get; } = new();

    /// <summary>How an endpoint is chosen.</summary>
    public Balancer Balancer { get; init; }

    /// <summary>Limits.</summary>
    public ConnectionPool Pool { get; init; } = ConnectionPool.Default;

    /// <summary>When endpoints that fail are left out; null for never.</summary>
    public OutlierDetection? Outliers { get; init; }
}

/// <summary>Limits on the use of a service; <see cref="int.MaxValue"/> where there is none.</summary>
public sealed record ConnectionPool
{
    /// <summary>Where nothing is said.</summary>
    public static ConnectionPool Default { get; } = new();

    /// <summary>Connections to the service.</summary>
    public int MaxConnections { get; init; } = int.MaxValue;

    /// <summary>How long a connection may take to come about; Istio's default is 10 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Requests that wait for a connection.</summary>
    public int MaxPendingRequests { get; init; } = int.MaxValue;

    /// <summary>Requests under way.</summary>
    public int MaxRequests { get; init; } = int.MaxValue;

    /// <summary>Requests on one connection, after which it is closed.</summary>
    public int MaxRequestsPerConnection { get; init; } = int.MaxValue;

    /// <summary>Retries under way.</summary>
    public int MaxRetries { get; init; } = int.MaxValue;

    /// <summary>How long an unused connection is kept; Istio's default is an hour.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromHours(1);
}

/// <summary>When an endpoint is left out for a while.</summary>
public sealed record OutlierDetection
{
    /// <summary>This many failures (5xx, resets, time-outs) in a row; 0 for off.</summary>
    public int Consecutive5xx { get; init; }

    /// <summary>This many 502, 503, 504, resets or failed connections in a row; 0 for off.</summary>
    public int ConsecutiveGatewayErrors { get; init; }

    /// <summary>How often endpoints are looked at: when those whose time is over come back.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>For how long the first time; the n-th time n times as long.</summary>
    public TimeSpan BaseEjectionTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How many of a service's endpoints at most; one may always be.</summary>
    public int MaxEjectionPercent { get; init; } = 10;

    /// <summary>Below this many in use all are used; 0 for off.</summary>
    public int MinHealthPercent { get; init; }
}

/// <summary>Some of a service's endpoints.</summary>
public sealed record ServiceSubset
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Uids of its workloads.</summary>
    public required ImmutableHashSet<string> Workloads { get; init; }

    internal TrafficTable Traffic { get; init; } = TrafficTable.Default;
}

/// <summary>The policy of each port. A port's own does not inherit: what it does not say is the default, as Istio documents it.</summary>
internal sealed record TrafficTable(TrafficPolicy Policy, ImmutableArray<(ushort Port, TrafficPolicy Policy)> Ports)
{
    public static TrafficTable Default { get; } = new(TrafficPolicy.Default, []);

    public TrafficPolicy For(int port)
    {
        foreach (var (own, policy) in Ports)
        {
            if (own == port)
            {
                return policy;
            }
        }

        return Policy;
    }
}
