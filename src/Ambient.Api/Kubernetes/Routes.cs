namespace Ambient.Api.Kubernetes;

/// <summary>What the kinds of routes have in common: whom they are for, and what became of them there.</summary>
public interface IRoute : IResource
{
    /// <summary>Services or gateways whose requests the route is for.</summary>
    IReadOnlyList<ParentReference>? ParentRefs { get; }

    /// <summary>Hosts that it is for; all when absent. A route of a service has none.</summary>
    IReadOnlyList<string>? Hostnames { get; }

    /// <summary>Its rules.</summary>
    IReadOnlyList<IRouteRule>? Rules { get; }

    /// <summary>Every backend that a rule names.</summary>
    IEnumerable<BackendReference> Backends => (Rules ?? []).SelectMany(rule => rule.BackendRefs ?? []);

    /// <summary>Every filter of a rule or backend.</summary>
    IEnumerable<RouteFilter> Filters => (Rules ?? [])
        .SelectMany(rule => (rule.Filters ?? []).Concat((rule.BackendRefs ?? []).SelectMany(backend => backend.Filters ?? [])));

    /// <summary>What each controller has made of it.</summary>
    RouteStatus? Status { get; }
}

/// <summary>What the rules of all routes have in common.</summary>
public interface IRouteRule
{
    /// <summary>What is done to its requests.</summary>
    IReadOnlyList<RouteFilter>? Filters { get; }

    /// <summary>Where its requests go.</summary>
    IReadOnlyList<BackendReference>? BackendRefs { get; }
}

/// <summary>Where HTTP requests go (gateway.networking.k8s.io/v1).</summary>
public sealed record HttpRoute : IRoute
{
    public string? ApiVersion { get; init; } = "gateway.networking.k8s.io/v1";
    public string? Kind { get; init; } = "HTTPRoute";
    public ObjectMeta Metadata { get; init; } = new();
    public HttpRouteSpec? Spec { get; init; }
    public RouteStatus? Status { get; init; }

    IReadOnlyList<ParentReference>? IRoute.ParentRefs => Spec?.ParentRefs;

    IReadOnlyList<string>? IRoute.Hostnames => Spec?.Hostnames;

    IReadOnlyList<IRouteRule>? IRoute.Rules => Spec?.Rules;
}

/// <summary>What an HTTP route is meant to do.</summary>
public sealed record HttpRouteSpec
{
    public IReadOnlyList<ParentReference>? ParentRefs { get; init; }
    public IReadOnlyList<string>? Hostnames { get; init; }
    public IReadOnlyList<HttpRouteRule>? Rules { get; init; }
}

/// <summary>Requests that match one of <c>Matches</c> go to one of <c>BackendRefs</c>.</summary>
public sealed record HttpRouteRule : IRouteRule
{
    public string? Name { get; init; }
    public IReadOnlyList<HttpRouteMatch>? Matches { get; init; }
    public IReadOnlyList<RouteFilter>? Filters { get; init; }
    public IReadOnlyList<BackendReference>? BackendRefs { get; init; }
    public RouteTimeouts? Timeouts { get; init; }
    public RouteRetry? Retry { get; init; }
}

/// <summary>Each part that is there must hold.</summary>
public sealed record HttpRouteMatch
{
    public PathMatch? Path { get; init; }
    public IReadOnlyList<ValueMatch>? Headers { get; init; }
    public IReadOnlyList<ValueMatch>? QueryParams { get; init; }
    public string? Method { get; init; }
}

/// <summary>A path: <c>Exact</c>, <c>PathPrefix</c> (by whole segments) or <c>RegularExpression</c>.</summary>
public sealed record PathMatch
{
    public string? Type { get; init; }
    public string? Value { get; init; }
}

/// <summary>A header or query parameter: <c>Exact</c> or <c>RegularExpression</c>.</summary>
public sealed record ValueMatch
{
    public string? Type { get; init; }
    public string Name { get; init; } = "";
    public string? Value { get; init; }
}

/// <summary>Durations as the Gateway API writes them, e.g. <c>1m30s</c>; 0 means none.</summary>
public sealed record RouteTimeouts
{
    public string? Request { get; init; }
    public string? BackendRequest { get; init; }
}

/// <summary>Which answers are asked for again, how often, and after which pause.</summary>
public sealed record RouteRetry
{
    public IReadOnlyList<int>? Codes { get; init; }
    public int? Attempts { get; init; }
    public string? Backoff { get; init; }
}

/// <summary>Where gRPC calls go (gateway.networking.k8s.io/v1).</summary>
public sealed record GrpcRoute : IRoute
{
    public string? ApiVersion { get; init; } = "gateway.networking.k8s.io/v1";
    public string? Kind { get; init; } = "GRPCRoute";
    public ObjectMeta Metadata { get; init; } = new();
    public GrpcRouteSpec? Spec { get; init; }
    public RouteStatus? Status { get; init; }

