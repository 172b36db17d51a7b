using System.Runtime.CompilerServices;
using Ambient.Api;
using Ambient.Mesh.Model;
using Ambient.Proxy.Connections;
using Ambient.Telemetry.Logging;
using Ambient.Telemetry.Metrics;
using Microsoft.Extensions.Logging;

namespace Ambient.Waypoint.Requests;

/// <summary>Where requests are reported.</summary>
internal sealed class RequestTelemetry
{
    /// <summary>Registers the metrics.</summary>
    /// <param name="registry">Where they are registered.</param>
    /// <param name="loggers">For the log of requests.</param>
    /// <param name="time">For durations.</param>
    public RequestTelemetry(MetricRegistry registry, ILoggerFactory loggers, TimeProvider time)
    {
        Metrics = new RequestMetrics(registry);
        Log = new RequestLog(loggers);
        Time = time;
        Verdicts = registry.Counter(
            "ambient_authorization_verdicts",
            "Requests that a policy denied, asked to note, or would have denied",
            new FamilyOptions { Labels = ["policy", "rule", "verdict"], LabelsKeptInTotals = ["verdict"] });
        Ejections = registry.Counter(
            "ambient_outlier_ejections", "Endpoints that were left out for their failures", new FamilyOptions { Labels = ["service"] });
        NotMirrored = registry.Counter("ambient_mirrors_left_out", "Copies of requests that were not made, for too many were under way");
    }

    /// <summary>Counters by who talks to whom.</summary>
    public RequestMetrics Metrics { get; }

    /// <summary>One line a request.</summary>
    public RequestLog Log { get; }

    /// <summary>For durations.</summary>
    public TimeProvider Time { get; }

    /// <summary>What policies said, by policy and rule: <c>denied</c>, <c>audited</c>, <c>dry-run-denied</c>.</summary>
    public CounterFamily Verdicts { get; }

    /// <summary>Endpoints that were ejected.</summary>
    public CounterFamily Ejections { get; }

    /// <summary>Mirrors beyond the bound.</summary>
    public CounterFamily NotMirrored { get; }
}

/// <summary>
/// The series of requests that have everything in common, looked up once. Histograms and counter are those of the family; after a
/// while they are looked up again, as they may have retired.
/// </summary>
internal sealed class RequestSeries(RequestMetrics metrics, LabelValues labels)
{
    private readonly Counter _requests = metrics.Requests.With(labels);
    private readonly Histogram _duration = metrics.Duration.With(labels);
    private readonly Histogram _received = metrics.RequestBytes.With(labels);
    private readonly Histogram _sent = metrics.ResponseBytes.With(labels);

    /// <summary>One more request.</summary>
    public void Count(TimeSpan duration, long received, long sent)
    {
        _requests.Add();
        _duration.Observe(duration.TotalMilliseconds);
        _received.Observe(received);
        _sent.Observe(sent);
    }
}

/// <summary>What tells series apart. Records of the mesh are compared by reference: a change makes new ones.</summary>
internal readonly record struct SeriesKey(
    Workload? Source, PartyDescription? SourceParty, SpiffeId? Identity, bool MutualTls,
    Workload? Destination, Service? Service, int Status, ResponseFlags Flags, bool IsGrpc, int GrpcStatus)
{
    public bool Equals(SeriesKey other) =>
        ReferenceEquals(Source, other.Source) && ReferenceEquals(Destination, other.Destination) && ReferenceEquals(Service, other.Service)
        && Status == other.Status && Flags == other.Flags && IsGrpc == other.IsGrpc && GrpcStatus == other.GrpcStatus
        && MutualTls == other.MutualTls && Identity == other.Identity && Equals(SourceParty, other.SourceParty);

    public override int GetHashCode() => HashCode.Combine(
        RuntimeHelpers.GetHashCode(Source), RuntimeHelpers.GetHashCode(Destination), RuntimeHelpers.GetHashCode(Service), Status, Flags, GrpcStatus,
        Identity);
}
