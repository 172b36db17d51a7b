using Microsoft.Extensions.Logging;

namespace Ambient.Telemetry.Logging;

/// <summary>The log of connections, scope <c>access</c>: one line when a connection ended, one at debug level when it began.</summary>
public sealed class AccessLog(ILoggerFactory loggers)
{
    private readonly ILogger _logger = loggers.CreateLogger("access");

    /// <summary>Whether <see cref="Opened"/> writes anything.</summary>
    public bool WritesOpened => _logger.IsEnabled(LogLevel.Debug);

    /// <summary>A connection began.</summary>
    public void Opened(AccessLogEntry entry) => Write(LogLevel.Debug, entry, static (_, _) => "connection opened");

    /// <summary>A connection ended: an error if <see cref="AccessLogEntry.Error"/> is set.</summary>
    public void Completed(AccessLogEntry entry) =>
        Write(entry.Error is null ? LogLevel.Information : LogLevel.Error, entry, static (_, _) => "connection complete");

    /// <summary>A connection was refused before it was known who talks to whom.</summary>
    public void Failed(AccessLogEntry entry) => Write(LogLevel.Warning, entry, static (_, _) => "connection failed");

    private void Write(LogLevel level, AccessLogEntry entry, Func<AccessLogEntry, Exception?, string> message)
    {
        if (_logger.IsEnabled(level))
        {
            _logger.Log(level, default, entry, null, message);
        }
    }
}
