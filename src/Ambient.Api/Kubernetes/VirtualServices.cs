namespace Ambient.Api.Kubernetes;

/// <summary>Istio's routing of requests for hosts (networking.istio.io/v1).</summary>
public sealed record VirtualService : IResource
{
    public string? ApiVersion { get; init; } = "networking.istio.io/v1";
    public string? Kind { get; init; } = "VirtualService";
    public ObjectMeta Metadata { get; init; } = new();
    public VirtualServiceSpec? Spec { get; init; }
    public PolicyStatus? Status { get; init; }
}

/// <summary>The hosts, who routes for them, and how.</summary>
public sealed record VirtualServiceSpec
{
    /// <summary>Hosts; a name without dots is a service of the resource's namespace. None where others delegate to it.</summary>
    public IReadOnlyList<string>? Hosts { get; init; }

    /// <summary>Gateways that it is for; <c>mesh</c>, also when absent, is every proxy of the mesh.</summary>
    public IReadOnlyList<string>? Gateways { get; init; }

    public IReadOnlyList<HttpRule>? Http { get; init; }
    public IReadOnlyList<TlsRule>? Tls { get; init; }
    public IReadOnlyList<TcpRule>? Tcp { get; init; }

    /// <summary>Namespaces that see it: <c>.</c> its own, <c>*</c>, also when absent, all.</summary>
    public IReadOnlyList<string>? ExportTo { get; init; }
}

/// <summary>What happens to HTTP requests that one of <c>Match</c> holds for; the first rule that matches counts.</summary>
public sealed record HttpRule
{
    public string? Name { get; init; }
    public IReadOnlyList<HttpMatch>? Match { get; init; }
    public IReadOnlyList<WeightedDestination>? Route { get; init; }
    public HttpRedirect? Redirect { get; init; }
    public HttpDirectResponse? DirectResponse { get; init; }
    public Delegate? Delegate { get; init; }
    public HttpRewrite? Rewrite { get; init; }
    public string? Timeout { get; init; }
    public HttpRetry? Retries { get; init; }
    public HttpFault? Fault { get; init; }
    public Destination? Mirror { get; init; }
    public Percentage? MirrorPercentage { get; init; }
    public double? MirrorPercent { get; init; }
    public IReadOnlyList<MirrorDestination>? Mirrors { get; init; }
    public CorsPolicy? CorsPolicy { get; init; }
    public HeaderOperations? Headers { get; init; }
}

/// <summary>Each part that is there must hold.</summary>
public sealed record HttpMatch
{
    public string? Name { get; init; }
    public TextMatch? Uri { get; init; }
    public TextMatch? Scheme { get; init; }
    public TextMatch? Method { get; init; }
    public TextMatch? Authority { get; init; }
    public IReadOnlyDictionary<string, TextMatch>? Headers { get; init; }
    public IReadOnlyDictionary<string, TextMatch>? WithoutHeaders { get; init; }
    public IReadOnlyDictionary<string, TextMatch>? QueryParams { get; init; }
    public int? Port { get; init; }
    public IReadOnlyList<string>? Gateways { get; init; }
    public IReadOnlyDictionary<string, string>? SourceLabels { get; init; }
    public string? SourceNamespace { get; init; }
    public bool? IgnoreUriCase { get; init; }
    public string? StatPrefix { get; init; }
}

/// <summary>One of <c>Exact</c>, <c>Prefix</c> and <c>Regex</c> (RE2); none of them: present.</summary>
public sealed record TextMatch
{
    public string? Exact { get; init; }
    public string? Prefix { get; init; }
    public string? Regex { get; init; }
}

/// <summary>A host, its port where it has several, and a subset that a DestinationRule names.</summary>
public sealed record Destination
{
    public string? Host { get; init; }
    public string? Subset { get; init; }
    public PortSelector? Port { get; init; }
}

/// <summary>A port by number.</summary>
public sealed record PortSelector
{
    public int? Number { get; init; }
}

/// <summary>A destination and its share of the requests.</summary>
public sealed record WeightedDestination
{
    public Destination? Destination { get; init; }
    public int? Weight { get; init; }
    public HeaderOperations? Headers { get; init; }
}

/// <summary>Changes of request and response headers.</summary>
public sealed record HeaderOperations
{
    public HeaderOperation? Request { get; init; }
    public HeaderOperation? Response { get; init; }
}

