using System.IO.Compression;
using Ambient.Telemetry.Metrics;
using Microsoft.AspNetCore.Http;
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
    public static async Task AnswerAsync(HttpContext context, MetricRegistry registry)
    {
        var openMetrics = Accepts(context.Request.Headers.Accept.ToString(), "application/openmetrics-text");
        context.Response.ContentType = openMetrics
            ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
            : "text/plain; version=0.0.4; charset=utf-8";
        context.Response.Headers.Vary = "Accept, Accept-Encoding";
        var compress = Accepts(context.Request.Headers.AcceptEncoding.ToString(), "gzip");
        if (compress)
        {
            context.Response.Headers.ContentEncoding = "gzip";
        }

        if (context.Request.Method == "HEAD")
        {
            return;
        }

        var format = openMetrics ? ExpositionFormat.OpenMetrics : ExpositionFormat.PrometheusText;
        if (!compress)
        {
            await registry.WriteAsync(context.Response.Body, format, context.RequestAborted);
            return;
        }

        await using var gzip = new GZipStream(context.Response.Body, CompressionLevel.Fastest);
        await registry.WriteAsync(gzip, format, context.RequestAborted);
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
