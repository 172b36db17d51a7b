using System.Text;
using Ambient.Telemetry.Metrics;

namespace Ambient.Telemetry.Tests.Metrics;

internal static class Exposition
{
    public static async Task<string> TextAsync(this MetricRegistry registry, ExpositionFormat format = ExpositionFormat.OpenMetrics)
    {
        using var output = new MemoryStream();
        await registry.WriteAsync(output, format);
        return Encoding.UTF8.GetString(output.ToArray());
    }
}
