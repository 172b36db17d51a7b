using Microsoft.Extensions.Logging;

namespace Ambient.Telemetry.Logging;

/// <summary>The words for levels in log lines and filters.</summary>
internal static class LogLevels
{
    public const string Names = "off, error, warn, info, debug, trace";

    public static LogLevel? Parse(string word) => word.ToLowerInvariant() switch
    {
        "off" => LogLevel.None,
        "error" => LogLevel.Error,
        "warn" or "warning" => LogLevel.Warning,
        "info" => LogLevel.Information,
        "debug" => LogLevel.Debug,
        "trace" => LogLevel.Trace,
        _ => null,
    };

    public static string NameOf(LogLevel level) => level switch
    {
        LogLevel.None => "off",
        LogLevel.Critical or LogLevel.Error => "error",
        LogLevel.Warning => "warn",
        LogLevel.Information => "info",
        LogLevel.Debug => "debug",
        _ => "trace",
    };
}
