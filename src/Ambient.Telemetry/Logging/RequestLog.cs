using Microsoft.Extensions.Logging;

namespace Ambient.Telemetry.Logging;

/// <summary>The log of requests, scope <c>access</c>: one line when a request ended.</summary>
public sealed class RequestLog(ILoggerFactory loggers)
{
    private readonly ILogger _logger = loggers.CreateLogger("access");

    /// <summary>Whether requests that went well are written; look before making an entry.</summary>
    public bool WritesCompleted => _logger.IsEnabled(LogLevel.Information);

    /// <summary>Whether requests that this proxy refused or could not carry are written.</summary>
    public bool WritesFailed => _logger.IsEnabled(LogLevel.Warning);

    /// <summary>A request ended: a warning if <see cref="RequestLogEntry.Error"/> is set.</summary>
    public void Completed(RequestLogEntry entry)
    {
        var level = entry.Error is null ? LogLevel.Information : LogLevel.Warning;
        if (_logger.IsEnabled(level))
        {
            _logger.Log(level, default, entry, null, static (_, _) => "request complete");
        }
    }
}
