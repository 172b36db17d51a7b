using System.Net;
using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "following {Server} as cluster {Cluster}, trust domain {TrustDomain}; serving at {EndPoint}")]
    public static partial void Started(ILogger logger, Uri server, string cluster, string trustDomain, IPEndPoint endPoint);

    [LoggerMessage(2, LogLevel.Warning, "the API server cannot be used yet, trying again in {Pause}: {Reason}")]
    public static partial void Waiting(ILogger logger, TimeSpan pause, string reason);

    [LoggerMessage(3, LogLevel.Information, "stopping")]
    public static partial void Stopping(ILogger logger);
}
