using Ambient.Telemetry.Metrics;

namespace Ambient.ControlPlane.Serving;

/// <summary>What the control plane measures of itself, by the names that dashboards of Istio know where there are any.</summary>
internal sealed class FeedMetrics
{
    /// <summary>Seconds; the last bound is that of the longest gathering that can be configured with sense.</summary>
    private static readonly double[] Bounds = [0.01, 0.03, 0.1, 0.3, 1, 3, 10];

    public FeedMetrics(MetricRegistry registry, string version, TimeProvider time)
    {
        var started = time.GetTimestamp();
        registry.ObservedGauge("istiod_uptime_seconds", "Seconds since the start", () => time.GetElapsedTime(started).TotalSeconds);
        registry.Gauge("pilot_info", "The version", new FamilyOptions { Labels = ["version"] }).With(version).Set(1);
        Services = registry.Gauge("pilot_services", "Services that proxies know").Single;
        Derivations = registry.Counter("ambient_derivations", "Resources derived anew").Single;
        Gathering = registry.Histogram("pilot_debounce_time", "Seconds from the first change of a burst to its publication", Bounds).Single;
    }

    public Gauge Services { get; }

    public Counter Derivations { get; }

    public Histogram Gathering { get; }
}
