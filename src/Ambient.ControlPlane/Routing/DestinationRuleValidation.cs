using Ambient.Api.Kubernetes;
using static Ambient.ControlPlane.Routing.Checks;

namespace Ambient.ControlPlane.Routing;

/// <summary>What is wrong with a DestinationRule, each finding with the field it is in and what belongs there.</summary>
internal static class DestinationRuleValidation
{
    private static readonly string[] Balancers = ["", "UNSPECIFIED", "LEAST_CONN", "LEAST_REQUEST", "RANDOM", "ROUND_ROBIN", "PASSTHROUGH"];

    public static IEnumerable<string> Problems(DestinationRule resource)
    {
        var spec = resource.Spec ?? new DestinationRuleSpec();
        if (spec.Host is not { Length: > 0 } host || !IsHost(host))
        {
            yield return $"spec.host: '{spec.Host}' is no host";
        }

        foreach (var problem in Settings(spec.TrafficPolicy, "spec.trafficPolicy"))
        {
            yield return problem;
        }

        foreach (var (subset, at) in Numbered(spec.Subsets, "spec.subsets"))
        {
            if (subset.Name is not { Length: > 0 } name || !IsLabel(name))
            {
                yield return $"{at}.name: '{subset.Name}' is no name (letters, digits and hyphens)";
            }

            foreach (var problem in Settings(subset.TrafficPolicy, $"{at}.trafficPolicy"))
            {
                yield return problem;
            }
        }

        foreach (var twice in (spec.Subsets ?? []).GroupBy(subset => subset.Name).Where(group => group.Count() > 1))
        {
            yield return $"spec.subsets: '{twice.Key}' stands there twice";
        }
    }

    private static IEnumerable<string> Settings(TrafficSettings? settings, string at)
    {
        if (settings is null)
        {
            yield break;
        }

        var parts = Balancer(settings.LoadBalancer, $"{at}.loadBalancer")
            .Concat(Pool(settings.ConnectionPool, $"{at}.connectionPool"))
            .Concat(Outliers(settings.OutlierDetection, $"{at}.outlierDetection"))
            .Concat(Tls(settings.Tls, $"{at}.tls"));
        foreach (var problem in parts)
        {
            yield return problem;
        }

        foreach (var (port, where) in Numbered(settings.PortLevelSettings, $"{at}.portLevelSettings"))
        {
            if (!IsPort(port.Port?.Number))
            {
                yield return $"{where}.port.number: '{port.Port?.Number}' is no port (1 to 65535)";
            }

            foreach (var problem in Settings(port with { PortLevelSettings = null }, where))
            {
                yield return problem;
            }
        }
    }

    private static IEnumerable<string> Balancer(BalancerSettings? balancer, string at)
    {
        if (balancer is null)
        {
            yield break;
        }

        if (!Balancers.Contains(balancer.Simple ?? ""))
        {
            yield return $"{at}.simple: '{balancer.Simple}' is none of {string.Join(", ", Balancers.Skip(1))}";
        }

        var locality = balancer.LocalityLbSetting;
        if (locality is { Distribute.Count: > 0, Failover.Count: > 0 })
        {
            yield return $"{at}.localityLbSetting: distribute and failover exclude each other";
        }

        foreach (var (shares, where) in Numbered(locality?.Distribute, $"{at}.localityLbSetting.distribute"))
        {
            if (shares.To?.Values.Sum() != 100)
            {
                yield return $"{where}.to: the shares must come to 100";
            }
        }

        foreach (var (failover, where) in Numbered(locality?.Failover, $"{at}.localityLbSetting.failover"))
        {
            if (failover.From == failover.To)
            {
                yield return $"{where}: from and to are the same region";
            }
        }

        foreach (var problem in Duration(balancer.WarmupDurationSecs, $"{at}.warmupDurationSecs").Concat(Duration(balancer.Warmup?.Duration, $"{at}.warmup.duration")))
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> Pool(PoolSettings? pool, string at)
    {
        if (pool is null)
        {
            return [];
        }

        if (pool is { Tcp: null, Http: null })
        {
            return [$"{at}: is empty; name tcp or http"];
        }

        return NotNegative(
            at,
            (pool.Tcp?.MaxConnections, "tcp.maxConnections"),
            (pool.Http?.Http1MaxPendingRequests, "http.http1MaxPendingRequests"),
            (pool.Http?.Http2MaxRequests, "http.http2MaxRequests"),
            (pool.Http?.MaxRequestsPerConnection, "http.maxRequestsPerConnection"),
            (pool.Http?.MaxRetries, "http.maxRetries"),
            (pool.Http?.MaxConcurrentStreams, "http.maxConcurrentStreams"))
            .Concat(Duration(pool.Tcp?.ConnectTimeout, $"{at}.tcp.connectTimeout"))
            .Concat(Duration(pool.Tcp?.IdleTimeout, $"{at}.tcp.idleTimeout"))
            .Concat(Duration(pool.Tcp?.MaxConnectionDuration, $"{at}.tcp.maxConnectionDuration"))
            .Concat(Duration(pool.Http?.IdleTimeout, $"{at}.http.idleTimeout"));
    }

    private static IEnumerable<string> Outliers(OutlierSettings? outliers, string at)
    {
        if (outliers is null)
        {
            return [];
        }

        return NotNegative(
            at,
            (outliers.ConsecutiveErrors, "consecutiveErrors"),
            (outliers.Consecutive5xxErrors, "consecutive5xxErrors"),
            (outliers.ConsecutiveGatewayErrors, "consecutiveGatewayErrors"))
            .Concat(Percent(outliers.MaxEjectionPercent, $"{at}.maxEjectionPercent"))
            .Concat(Percent(outliers.MinHealthPercent, $"{at}.minHealthPercent"))
            .Concat(Duration(outliers.Interval, $"{at}.interval"))
            .Concat(Duration(outliers.BaseEjectionTime, $"{at}.baseEjectionTime"));
    }

    private static IEnumerable<string> Tls(ClientTlsSettings? tls, string at)
    {
        if (tls is { Mode: "MUTUAL", CredentialName: null or "" } and ({ ClientCertificate: null or "" } or { PrivateKey: null or "" }))
        {
            yield return $"{at}: MUTUAL needs clientCertificate and privateKey, or credentialName";
        }
    }

    private static IEnumerable<string> Percent(int? value, string at)
    {
        if (value is < 0 or > 100)
        {
            yield return $"{at}: {value} is no percentage (0 to 100)";
        }
    }

    private static IEnumerable<string> NotNegative(string at, params (int? Value, string Field)[] fields) =>
        fields.Where(field => field.Value < 0).Select(field => $"{at}.{field.Field}: {field.Value} is negative");
}
