using Microsoft.Extensions.Logging;

namespace Ambient.ApiServer;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Error, "{Method} {Path} failed; this is a defect of the API server.")]
    public static partial void RequestFailed(ILogger logger, string method, string path, Exception error);

    [LoggerMessage(2, LogLevel.Warning, "{Command} in {Namespace}/{Pod} failed.")]
    public static partial void ExecFailed(ILogger logger, string command, string @namespace, string pod, Exception error);
}
