using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane.Waypoints;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "{Kind} {Key} has the name of what is deployed for Gateway {Gateway}, but somebody else made it: it stays as it is. Rename one of the two.")]
    public static partial void NotOurs(ILogger logger, string? kind, string key, string gateway);
}
