using System.Globalization;

namespace Ambient.Telemetry.Metrics;

/// <summary>What every program of the mesh says about itself.</summary>
public static class ProcessMetrics
{
    /// <summary>
    /// Registers <c>process_open_fds</c>, <c>process_max_fds</c> and <c>istio_build</c>; <paramref name="tag"/> is the version.
    /// </summary>
    public static void Register(MetricRegistry registry, string component, string tag)
    {
        registry.ObservedGauge("process_open_fds", "File descriptors that are open", CountDescriptors);
        registry.ObservedGauge("process_max_fds", "File descriptors that may be open", ReadDescriptorLimit);
        var build = registry.Gauge(
            "istio_build", "What is running, as labels", new FamilyOptions { Labels = ["component", "tag"] });
        build.With(component, tag).Set(1);
    }

    /// <summary>The descriptor that lists the folder is among them and is left out.</summary>
    private static double CountDescriptors() => Directory.EnumerateFileSystemEntries("/proc/self/fd").Count() - 1;

    private static double ReadDescriptorLimit()
    {
        const string Row = "Max open files";
        var line = File.ReadLines("/proc/self/limits").First(line => line.StartsWith(Row, StringComparison.Ordinal));
        var soft = line[Row.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        return soft == "unlimited" ? double.PositiveInfinity : double.Parse(soft, CultureInfo.InvariantCulture);
    }
}
