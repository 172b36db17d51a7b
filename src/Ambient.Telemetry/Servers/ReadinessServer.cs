using Microsoft.Extensions.Logging;

namespace Ambient.Telemetry.Servers;

/// <summary>The server that the kubelet's probe asks, port 15021: <c>/healthz/ready</c>.</summary>
public static class ReadinessServer
{
    /// <summary>A server of this readiness that does not listen yet.</summary>
    public static PageServer Create(Readiness readiness, ListenAddress address, ILoggerFactory loggers) =>
        new PageServer("readiness", address, loggers).Get("/healthz/ready", "whether this process is ready", context => AnswerAsync(context, readiness));

    /// <summary>Answers 200, or 500 with what is pending.</summary>
    public static Task AnswerAsync(PageContext context, Readiness readiness) => readiness.Pending is { Count: > 0 } pending
        ? PageServer.AnswerAsync(context, 500, $"not ready, pending: {string.Join(", ", pending)}\n")
        : PageServer.AnswerAsync(context, 200, "ready\n");
}
