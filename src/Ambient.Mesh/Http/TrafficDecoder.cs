using Ambient.Mesh.Config;
using Way = Ambient.Api.Waypoints;

namespace Ambient.Mesh.Http;

/// <summary>
/// Reads traffic policies and settles, once, what holds for each port of a service or subset. As Istio: a subset's part (limits, outliers, balancer)
/// replaces the service's; the policy of a port replaces all of it, and what that one does not say is the default.
/// </summary>
internal static class TrafficDecoder
{
    public static TrafficTable Table(Way.TrafficPolicy? service, Way.TrafficPolicy? subset)
    {
        if (service is null && subset is null)
        {
            return TrafficTable.Default;
        }

        var ports = new Dictionary<ushort, TrafficPolicy>();
        foreach (var port in service?.Ports ?? [])
        {
            // A subset lies over the service's port as it lies over the service.
            ports[WdsDecoder.Port(port.Port, "traffic.ports.port")] = Policy(port.Traffic, subset);
        }

        foreach (var port in subset?.Ports ?? [])
        {
            ports[WdsDecoder.Port(port.Port, "traffic.ports.port")] = Policy(port.Traffic, null);
        }

        return new TrafficTable(Policy(service, subset), [.. ports.Select(port => (port.Key, port.Value))]);
    }

    private static TrafficPolicy Policy(Way.TrafficPolicy? under, Way.TrafficPolicy? over) => new()
    {
        Balancer = (over?.Balancer is { } own and not Way.TrafficPolicy.Types.Balancer.Unspecified ? own : under?.Balancer ?? default) switch
        {
            Way.TrafficPolicy.Types.Balancer.Unspecified or Way.TrafficPolicy.Types.Balancer.LeastRequest => Balancer.LeastRequest,
            Way.TrafficPolicy.Types.Balancer.RoundRobin => Balancer.RoundRobin,
            Way.TrafficPolicy.Types.Balancer.Random => Balancer.Random,
            Way.TrafficPolicy.Types.Balancer.Passthrough => Balancer.Passthrough,
            var unknown => throw WdsDecoder.Unknown("balancer", (int)unknown),
        },
        Pool = (over?.Pool ?? under?.Pool) is { } pool ? Pool(pool) : ConnectionPool.Default,
        Outliers = (over?.Outliers ?? under?.Outliers) is { } outliers ? Outliers(outliers) : null,
    };

    private static ConnectionPool Pool(Way.ConnectionPool from) => new()
    {
        MaxConnections = Limit(from.MaxConnections),
        ConnectTimeout = WaypointDecoder.Time(from.ConnectTimeout, "pool.connect_timeout") ?? ConnectionPool.Default.ConnectTimeout,
        MaxPendingRequests = Limit(from.MaxPendingRequests),
        MaxRequests = Limit(from.MaxRequests),
        MaxRequestsPerConnection = Limit(from.MaxRequestsPerConnection),
        MaxRetries = Limit(from.MaxRetries),
        IdleTimeout = WaypointDecoder.Time(from.IdleTimeout, "pool.idle_timeout") ?? ConnectionPool.Default.IdleTimeout,
    };

    private static OutlierDetection Outliers(Way.OutlierDetection from)
    {
        var none = new OutlierDetection();
        return new OutlierDetection
        {
            Consecutive5xx = Limit(from.Consecutive5Xx, zero: 0),
            ConsecutiveGatewayErrors = Limit(from.ConsecutiveGatewayErrors, zero: 0),
            Interval = WaypointDecoder.Time(from.Interval, "outliers.interval") ?? none.Interval,
            BaseEjectionTime = WaypointDecoder.Time(from.BaseEjectionTime, "outliers.base_ejection_time") ?? none.BaseEjectionTime,
            MaxEjectionPercent = Percent(from.MaxEjectionPercent, "outliers.max_ejection_percent") is var most and not 0 ? most : none.MaxEjectionPercent,
            MinHealthPercent = Percent(from.MinHealthPercent, "outliers.min_health_percent"),
        };
    }

    private static int Limit(uint value, int zero = int.MaxValue) => value == 0 ? zero : (int)Math.Min(value, int.MaxValue);

    private static int Percent(uint value, string field) => value <= 100
        ? (int)value
        : throw new MeshConfigException($"{field} is {value}; at most 100 is taken");
}
