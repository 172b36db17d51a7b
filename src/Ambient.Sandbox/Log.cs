using System.Net.Sockets;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox;

/// <summary>What the sandbox reports about itself.</summary>
internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Debug, Message = "DNS answer could not be exchanged: {Error}")]
    public static partial void DnsFailed(ILogger logger, SocketError error);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Node}: pod {Namespace}/{Pod} started")]
    public static partial void PodStarted(ILogger logger, string node, string? @namespace, string pod);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Node}: pod {Namespace}/{Pod} ended")]
    public static partial void PodEnded(ILogger logger, string node, string? @namespace, string pod);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Node}: pod {Namespace}/{Pod} cannot start yet: {Reason}")]
    public static partial void PodNotStarted(ILogger logger, string node, string? @namespace, string pod, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Node}: container {Container} of pod {Namespace}/{Pod} ended with {ExitCode}")]
    public static partial void ContainerEnded(ILogger logger, string node, string? @namespace, string pod, string container, int exitCode);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Area} failed and is tried again: {Reason}")]
    public static partial void Retrying(ILogger logger, string area, string reason);
}
