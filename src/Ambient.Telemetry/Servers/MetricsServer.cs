using System.IO.Compression;
using Ambient.Telemetry.Metrics;
using Microsoft.Extensions.Logging;

namespace Ambient.Telemetry.Servers;

/// <summary>The server that scrapers ask, port 15020: <c>/metrics</c> and <c>/stats/prometheus</c>.</summary>
public static class MetricsServer
{
    /// <summary>A server of these metrics that does not listen yet; more pages can be added.</summary>
    public static PageServer Create(MetricRegistry registry, ListenAddress address, ILoggerFactory loggers)
    {
        var server = new PageServer("metrics", address, loggers);
        server.Get("/metrics", "metrics of this process", context => AnswerAsync(context, registry));
        server.Get("/stats/prometheus", "the same", context => AnswerAsync(context, registry));
        return server;
    }

    /// <summary>Answers a scrape in the format and encoding that it accepts.</summary>
    public static async Task AnswerAsync(PageContext context, MetricRegistry registry)
    {
        var openMetrics = Accepts(context.Header("Accept"), "application/openmetrics-text");
        var compress = Accepts(context.Header("Accept-Encoding"), "gzip");
        context.SetHeader("Vary", "Accept, Accept-Encoding");
        if (compress)
        {
            context.SetHeader("Content-Encoding", "gzip");
        }

        if (await context.BeginAsync(openMetrics
            ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
            : "text/plain; version=0.0.4; charset=utf-8") is not { } body)
        {
            return;
        }

        var format = openMetrics ? ExpositionFormat.OpenMetrics : ExpositionFormat.PrometheusText;
        if (!compress)
        {
            await registry.WriteAsync(body, format, context.Aborted);
            return;
        }

        await using var gzip = new GZipStream(body, CompressionLevel.Fastest, leaveOpen: true);
        await registry.WriteAsync(gzip, format, context.Aborted);
    }

    /// <summary>Whether a list such as <c>gzip;q=0.5, br</c> names something, and not with weight zero.</summary>
    private static bool Accepts(string header, string wanted)
    {
        foreach (var entry in header.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var parts = entry.Split(';', StringSplitOptions.TrimEntries);
            if (parts[0].Equals(wanted, StringComparison.OrdinalIgnoreCase))
            {
                return !parts.Skip(1).Any(part => part is "q=0" or "q=0." or "q=0.0" or "q=0.00" or "q=0.000");
            }
        }

        return false;
    }
}
