using Microsoft.Extensions.Logging;

namespace Ambient.Telemetry.Servers;

internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Error, Message = "page {Path} of the {Server} server failed")]
    public static partial void PageFailed(ILogger logger, Exception failure, string server, string path);

    [LoggerMessage(Level = LogLevel.Information, Message = "log filter is now {Filter}")]
    public static partial void FilterChanged(ILogger logger, string filter);
}
