using Microsoft.Extensions.Logging;

namespace Ambient.Xds.Delta;

internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Information, Message = "stream of {Node} at {Peer} opened")]
    public static partial void StreamOpened(ILogger logger, string node, string peer);

    [LoggerMessage(Level = LogLevel.Information, Message = "stream of {Node} at {Peer} closed")]
    public static partial void StreamClosed(ILogger logger, string node, string peer);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Node} asks for type {Type}, which is not served; ignored")]
    public static partial void UnknownType(ILogger logger, string node, string type);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Node} refused {Type}: {Reason}")]
    public static partial void Rejected(ILogger logger, string node, string type, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "push to {Node}: {Type}, {Updates} resources, {Removals} removals")]
    public static partial void Pushed(ILogger logger, string node, string type, int updates, int removals);

    [LoggerMessage(Level = LogLevel.Information, Message = "stream to {Server} opened")]
    public static partial void Connected(ILogger logger, Uri server);

    [LoggerMessage(Level = LogLevel.Information, Message = "stream to {Server} ended, connecting again: {Reason}")]
    public static partial void Reconnecting(ILogger logger, Uri server, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "stream to {Server} failed, connecting again in {Delay}: {Reason}")]
    public static partial void Failed(ILogger logger, Uri server, TimeSpan delay, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "received {Type}: {Updates} resources, {Removals} removals, {Bytes} bytes")]
    public static partial void Received(ILogger logger, string type, int updates, int removals, int bytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "refused of {Type}: {Rejections}; the rest is in force")]
    public static partial void Refused(ILogger logger, string type, string rejections);

    [LoggerMessage(Level = LogLevel.Warning, Message = "received {Type}, for which nobody asked; accepted and dropped")]
    public static partial void Unasked(ILogger logger, string type);

    [LoggerMessage(Level = LogLevel.Error, Message = "applying {Type} failed; the whole response is refused")]
    public static partial void ApplyFailed(ILogger logger, Exception failure, string type);
}
