using Microsoft.Extensions.Logging;

namespace Ambient.Telemetry.Servers;

internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Error, Message = "page {Path} of the {Server} server failed")]
    public static partial void PageFailed(ILogger logger, Exception failure, string server, string path);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the {Server} server cannot take a connection: {Reason}; trying again")]
    public static partial void AcceptFailed(ILogger logger, string server, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "log filter is now {Filter}")]
    public static partial void FilterChanged(ILogger logger, string filter);
}