    IReadOnlyList<ParentReference>? IRoute.ParentRefs => Spec?.ParentRefs;

    IReadOnlyList<string>? IRoute.Hostnames => Spec?.Hostnames;

    IReadOnlyList<IRouteRule>? IRoute.Rules => Spec?.Rules;
}

/// <summary>What a gRPC route is meant to do.</summary>
public sealed record GrpcRouteSpec
{
    public IReadOnlyList<ParentReference>? ParentRefs { get; init; }
    public IReadOnlyList<string>? Hostnames { get; init; }
    public IReadOnlyList<GrpcRouteRule>? Rules { get; init; }
}

/// <summary>Calls that match one of <c>Matches</c> go to one of <c>BackendRefs</c>.</summary>
public sealed record GrpcRouteRule : IRouteRule
{
    public string? Name { get; init; }
    public IReadOnlyList<GrpcRouteMatch>? Matches { get; init; }
    public IReadOnlyList<RouteFilter>? Filters { get; init; }
    public IReadOnlyList<BackendReference>? BackendRefs { get; init; }
}

/// <summary>Each part that is there must hold.</summary>
public sealed record GrpcRouteMatch
{
    public GrpcMethodMatch? Method { get; init; }
    public IReadOnlyList<ValueMatch>? Headers { get; init; }
}

/// <summary>A gRPC service, a method of it, or both: <c>Exact</c> or <c>RegularExpression</c>.</summary>
public sealed record GrpcMethodMatch
{
    public string? Type { get; init; }
    public string? Service { get; init; }
    public string? Method { get; init; }
}

/// <summary>A service (group empty) or gateway that a route attaches to; absent group and kind mean a gateway.</summary>
public sealed record ParentReference
{
    public string? Group { get; init; }
    public string? Kind { get; init; }
    public string Name { get; init; } = "";
    public string? Namespace { get; init; }
    public string? SectionName { get; init; }
    public int? Port { get; init; }
}

/// <summary>Where requests go; absent group and kind mean a service. Requests are split by weight (1 when absent).</summary>
public sealed record BackendReference
{
    public string? Group { get; init; }
    public string? Kind { get; init; }
    public string Name { get; init; } = "";
    public string? Namespace { get; init; }
    public int? Port { get; init; }
    public int? Weight { get; init; }
    public IReadOnlyList<RouteFilter>? Filters { get; init; }
}

/// <summary>What is done to a request or its answer; <c>Type</c> says which of the other fields counts.</summary>
public sealed record RouteFilter
{
    public string Type { get; init; } = "";
    public HeaderModifier? RequestHeaderModifier { get; init; }
    public HeaderModifier? ResponseHeaderModifier { get; init; }
    public RequestMirror? RequestMirror { get; init; }
    public RequestRedirect? RequestRedirect { get; init; }
    public UrlRewrite? UrlRewrite { get; init; }
}

/// <summary>Headers to set, add and remove.</summary>
public sealed record HeaderModifier
{
    public IReadOnlyList<HeaderValue>? Set { get; init; }
    public IReadOnlyList<HeaderValue>? Add { get; init; }
    public IReadOnlyList<string>? Remove { get; init; }
}

/// <summary>A header and its value.</summary>
public sealed record HeaderValue
{
    public string Name { get; init; } = "";
    public string Value { get; init; } = "";
}

/// <summary>A copy of a share of the requests goes to another backend, whose answers are dropped.</summary>
public sealed record RequestMirror
{
    public BackendReference? BackendRef { get; init; }
    public int? Percent { get; init; }
    public RouteFraction? Fraction { get; init; }
}

/// <summary>A share: numerator of denominator (100 when absent).</summary>
public sealed record RouteFraction
{
    public int Numerator { get; init; }
    public int? Denominator { get; init; }
}

/// <summary>An answer that sends the client elsewhere.</summary>
public sealed record RequestRedirect
{
    public string? Scheme { get; init; }
    public string? Hostname { get; init; }
    public PathModifier? Path { get; init; }
    public int? Port { get; init; }
    public int? StatusCode { get; init; }
}

/// <summary>Another host and path for the backend.</summary>
public sealed record UrlRewrite
{
    public string? Hostname { get; init; }
    public PathModifier? Path { get; init; }
}

/// <summary><c>ReplaceFullPath</c> or <c>ReplacePrefixMatch</c>.</summary>
public sealed record PathModifier
{
    public string? Type { get; init; }
    public string? ReplaceFullPath { get; init; }
    public string? ReplacePrefixMatch { get; init; }
}

/// <summary>What became of a route, parent by parent.</summary>
public sealed record RouteStatus
{
    public IReadOnlyList<RouteParentStatus>? Parents { get; init; }
}

/// <summary>What one controller has made of a route for one parent.</summary>
public sealed record RouteParentStatus
{
    public ParentReference? ParentRef { get; init; }
    public string? ControllerName { get; init; }
    public IReadOnlyList<Condition>? Conditions { get; init; }
}
