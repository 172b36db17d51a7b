namespace Ambient.Api.Kubernetes;

/// <summary>Istio's word on how a host's endpoints are used (networking.istio.io/v1).</summary>
public sealed record DestinationRule : IResource
{
    public string? ApiVersion { get; init; } = "networking.istio.io/v1";
    public string? Kind { get; init; } = "DestinationRule";
    public ObjectMeta Metadata { get; init; } = new();
    public DestinationRuleSpec? Spec { get; init; }
    public PolicyStatus? Status { get; init; }
}

/// <summary>The host, how it is used, and parts of it by name.</summary>
public sealed record DestinationRuleSpec
{
    public string? Host { get; init; }
    public TrafficSettings? TrafficPolicy { get; init; }
    public IReadOnlyList<DestinationSubset>? Subsets { get; init; }

    /// <summary>Namespaces that see it: <c>.</c> its own, <c>*</c>, also when absent, all.</summary>
    public IReadOnlyList<string>? ExportTo { get; init; }

    public WorkloadSelector? WorkloadSelector { get; init; }
}

/// <summary>Endpoints with these labels.</summary>
public sealed record DestinationSubset
{
    public string? Name { get; init; }
    public IReadOnlyDictionary<string, string>? Labels { get; init; }
    public TrafficSettings? TrafficPolicy { get; init; }
}

/// <summary>How endpoints are chosen, connected to, and left out.</summary>
public record TrafficSettings
{
    public BalancerSettings? LoadBalancer { get; init; }
    public PoolSettings? ConnectionPool { get; init; }
    public OutlierSettings? OutlierDetection { get; init; }
    public ClientTlsSettings? Tls { get; init; }
    public IReadOnlyList<PortTrafficSettings>? PortLevelSettings { get; init; }
    public TunnelSettings? Tunnel { get; init; }
    public ProxyProtocolSettings? ProxyProtocol { get; init; }
    public RetryBudget? RetryBudget { get; init; }
}

/// <summary>The same for one port, instead of what holds for all.</summary>
public sealed record PortTrafficSettings : TrafficSettings
{
    public PortSelector? Port { get; init; }
}

/// <summary>Which endpoint a request goes to.</summary>
public sealed record BalancerSettings
{
    /// <summary><c>LEAST_REQUEST</c> (also <c>LEAST_CONN</c>), <c>ROUND_ROBIN</c>, <c>RANDOM</c> or <c>PASSTHROUGH</c>.</summary>
    public string? Simple { get; init; }

    public ConsistentHash? ConsistentHash { get; init; }
    public LocalitySettings? LocalityLbSetting { get; init; }
    public string? WarmupDurationSecs { get; init; }
    public Warmup? Warmup { get; init; }
}

/// <summary>The same endpoint for the same header, cookie, address or parameter.</summary>
public sealed record ConsistentHash
{
    public string? HttpHeaderName { get; init; }
    public HashCookie? HttpCookie { get; init; }
    public bool? UseSourceIp { get; init; }
    public string? HttpQueryParameterName { get; init; }
}

/// <summary>A cookie that keeps a client at its endpoint.</summary>
public sealed record HashCookie
{
    public string? Name { get; init; }
    public string? Path { get; init; }
    public string? Ttl { get; init; }
}

/// <summary>Which places are preferred.</summary>
public sealed record LocalitySettings
{
    public IReadOnlyList<LocalityShares>? Distribute { get; init; }
    public IReadOnlyList<LocalityFailover>? Failover { get; init; }
    public IReadOnlyList<string>? FailoverPriority { get; init; }
    public bool? Enabled { get; init; }
}

/// <summary>From a place to places, in percent.</summary>
public sealed record LocalityShares
{
    public string? From { get; init; }
    public IReadOnlyDictionary<string, int>? To { get; init; }
}

/// <summary>From a region to another where it is down.</summary>
public sealed record LocalityFailover
{
    public string? From { get; init; }
    public string? To { get; init; }
}

/// <summary>New endpoints get their share little by little.</summary>
public sealed record Warmup
{
    public string? Duration { get; init; }
}

/// <summary>Limits of connections and requests.</summary>
public sealed record PoolSettings
{
    public TcpPool? Tcp { get; init; }
    public HttpPool? Http { get; init; }
}

/// <summary>Limits of connections.</summary>
public sealed record TcpPool
{
    public int? MaxConnections { get; init; }
    public string? ConnectTimeout { get; init; }
    public string? MaxConnectionDuration { get; init; }
    public string? IdleTimeout { get; init; }
    public TcpKeepalive? TcpKeepalive { get; init; }
}

/// <summary>Probes of silent connections.</summary>
public sealed record TcpKeepalive
{
    public int? Probes { get; init; }
    public string? Time { get; init; }
    public string? Interval { get; init; }
}

/// <summary>Limits of requests.</summary>
public sealed record HttpPool
{
    public int? Http1MaxPendingRequests { get; init; }
    public int? Http2MaxRequests { get; init; }
    public int? MaxRequestsPerConnection { get; init; }
    public int? MaxRetries { get; init; }
    public string? IdleTimeout { get; init; }
    public string? H2UpgradePolicy { get; init; }
    public bool? UseClientProtocol { get; init; }
    public int? MaxConcurrentStreams { get; init; }
}

/// <summary>When an endpoint is left out for a while.</summary>
public sealed record OutlierSettings
{
    public int? ConsecutiveErrors { get; init; }
    public int? Consecutive5xxErrors { get; init; }
    public int? ConsecutiveGatewayErrors { get; init; }
    public int? ConsecutiveLocalOriginFailures { get; init; }
    public bool? SplitExternalLocalOriginErrors { get; init; }
    public string? Interval { get; init; }
    public string? BaseEjectionTime { get; init; }
    public int? MaxEjectionPercent { get; init; }
    public int? MinHealthPercent { get; init; }
}

/// <summary>TLS towards endpoints: <c>DISABLE</c>, <c>SIMPLE</c>, <c>MUTUAL</c> or <c>ISTIO_MUTUAL</c>.</summary>
public sealed record ClientTlsSettings
{
    public string? Mode { get; init; }
    public string? ClientCertificate { get; init; }
    public string? PrivateKey { get; init; }
    public string? CaCertificates { get; init; }
    public string? CredentialName { get; init; }
    public string? Sni { get; init; }
    public IReadOnlyList<string>? SubjectAltNames { get; init; }
}

/// <summary>A proxy in front of the host.</summary>
public sealed record TunnelSettings
{
    public string? Protocol { get; init; }
    public string? TargetHost { get; init; }
    public int? TargetPort { get; init; }
}

/// <summary>The PROXY protocol towards endpoints.</summary>
public sealed record ProxyProtocolSettings
{
    public string? Version { get; init; }
}

/// <summary>How many retries there may be beside first tries.</summary>
public sealed record RetryBudget
{
    public double? Percent { get; init; }
    public int? MinRetryConcurrency { get; init; }
}
