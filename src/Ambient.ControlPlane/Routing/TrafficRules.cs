using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Derivation;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Routing;

/// <summary>What one DestinationRule says about its host.</summary>
/// <param name="Key">Of the resource.</param>
/// <param name="Namespace">The resource's.</param>
/// <param name="Host">The host in full; a star may stand for its first labels.</param>
/// <param name="Created">The older goes first where two are for one host.</param>
/// <param name="ExportTo">Who sees it; none for everybody.</param>
/// <param name="Traffic">How endpoints are used; null where it says nothing.</param>
/// <param name="Subsets">Parts of the endpoints by name.</param>
/// <param name="NeedsTls">Whether endpoints are to be reached over a TLS of their own, which a waypoint does not make: nothing may be sent in its place.</param>
/// <param name="Problems">What is not carried out as it is written.</param>
internal sealed record TrafficRule(
    string Key,
    string Namespace,
    string Host,
    DateTimeOffset Created,
    Values<string> ExportTo,
    Proto.TrafficPolicy? Traffic,
    Values<TrafficSubset> Subsets,
    bool NeedsTls,
    Values<RouteProblem> Problems);

/// <summary>A part of a host's endpoints.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Labels">What their labels must be, as <c>key=value</c>.</param>
/// <param name="Traffic">How they are used, where that differs.</param>
internal sealed record TrafficSubset(string Name, Values<KeyValuePair<string, string>> Labels, Proto.TrafficPolicy? Traffic)
{
    /// <summary>Whether an endpoint with these labels belongs to it.</summary>
    public bool Has(IReadOnlyDictionary<string, string>? labels) =>
        Labels.All(wanted => labels?.GetValueOrDefault(wanted.Key) == wanted.Value);
}

/// <summary>DestinationRule → traffic policy of a waypoint. One use converts one resource.</summary>
internal sealed class TrafficRules
{
    /// <summary>What detection of outliers counts to where it is asked for without a number (Istio, Envoy).</summary>
    private const uint DefaultConsecutiveErrors = 5;

    private readonly List<RouteProblem> _problems = [];
    private bool _needsTls;

    public static TrafficRule Convert(DestinationRule rule, string host)
    {
        var rules = new TrafficRules();
        var spec = rule.Spec ?? new DestinationRuleSpec();
        var traffic = rules.Policy(spec.TrafficPolicy, "spec.trafficPolicy");
        var subsets = (spec.Subsets ?? []).Select((subset, index) => new TrafficSubset(
            subset.Name ?? "",
            new((subset.Labels ?? new Dictionary<string, string>()).OrderBy(label => label.Key, StringComparer.Ordinal)),
            rules.Policy(subset.TrafficPolicy, $"spec.subsets[{index}].trafficPolicy"))).ToArray();
        if (spec.WorkloadSelector is not null)
        {
            rules.Unsupported("spec.workloadSelector", "the rule holds for all clients", "exportTo");
        }

        return new TrafficRule(
            ResourceKey.Of(rule),
            rule.Metadata.Namespace ?? "",
            host,
            rule.Metadata.CreationTimestamp ?? DateTimeOffset.MaxValue,
            new(spec.ExportTo ?? []),
            traffic,
            new(subsets),
            rules._needsTls,
            new(rules._problems));
    }

    private Proto.TrafficPolicy? Policy(TrafficSettings? settings, string at)
    {
        if (settings is null)
        {
            return null;
        }

        var policy = new Proto.TrafficPolicy
        {
            Balancer = Balancer(settings.LoadBalancer, $"{at}.loadBalancer"),
            Pool = Pool(settings.ConnectionPool, $"{at}.connectionPool"),
            Outliers = Outliers(settings.OutlierDetection, $"{at}.outlierDetection"),
        };
        foreach (var (port, where) in Checks.Numbered(settings.PortLevelSettings, $"{at}.portLevelSettings"))
        {
            policy.Ports.Add(new Proto.PortTraffic
            {
                Port = (uint)(port.Port?.Number ?? 0),
                Traffic = Policy(port with { PortLevelSettings = null }, where) ?? new Proto.TrafficPolicy(),
            });
        }

        if (settings.Tls?.Mode is "SIMPLE" or "MUTUAL")
        {
            _needsTls = true;
            Unsupported($"{at}.tls.mode {settings.Tls.Mode}", "requests are refused, for they would go unencrypted", "the application's own TLS, or ISTIO_MUTUAL within the mesh");
        }

        Report(settings.Tunnel, $"{at}.tunnel", "connections go to endpoints directly", "the application's own proxy setting");
        Report(settings.ProxyProtocol, $"{at}.proxyProtocol", "it is not sent", "the header forwarded");
        Report(settings.RetryBudget, $"{at}.retryBudget", "retries are limited by connectionPool.http.maxRetries alone", "connectionPool.http.maxRetries");
        return policy;
    }

