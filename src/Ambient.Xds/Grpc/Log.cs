using Microsoft.Extensions.Logging;

namespace Ambient.Xds.Grpc;

internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Error, Message = "gRPC method {Path} failed")]
    public static partial void HandlerFailed(ILogger logger, Exception failure, string path);
}
