namespace Ambient.Api.Kubernetes;

/// <summary>A service.</summary>
public sealed record Service : IResource
{
    public string? ApiVersion { get; init; } = "v1";
    public string? Kind { get; init; } = "Service";
    public ObjectMeta Metadata { get; init; } = new();
    public ServiceSpec? Spec { get; init; }
    public ServiceStatus? Status { get; init; }
}

/// <summary>How a service is.</summary>
public sealed record ServiceStatus
{
    public IReadOnlyList<Condition>? Conditions { get; init; }
}

/// <summary>What a service is meant to be.</summary>
public sealed record ServiceSpec
{
    public string? Type { get; init; }
    public string? ClusterIP { get; init; }
    public IReadOnlyList<string>? ClusterIPs { get; init; }
    public string? ExternalName { get; init; }
    public IReadOnlyDictionary<string, string>? Selector { get; init; }
    public IReadOnlyList<ServicePort>? Ports { get; init; }
    public IReadOnlyList<string>? IpFamilies { get; init; }
    public string? IpFamilyPolicy { get; init; }
    public string? InternalTrafficPolicy { get; init; }
    public string? TrafficDistribution { get; init; }
    public bool? PublishNotReadyAddresses { get; init; }
}

/// <summary>One port of a service.</summary>
public sealed record ServicePort
{
    public string? Name { get; init; }
    public int Port { get; init; }
    public IntOrString? TargetPort { get; init; }
    public string? Protocol { get; init; }
    public string? AppProtocol { get; init; }
    public int? NodePort { get; init; }
}

/// <summary>Some of a service's endpoints (discovery.k8s.io/v1).</summary>
public sealed record EndpointSlice : IResource
{
    public string? ApiVersion { get; init; } = "discovery.k8s.io/v1";
    public string? Kind { get; init; } = "EndpointSlice";
    public ObjectMeta Metadata { get; init; } = new();

    /// <summary><c>IPv4</c>, <c>IPv6</c> or <c>FQDN</c>.</summary>
    public string? AddressType { get; init; }

    public IReadOnlyList<Endpoint>? Endpoints { get; init; }
    public IReadOnlyList<EndpointPort>? Ports { get; init; }
}

/// <summary>One endpoint.</summary>
public sealed record Endpoint
{
    public IReadOnlyList<string>? Addresses { get; init; }
    public EndpointConditions? Conditions { get; init; }
    public string? Hostname { get; init; }
    public string? NodeName { get; init; }
    public string? Zone { get; init; }
    public ObjectReference? TargetRef { get; init; }
}

/// <summary>How an endpoint is; null counts as the field's documented default.</summary>
public sealed record EndpointConditions
{
    public bool? Ready { get; init; }
    public bool? Serving { get; init; }
    public bool? Terminating { get; init; }
}

/// <summary>One port of an endpoint slice.</summary>
public sealed record EndpointPort
{
    public string? Name { get; init; }
    public int? Port { get; init; }
    public string? Protocol { get; init; }
    public string? AppProtocol { get; init; }
}
