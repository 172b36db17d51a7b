using System.Collections.Immutable;

namespace Ambient.Mesh.Http;

/// <summary>One rule of a route: which requests it is for and what becomes of them. Immutable.</summary>
public sealed record HttpRoute
{
    /// <summary>Where it was written: <c>HTTPRoute shop/split</c>.</summary>
    public string Source { get; init; } = "";

    /// <summary>The rule's name or index.</summary>
    public string Rule { get; init; } = "";

    /// <summary>Ports of the service that it is for; none means all.</summary>
    public ImmutableArray<ushort> Ports { get; init; } = [];

    /// <summary>One that holds is enough; none at all holds.</summary>
    public ImmutableArray<RouteMatch> Matches { get; init; } = [];

    /// <summary>Send it on; null where the rule redirects or answers.</summary>
    public ForwardAction? Forward { get; init; }

    /// <summary>Redirect it.</summary>
    public RedirectAction? Redirect { get; init; }

    /// <summary>Answer it.</summary>
    public ResponseAction? Response { get; init; }

    /// <summary>Changes of the request's header, after those of its backend.</summary>
    public HeaderChanges? RequestHeaders { get; init; }

    /// <summary>Changes of the answer's header, after those of its backend.</summary>
    public HeaderChanges? ResponseHeaders { get; init; }

    /// <summary>Who gets copies.</summary>
    public ImmutableArray<Mirror> Mirrors { get; init; } = [];

    /// <summary>How long the whole exchange may take; null for as long as it takes.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>When a failed try is repeated.</summary>
    public RetryPolicy Retry { get; init; } = RetryPolicy.Default;

    /// <summary>Faults to inject.</summary>
    public FaultPolicy? Fault { get; init; }

    /// <summary>Whether it is for a port.</summary>
    public bool IsFor(int port) => Ports.IsEmpty || Ports.Contains((ushort)port);

    /// <inheritdoc />
    public override string ToString() => Rule.Length == 0 ? Source : $"{Source} rule {Rule}";
}

/// <summary>Conditions of a route; all that are set have to hold. Immutable.</summary>
public sealed record RouteMatch
{
    /// <summary>Of the path.</summary>
    public PathMatcher? Path { get; init; }

    /// <summary>Of header fields.</summary>
    public ImmutableArray<HeaderMatcher> Headers { get; init; } = [];

    /// <summary>Of parameters of the query: the first of a name, as written.</summary>
    public ImmutableArray<QueryMatcher> Query { get; init; } = [];

    /// <summary>Of the method.</summary>
    public TextMatcher? Method { get; init; }

    /// <summary>Of the host, without regard to case, with or without port.</summary>
    public TextMatcher? Authority { get; init; }

    /// <summary>Of the scheme.</summary>
    public TextMatcher? Scheme { get; init; }
}

/// <summary>Sends requests on, to backends by weight.</summary>
public sealed record ForwardAction
{
    /// <summary>Where to; where there are none, or none with a weight, the answer is 500.</summary>
    public ImmutableArray<Backend> Backends { get; init; } = [];

    /// <summary>The host to name upstream; null keeps it.</summary>
    public string? Authority { get; init; }

    /// <summary>What becomes of the path; null keeps it.</summary>
    public PathChange? Path { get; init; }

    /// <summary>The sum of all weights.</summary>
    public ulong TotalWeight { get; init; }
}

/// <summary>Where a share of the requests goes.</summary>
public sealed record Backend
{
    /// <summary>Key of the service, <c>namespace/hostname</c>; null for one that does not exist, whose share gets 500.</summary>
    public string? Service { get; init; }

    /// <summary>The service's port; 0 for the one that the request is for.</summary>
    public ushort Port { get; init; }

    /// <summary>Its share.</summary>
    public uint Weight { get; init; } = 1;

    /// <summary>Only these of the service's endpoints.</summary>
    public string? Subset { get; init; }

    /// <summary>Changes of the request's header, before those of the route.</summary>
    public HeaderChanges? RequestHeaders { get; init; }

    /// <summary>Changes of the answer's header, before those of the route.</summary>
    public HeaderChanges? ResponseHeaders { get; init; }

    /// <inheritdoc />
    public override string ToString() => $"{Service ?? "(no service)"}:{Port}{(Subset is null ? "" : $" subset {Subset}")}";
}

/// <summary>A change of a path.</summary>
/// <param name="Full">The path is replaced as a whole; otherwise what the match's segments or prefix matched.</param>
/// <param name="Value">What comes in its place.</param>
public sealed record PathChange(bool Full, string Value);

/// <summary>Sends clients elsewhere.</summary>
public sealed record RedirectAction
{
    /// <summary>The scheme; null keeps the request's.</summary>
    public string? Scheme { get; init; }

    /// <summary>The host; null keeps the request's.</summary>
    public string? Authority { get; init; }

    /// <summary>The port; null means the one that goes with <see cref="Scheme"/>, or without that the request's.</summary>
    public ushort? Port { get; init; }

    /// <summary>What becomes of the path; null keeps it.</summary>
    public PathChange? Path { get; init; }

    /// <summary>The status: 301, 302, 303, 307 or 308.</summary>
    public int Status { get; init; } = 302;
}

/// <summary>Answers requests itself.</summary>
/// <param name="Status">The status.</param>
/// <param name="Body">The body, perhaps empty.</param>
public sealed record ResponseAction(int Status, string Body);

/// <summary>A name and a value of a header field; the name is in lower case.</summary>
public readonly record struct HeaderValue(string Name, string Value);

/// <summary>Changes of a header: what is removed goes first, then what is set replaces, then what is added joins.</summary>
public sealed record HeaderChanges
{
    /// <summary>Names, in lower case.</summary>
    public ImmutableArray<string> Remove { get; init; } = [];

    /// <summary>Replace all fields of the name.</summary>
    public ImmutableArray<HeaderValue> Set { get; init; } = [];

    /// <summary>Come after the fields of the name that are there.</summary>
    public ImmutableArray<HeaderValue> Add { get; init; } = [];

    /// <summary>Of a request: the host that it names from here on (a change of <c>host</c> or <c>:authority</c>); null keeps it.</summary>
    public string? Authority { get; init; }
}

/// <summary>Where copies of requests go, whose answers nobody waits for.</summary>
/// <param name="Service">Key of the service; null for one that does not exist.</param>
/// <param name="Port">Its port; 0 for the one that the request is for.</param>
/// <param name="Subset">Only these of its endpoints.</param>
/// <param name="Share">How many of the requests, in millionths.</param>
public sealed record Mirror(string? Service, ushort Port, string? Subset, uint Share);

/// <summary>Faults to inject, into shares of the requests that are counted in millionths. The delay comes before the abort.</summary>
public sealed record FaultPolicy
{
    /// <summary>How long to wait.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>How many of the requests wait.</summary>
    public uint DelayShare { get; init; }

    /// <summary>The status of the answer; 0 where <see cref="AbortGrpcStatus"/> says it.</summary>
    public int AbortStatus { get; init; }

    /// <summary>The gRPC status of the answer.</summary>
    public int? AbortGrpcStatus { get; init; }

    /// <summary>How many of the requests are answered so.</summary>
    public uint AbortShare { get; init; }
}
