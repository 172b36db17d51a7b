using Ambient.Hbone;
using Ambient.Http;
using Ambient.Mesh.Http;
using Ambient.Mesh.State;
using Ambient.Waypoint.Requests.Upstreams;

namespace Ambient.Waypoint.Requests;

/// <summary>What the request paths of all loops share.</summary>
/// <param name="Mesh">Workloads and services.</param>
/// <param name="Waypoint">Routes, traffic policies and authorization.</param>
/// <param name="Telemetry">Where requests are reported.</param>
/// <param name="Settings">Limits.</param>
internal sealed record RequestPlane(MeshStore Mesh, WaypointStore Waypoint, RequestTelemetry Telemetry, RequestSettings Settings)
{
    private int _loops;

    /// <summary>What requests are sent to.</summary>
    public UpstreamTable Upstreams { get; } = new(Settings.Loops);

    /// <summary>A number for one more loop.</summary>
    internal int NextLoop()
    {
        var index = Interlocked.Increment(ref _loops) - 1;
        return index < Settings.Loops
            ? index
            : throw new InvalidOperationException($"Only {Settings.Loops} loops were announced ({nameof(RequestSettings)}.{nameof(RequestSettings.Loops)}).");
    }
}

/// <summary>Limits of the request path.</summary>
internal sealed record RequestSettings
{
    /// <summary>How many event loops have a request path.</summary>
    public required int Loops { get; init; }

    /// <summary>Memory that all HTTP/2 connections of the process share.</summary>
    public required ByteBudget Budget { get; init; }

    /// <summary>Of HTTP messages.</summary>
    public HttpLimits Http { get; init; } = new();

    /// <summary>Of HTTP/2 connections from clients: streams as Istio's waypoints allow, a window that keeps a stream's unread bytes small.</summary>
    public Http2Limits DownstreamHttp2 { get; init; } = Http2Limits.ForServer();

    /// <summary>Of HTTP/2 connections to endpoints.</summary>
    public Http2Limits UpstreamHttp2 { get; init; } = Http2Limits.ForClient();

    /// <summary>
    /// Bytes of a request's body that are kept in case it has to be sent again; a longer body is sent once. 64 KiB: what a hundred requests
    /// at once keep stays below 7 MB, and bodies that are retried in practice are calls of a few kilobytes.
    /// </summary>
    public int ReplayBytes { get; init; } = 64 * 1024;

    /// <summary>
    /// Copies of requests under way to mirrors, for each loop; beyond them no copy is made. A mirror that hangs costs so many requests' memory
    /// and no more.
    /// </summary>
    public int MostMirrored { get; init; } = 256;

    /// <summary>How long a copy may take; nobody waits for it. Istio's mirrors go by the route's time-out, which is often none.</summary>
    public TimeSpan MirrorTimeout { get; init; } = TimeSpan.FromSeconds(15);
}