/// <summary>Headers to set, add and remove.</summary>
public sealed record HeaderOperation
{
    public IReadOnlyDictionary<string, string>? Set { get; init; }
    public IReadOnlyDictionary<string, string>? Add { get; init; }
    public IReadOnlyList<string>? Remove { get; init; }
}

/// <summary>An answer that sends the client elsewhere.</summary>
public sealed record HttpRedirect
{
    public string? Uri { get; init; }
    public string? Authority { get; init; }
    public int? Port { get; init; }

    /// <summary><c>FROM_PROTOCOL_DEFAULT</c> or <c>FROM_REQUEST_PORT</c>.</summary>
    public string? DerivePort { get; init; }

    public string? Scheme { get; init; }
    public int? RedirectCode { get; init; }
}

/// <summary>An answer that comes from the proxy.</summary>
public sealed record HttpDirectResponse
{
    public int Status { get; init; }
    public DirectBody? Body { get; init; }
}

/// <summary>A body, as text or in base64.</summary>
public sealed record DirectBody
{
    public string? String { get; init; }
    public string? Bytes { get; init; }
}

/// <summary>Another VirtualService, without hosts, whose rules take the place of this one.</summary>
public sealed record Delegate
{
    public string? Name { get; init; }
    public string? Namespace { get; init; }
}

/// <summary>Another path and host for the destination; a prefix that matched is replaced by <c>Uri</c>.</summary>
public sealed record HttpRewrite
{
    public string? Uri { get; init; }
    public string? Authority { get; init; }
    public RegexRewrite? UriRegexRewrite { get; init; }
}

/// <summary>A replacement in the path, with <c>\1</c> for groups.</summary>
public sealed record RegexRewrite
{
    public string? Match { get; init; }
    public string? Rewrite { get; init; }
}

/// <summary>How often and on what a request is sent again.</summary>
public sealed record HttpRetry
{
    public int? Attempts { get; init; }
    public string? PerTryTimeout { get; init; }

    /// <summary>Conditions and status codes, by commas.</summary>
    public string? RetryOn { get; init; }

    public string? Backoff { get; init; }
    public bool? RetryRemoteLocalities { get; init; }
    public bool? RetryIgnorePreviousHosts { get; init; }
}

/// <summary>Faults that the proxy makes, to see whether clients stand them.</summary>
public sealed record HttpFault
{
    public FaultDelay? Delay { get; init; }
    public FaultAbort? Abort { get; init; }
}

/// <summary>A share of the requests waits.</summary>
public sealed record FaultDelay
{
    public string? FixedDelay { get; init; }
    public string? ExponentialDelay { get; init; }
    public Percentage? Percentage { get; init; }
    public double? Percent { get; init; }
}

/// <summary>A share of the requests fails.</summary>
public sealed record FaultAbort
{
    public int? HttpStatus { get; init; }
    public string? GrpcStatus { get; init; }
    public string? Http2Error { get; init; }
    public Percentage? Percentage { get; init; }
}

/// <summary>0 to 100.</summary>
public sealed record Percentage
{
    public double Value { get; init; }
}

/// <summary>Where copies of a share of the requests go.</summary>
public sealed record MirrorDestination
{
    public Destination? Destination { get; init; }
    public Percentage? Percentage { get; init; }
}

/// <summary>Which other origins' pages may use the answers.</summary>
public sealed record CorsPolicy
{
    public IReadOnlyList<TextMatch>? AllowOrigins { get; init; }
    public IReadOnlyList<string>? AllowMethods { get; init; }
    public IReadOnlyList<string>? AllowHeaders { get; init; }
    public IReadOnlyList<string>? ExposeHeaders { get; init; }
    public string? MaxAge { get; init; }
    public bool? AllowCredentials { get; init; }
}

/// <summary>Where TLS connections go that are not ended here.</summary>
public sealed record TlsRule
{
    public IReadOnlyList<TlsMatch>? Match { get; init; }
    public IReadOnlyList<WeightedDestination>? Route { get; init; }
}

/// <summary>A server name that the client asks for.</summary>
public sealed record TlsMatch
{
    public IReadOnlyList<string>? SniHosts { get; init; }
    public int? Port { get; init; }
}

/// <summary>Where connections go.</summary>
public sealed record TcpRule
{
    public IReadOnlyList<TcpMatch>? Match { get; init; }
    public IReadOnlyList<WeightedDestination>? Route { get; init; }
}

/// <summary>Connections to a port.</summary>
public sealed record TcpMatch
{
    public int? Port { get; init; }
}