    private Proto.TrafficPolicy.Types.Balancer Balancer(BalancerSettings? settings, string at)
    {
        Report(settings?.ConsistentHash, $"{at}.consistentHash", "the endpoint with the fewest requests is chosen", "simple");
        Report(settings?.LocalityLbSetting, $"{at}.localityLbSetting", "the service's own trafficDistribution holds", "trafficDistribution of the service");
        Report((object?)settings?.Warmup ?? settings?.WarmupDurationSecs, $"{at}.warmup", "new endpoints get their whole share at once", "a readiness probe");
        return settings?.Simple switch
        {
            "ROUND_ROBIN" => Proto.TrafficPolicy.Types.Balancer.RoundRobin,
            "RANDOM" => Proto.TrafficPolicy.Types.Balancer.Random,
            "PASSTHROUGH" => Proto.TrafficPolicy.Types.Balancer.Passthrough,
            "LEAST_REQUEST" or "LEAST_CONN" => Proto.TrafficPolicy.Types.Balancer.LeastRequest,
            _ => Proto.TrafficPolicy.Types.Balancer.Unspecified,
        };
    }

    private Proto.ConnectionPool? Pool(PoolSettings? settings, string at)
    {
        if (settings is null)
        {
            return null;
        }

        var (tcp, http) = (settings.Tcp, settings.Http);
        Report(tcp?.MaxConnectionDuration, $"{at}.tcp.maxConnectionDuration", "connections live on", "http.maxRequestsPerConnection");
        Report(tcp?.TcpKeepalive, $"{at}.tcp.tcpKeepalive", "tunnels have keepalives of their own", "tcp.idleTimeout");
        Report(http?.MaxConcurrentStreams is null or 0 ? null : http, $"{at}.http.maxConcurrentStreams", "the endpoint's own limit holds", "http.http2MaxRequests");
        Report(http?.H2UpgradePolicy is null or "DEFAULT" ? null : http, $"{at}.http.h2UpgradePolicy", "the port's protocol holds", "appProtocol of the service's port");
        return new Proto.ConnectionPool
        {
            MaxConnections = Count(tcp?.MaxConnections),
            ConnectTimeout = Durations.Wire(tcp?.ConnectTimeout),
            MaxPendingRequests = Count(http?.Http1MaxPendingRequests),
            MaxRequests = Count(http?.Http2MaxRequests),
            MaxRequestsPerConnection = Count(http?.MaxRequestsPerConnection),
            MaxRetries = Count(http?.MaxRetries),
            IdleTimeout = Durations.Wire(http?.IdleTimeout ?? tcp?.IdleTimeout),
        };
    }

    private Proto.OutlierDetection? Outliers(OutlierSettings? settings, string at)
    {
        if (settings is null)
        {
            return null;
        }

        Report(settings.SplitExternalLocalOriginErrors == true ? settings : null, $"{at}.splitExternalLocalOriginErrors", "both kinds of failures count together", "consecutive5xxErrors");
        return new Proto.OutlierDetection
        {
            Consecutive5Xx = settings.Consecutive5xxErrors is { } errors ? Count(errors) : DefaultConsecutiveErrors,
            ConsecutiveGatewayErrors = Count(settings.ConsecutiveGatewayErrors ?? settings.ConsecutiveErrors),
            Interval = Durations.Wire(settings.Interval),
            BaseEjectionTime = Durations.Wire(settings.BaseEjectionTime),
            MaxEjectionPercent = Count(settings.MaxEjectionPercent),
            MinHealthPercent = Count(settings.MinHealthPercent),
        };
    }

    private static uint Count(int? value) => (uint)Math.Max(value ?? 0, 0);

    private void Report(object? field, string at, string consequence, string instead)
    {
        if (field is not null)
        {
            Unsupported(at, consequence, instead);
        }
    }

    private void Unsupported(string field, string consequence, string instead) => _problems.Add(new RouteProblem(
        RouteProblem.UnsupportedValue, $"{field} is not supported: {consequence}. Use {instead}."));
}
