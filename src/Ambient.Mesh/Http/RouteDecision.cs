using System.Collections.Immutable;

namespace Ambient.Mesh.Http;

/// <summary>What becomes of a request.</summary>
public enum RouteOutcome
{
    /// <summary>It is sent on.</summary>
    Forward,

    /// <summary>A redirect answers it.</summary>
    Redirect,

    /// <summary>The route itself answers it.</summary>
    Respond,

    /// <summary>404: the service has routes for the port, and none matches.</summary>
    NoRoute,

    /// <summary>500: the route's share for it has no backend.</summary>
    NoBackend,

    /// <summary>500: a rule's expression took too long for the request, so that nobody knows whether the rule is meant.</summary>
    Undecided,

    /// <summary>503: the service is not this waypoint's, or its configuration has not been received, so nobody knows what holds for it.</summary>
    UnknownService,
}

/// <summary>A fault to inject into one request.</summary>
/// <param name="Delay">How long to wait first; null for not at all.</param>
/// <param name="AbortStatus">The status to answer with then; 0 for none.</param>
/// <param name="AbortGrpcStatus">The gRPC status to answer with then.</param>
public readonly record struct InjectedFault(TimeSpan? Delay, int AbortStatus, int? AbortGrpcStatus)
{
    /// <summary>Whether the request is answered instead of sent on.</summary>
    public bool Aborts => AbortStatus != 0 || AbortGrpcStatus is not null;
}

/// <summary>What becomes of one request, and what decided it. A value: making one allocates at most the texts that it changes.</summary>
public readonly record struct RouteDecision
{
    /// <summary>What becomes of it.</summary>
    public required RouteOutcome Outcome { get; init; }

    /// <summary>The service that was addressed; null where a workload was, or the service is not known.</summary>
    public HttpService? Service { get; init; }

    /// <summary>The rule that decided, or could not; null where no route is for the port, so that the request goes to the service itself.</summary>
    public HttpRoute? Route { get; init; }

    /// <summary>Which of the rule's matches held, from 0; −1 where it has none.</summary>
    public int Match { get; init; }

    /// <summary>The rule's backend that was drawn.</summary>
    public Backend? Backend { get; init; }

    /// <summary>Key of the service to send it to; null to go to the workload that was addressed.</summary>
    public string? Destination { get; init; }

    /// <summary>That service's port.</summary>
    public int Port { get; init; }

    /// <summary>How that service's endpoints are used.</summary>
    public TrafficPolicy Traffic { get; init; }

    /// <summary>The uids of workloads that may take it; null for all of the service's endpoints.</summary>
    public ImmutableHashSet<string>? Subset { get; init; }

    /// <summary>The path and query to send; null keeps them.</summary>
    public string? Target { get; init; }

    /// <summary>The host to name; null keeps it.</summary>
    public string? Authority { get; init; }

    /// <summary>Where a redirect points to.</summary>
    public string? Location { get; init; }

    /// <summary>The status of an answer that is not the upstream's; 0 where it is.</summary>
    public int Status { get; init; }

    /// <summary>A bit for each of the rule's mirrors whose share the request fell into.</summary>
    public uint Mirrored { get; init; }

    /// <summary>The fault to inject.</summary>
    public InjectedFault Fault { get; init; }

    /// <summary>The body of an answer of the route's.</summary>
    public string Body => Route?.Response?.Body ?? "";

    /// <summary>How long the whole exchange may take; null for as long as it takes.</summary>
    public TimeSpan? Timeout => Route?.Timeout;

    /// <summary>When a try is repeated.</summary>
    public RetryPolicy Retry => Route?.Retry ?? RetryPolicy.Default;

    /// <summary>The port that the request is for.</summary>
    public int RequestPort { get; init; }

    /// <summary>The port of a mirror of the rule's.</summary>
    public int PortOf(Mirror mirror) => mirror.Port == 0 ? RequestPort : mirror.Port;

    /// <summary>Whether one of the rule's mirrors gets a copy.</summary>
    public bool IsMirrored(int index) => (Mirrored & (1u << index)) != 0;
}
