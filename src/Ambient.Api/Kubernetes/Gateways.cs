namespace Ambient.Api.Kubernetes;

/// <summary>A gateway (gateway.networking.k8s.io/v1); one of class <c>istio-waypoint</c> is a waypoint.</summary>
public sealed record Gateway : IResource
{
    public string? ApiVersion { get; init; } = "gateway.networking.k8s.io/v1";
    public string? Kind { get; init; } = "Gateway";
    public ObjectMeta Metadata { get; init; } = new();
    public GatewaySpec? Spec { get; init; }
    public GatewayStatus? Status { get; init; }
}

/// <summary>What a gateway is meant to be.</summary>
public sealed record GatewaySpec
{
    public string? GatewayClassName { get; init; }
    public IReadOnlyList<Listener>? Listeners { get; init; }

    /// <summary>An address of type Hostname names a service that somebody else runs: nothing is deployed for the gateway.</summary>
    public IReadOnlyList<GatewayAddress>? Addresses { get; init; }

    public GatewayInfrastructure? Infrastructure { get; init; }
}

/// <summary>Labels and annotations for what is deployed for a gateway.</summary>
public sealed record GatewayInfrastructure
{
    public IReadOnlyDictionary<string, string>? Labels { get; init; }
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }
}

/// <summary>A port of a gateway, and who may use it.</summary>
public sealed record Listener
{
    public string Name { get; init; } = "";
    public string? Hostname { get; init; }
    public int Port { get; init; }
    public string? Protocol { get; init; }
    public ListenerTls? Tls { get; init; }
    public AllowedRoutes? AllowedRoutes { get; init; }
}

/// <summary>The certificates of a listener that ends TLS.</summary>
public sealed record ListenerTls
{
    public string? Mode { get; init; }
    public IReadOnlyList<SecretReference>? CertificateRefs { get; init; }
}

/// <summary>A secret; of the gateway's namespace when it names none.</summary>
public sealed record SecretReference
{
    public string? Group { get; init; }
    public string? Kind { get; init; }
    public string Name { get; init; } = "";
    public string? Namespace { get; init; }
}

/// <summary>Whose routes may attach to a listener, or whose objects to a waypoint.</summary>
public sealed record AllowedRoutes
{
    public RouteNamespaces? Namespaces { get; init; }
}

/// <summary>Namespaces by <c>From</c>: <c>Same</c> (also when absent), <c>All</c> or <c>Selector</c>.</summary>
public sealed record RouteNamespaces
{
    public string? From { get; init; }
    public LabelSelector? Selector { get; init; }
}

/// <summary>An address of type <c>IPAddress</c> (also when absent) or <c>Hostname</c>.</summary>
public sealed record GatewayAddress
{
    public string? Type { get; init; }
    public string? Value { get; init; }
}

/// <summary>Where a gateway is reached, and how it is.</summary>
public sealed record GatewayStatus
{
    public IReadOnlyList<GatewayAddress>? Addresses { get; init; }
    public IReadOnlyList<Condition>? Conditions { get; init; }
    public IReadOnlyList<ListenerStatus>? Listeners { get; init; }
}

/// <summary>How a listener is.</summary>
public sealed record ListenerStatus
{
    public string Name { get; init; } = "";
    public int AttachedRoutes { get; init; }
    public IReadOnlyList<RouteGroupKind>? SupportedKinds { get; init; }
    public IReadOnlyList<Condition>? Conditions { get; init; }
}

/// <summary>A kind of route.</summary>
public sealed record RouteGroupKind
{
    public string? Group { get; init; }
    public string? Kind { get; init; }
}

/// <summary>A class of gateways (gateway.networking.k8s.io/v1), and the controller that answers for them.</summary>
public sealed record GatewayClass : IResource
{
    public string? ApiVersion { get; init; } = "gateway.networking.k8s.io/v1";
    public string? Kind { get; init; } = "GatewayClass";
    public ObjectMeta Metadata { get; init; } = new();
    public GatewayClassSpec? Spec { get; init; }
    public GatewayClassStatus? Status { get; init; }
}

/// <summary>What a class is meant to be.</summary>
public sealed record GatewayClassSpec
{
    public string? ControllerName { get; init; }
    public string? Description { get; init; }
}

/// <summary>Whether the controller takes the class.</summary>
public sealed record GatewayClassStatus
{
    public IReadOnlyList<Condition>? Conditions { get; init; }
}
