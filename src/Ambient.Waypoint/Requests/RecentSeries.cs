using Ambient.Api;
using Ambient.Linux;
using Ambient.Mesh.Model;
using Ambient.Proxy.Connections;
using Ambient.Telemetry.Metrics;

namespace Ambient.Waypoint.Requests;

/// <summary>Metric series that requests of a loop have used lately. On its loop only.</summary>
internal sealed class RecentSeries(EventLoop loop, RequestTelemetry telemetry)
{
    /// <summary>Series that are remembered: 4,096 references. Beyond that all are forgotten.</summary>
    private const int Most = 4096;

    /// <summary>How long one is used: a series that was retired or had overflowed is found again, and what left the mesh is let go.</summary>
    private static readonly long Milliseconds = (long)TimeSpan.FromMinutes(1).TotalMilliseconds;

    private readonly Dictionary<SeriesKey, (RequestSeries Series, long Until)> _known = [];

    /// <summary>The series of a key.</summary>
    public RequestSeries Of(in SeriesKey key)
    {
        if (_known.TryGetValue(key, out var known) && loop.NowMilliseconds < known.Until)
        {
            return known.Series;
        }

        if (_known.Count >= Most)
        {
            _known.Clear();
        }

        var series = new RequestSeries(telemetry.Metrics, Labels(key));
        _known[key] = (series, loop.NowMilliseconds + Milliseconds);
        return series;
    }

    private static LabelValues Labels(in SeriesKey key)
    {
        var traffic = new TrafficLabels
        {
            Reporter = "waypoint",
            Source = Peer(key.Source, key.SourceParty, key.Identity),
            Destination = key.Destination is { } destination ? Peer(destination, null, destination.Identity) : new TrafficPeer(),
            DestinationService = key.Service?.Hostname,
            DestinationServiceName = key.Service?.Name,
            DestinationServiceNamespace = key.Service?.Namespace,
            RequestProtocol = key.IsGrpc ? "grpc" : "http",
            ResponseFlags = ResponseFlagText.Of(key.Flags),
            MutualTls = key.MutualTls,
        };
        return RequestMetrics.LabelsOf(traffic, key.Status, key.IsGrpc && key.GrpcStatus >= 0 ? key.GrpcStatus : null);
    }

    private static TrafficPeer Peer(Workload? workload, PartyDescription? told, SpiffeId? identity)
    {
        var party = workload is not null ? PartyDescription.Of(workload) : told ?? PartyDescription.Unknown;
        return party.ToPeer(identity);
    }
}
