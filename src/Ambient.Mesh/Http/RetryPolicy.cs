using System.Collections.Immutable;
using System.Globalization;

namespace Ambient.Mesh.Http;

/// <summary>When a try that failed may be repeated; Istio's <c>retryOn</c>.</summary>
[Flags]
public enum RetryConditions
{
    /// <summary>Never.</summary>
    None = 0,

    /// <summary>Any status of 500 or more, a reset, a time-out (<c>5xx</c>).</summary>
    ServerError = 1 << 0,

    /// <summary>502, 503 and 504 (<c>gateway-error</c>).</summary>
    GatewayError = 1 << 1,

    /// <summary>The upstream ended the exchange before it answered (<c>reset</c>).</summary>
    Reset = 1 << 2,

    /// <summary>The same, before anything of the request was sent (<c>reset-before-request</c>).</summary>
    ResetBeforeRequest = 1 << 3,

    /// <summary>No connection could be made (<c>connect-failure</c>).</summary>
    ConnectFailure = 1 << 4,

    /// <summary>The upstream says that it has not begun (<c>refused-stream</c>).</summary>
    RefusedStream = 1 << 5,

    /// <summary>409 (<c>retriable-4xx</c>).</summary>
    Retriable4xx = 1 << 6,

    /// <summary>gRPC status 14 (<c>unavailable</c>).</summary>
    Unavailable = 1 << 7,

    /// <summary>gRPC status 1 (<c>cancelled</c>).</summary>
    Cancelled = 1 << 8,

    /// <summary>gRPC status 4 (<c>deadline-exceeded</c>).</summary>
    DeadlineExceeded = 1 << 9,

    /// <summary>gRPC status 8 (<c>resource-exhausted</c>).</summary>
    ResourceExhausted = 1 << 10,

    /// <summary>gRPC status 13 (<c>internal</c>).</summary>
    Internal = 1 << 11,
}

/// <summary>When and how often a request is tried again.</summary>
public sealed record RetryPolicy
{
    /// <summary>What Istio retries where nothing is said: what surely has not been acted on, or says that it may be repeated.</summary>
    public const RetryConditions DefaultConditions =
        RetryConditions.ConnectFailure | RetryConditions.RefusedStream | RetryConditions.Unavailable | RetryConditions.Cancelled;

    /// <summary>Istio's default: two more tries.</summary>
    public static RetryPolicy Default { get; } = new();

    /// <summary>No request is tried again.</summary>
    public static RetryPolicy None { get; } = new() { Attempts = 0, Conditions = RetryConditions.None };

    /// <summary>Tries after the first.</summary>
    public int Attempts { get; init; } = 2;

    /// <summary>How long one try may take; null for as long as the exchange may.</summary>
    public TimeSpan? PerTryTimeout { get; init; }

    /// <summary>Pause before the first retry; grows with each. Envoy's base is 25 ms.</summary>
    public TimeSpan Backoff { get; init; } = TimeSpan.FromMilliseconds(25);

    /// <summary>What is tried again.</summary>
    public RetryConditions Conditions { get; init; } = DefaultConditions;

    /// <summary>Statuses that are asked for again.</summary>
    public ImmutableArray<ushort> Statuses { get; init; } = [];

    /// <summary>Whether any of these conditions is set.</summary>
    public bool On(RetryConditions any) => (Conditions & any) != 0;

    /// <summary>Whether an answer's status asks for another try.</summary>
    public bool OnStatus(int status) =>
        (status >= 500 && On(RetryConditions.ServerError))
        || (status is 502 or 503 or 504 && On(RetryConditions.GatewayError))
        || (status == 409 && On(RetryConditions.Retriable4xx))
        || Statuses.Contains((ushort)status);

    /// <summary>Whether a gRPC status asks for another try.</summary>
    public bool OnGrpcStatus(int status) => status switch
    {
        1 => On(RetryConditions.Cancelled),
        4 => On(RetryConditions.DeadlineExceeded),
        8 => On(RetryConditions.ResourceExhausted),
        13 => On(RetryConditions.Internal),
        14 => On(RetryConditions.Unavailable),
        _ => false,
    };

    /// <summary>The conditions and statuses as Istio writes them.</summary>
    public string Words() => string.Join(", ", RetryWords.Of(Conditions).Concat(Statuses.Select(status => status.ToString(CultureInfo.InvariantCulture))));
}

/// <summary>The conditions by their names in Istio's <c>retryOn</c>.</summary>
internal static class RetryWords
{
    private static readonly ImmutableArray<(string Name, RetryConditions Condition)> Known =
    [
        ("5xx", RetryConditions.ServerError),
        ("gateway-error", RetryConditions.GatewayError),
        ("reset", RetryConditions.Reset),
        ("reset-before-request", RetryConditions.ResetBeforeRequest),
        ("connect-failure", RetryConditions.ConnectFailure),
        ("refused-stream", RetryConditions.RefusedStream),
        ("retriable-4xx", RetryConditions.Retriable4xx),
        ("unavailable", RetryConditions.Unavailable),
        ("cancelled", RetryConditions.Cancelled),
        ("deadline-exceeded", RetryConditions.DeadlineExceeded),
        ("resource-exhausted", RetryConditions.ResourceExhausted),
        ("internal", RetryConditions.Internal),
        // The statuses stand in their own list.
        ("retriable-status-codes", RetryConditions.None),
    ];

    public static bool TryParse(string name, out RetryConditions condition)
    {
        foreach (var (known, value) in Known)
        {
            if (known == name)
            {
                condition = value;
                return true;
            }
        }

        condition = RetryConditions.None;
        return false;
    }

    public static IEnumerable<string> Of(RetryConditions conditions) =>
        Known.Where(known => known.Condition != RetryConditions.None && conditions.HasFlag(known.Condition)).Select(known => known.Name);
}
