using Microsoft.Extensions.Logging;

namespace Ambient.Waypoint;

/// <summary>What the waypoint logs besides connections and requests.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "waypoint {Version} of Gateway {Gateway} starts as {Identity}: {Threads} data-plane threads")]
    public static partial void Starting(ILogger logger, string version, string gateway, string identity, int threads);

    [LoggerMessage(2, LogLevel.Information, "draining: no new connections, open ones have {Deadline} to end")]
    public static partial void Draining(ILogger logger, TimeSpan deadline);

    [LoggerMessage(3, LogLevel.Information, "stopped")]
    public static partial void Stopped(ILogger logger);

    [LoggerMessage(4, LogLevel.Critical, "the data plane failed")]
    public static partial void LoopFailed(ILogger logger, Exception failure);

    [LoggerMessage(5, LogLevel.Error, "a connection failed unexpectedly")]
    public static partial void ServingFailed(ILogger logger, Exception failure);

    [LoggerMessage(6, LogLevel.Warning, "no certificate for {Identity} yet: {Reason}; trying again")]
    public static partial void NoCertificate(ILogger logger, string identity, string reason);

    [LoggerMessage(7, LogLevel.Information, "ready: routes, policies and certificate are here")]
    public static partial void Ready(ILogger logger);
}
