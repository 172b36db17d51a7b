using Microsoft.Extensions.Logging;

namespace Ambient.Kubernetes;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Debug, "Listed {Count} {Plural} at version {Version}.")]
    public static partial void Listed(ILogger logger, string plural, int count, string version);

    [LoggerMessage(2, LogLevel.Warning, "Cannot list {Plural}; next try in {Pause}.")]
    public static partial void ListFailed(ILogger logger, string plural, TimeSpan pause, Exception error);

    [LoggerMessage(3, LogLevel.Debug, "The watch of {Plural} ended at version {Version}; going on from there.")]
    public static partial void WatchEnded(ILogger logger, string plural, string version);

    [LoggerMessage(4, LogLevel.Information, "The API server has forgotten version {Version} of {Plural}; listing again.")]
    public static partial void WatchExpired(ILogger logger, string plural, string version, Exception error);

    [LoggerMessage(5, LogLevel.Warning, "The watch of {Plural} failed at version {Version}; next try in {Pause}.")]
    public static partial void WatchFailed(ILogger logger, string plural, string version, TimeSpan pause, Exception error);

    [LoggerMessage(6, LogLevel.Error, "A handler of {Plural} failed on {Key}; this is a defect of the handler.")]
    public static partial void HandlerFailed(ILogger logger, string plural, ObjectKey key, Exception error);

    [LoggerMessage(7, LogLevel.Warning, "{Queue}: work on {Key} failed {Failures} times; next try in {Pause}.")]
    public static partial void WorkFailed(ILogger logger, string queue, string key, int failures, TimeSpan pause, Exception error);

    [LoggerMessage(8, LogLevel.Information, "{Identity} leads {Lease}.")]
    public static partial void Leading(ILogger logger, string identity, string lease);

    [LoggerMessage(9, LogLevel.Warning, "{Identity} no longer leads {Lease}.")]
    public static partial void NotLeading(ILogger logger, string identity, string lease);

    [LoggerMessage(10, LogLevel.Warning, "Cannot take or renew {Lease}.")]
    public static partial void LeaseFailed(ILogger logger, string lease, Exception error);

    [LoggerMessage(11, LogLevel.Debug, "The API server has no {Plural} of {Group}: there are none until somebody defines them.")]
    public static partial void KindMissing(ILogger logger, string plural, string group);
}
