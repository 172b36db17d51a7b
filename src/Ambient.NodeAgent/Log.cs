using Microsoft.Extensions.Logging;

namespace Ambient.NodeAgent;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Waiting for ztunnel on {Path}")]
    public static partial void Listening(this ILogger logger, string path);

    [LoggerMessage(2, LogLevel.Information, "ztunnel connected")]
    public static partial void Connected(this ILogger logger);

    [LoggerMessage(3, LogLevel.Warning, "ztunnel disconnected: {Reason}")]
    public static partial void Disconnected(this ILogger logger, string reason);

    [LoggerMessage(4, LogLevel.Warning, "Pod {Namespace}/{Name} is not in the mesh: {Reason}")]
    public static partial void Refused(this ILogger logger, string @namespace, string name, string reason);

    [LoggerMessage(5, LogLevel.Information, "Waiting for the CNI plugin on {Path}")]
    public static partial void PluginListening(this ILogger logger, string path);

    [LoggerMessage(6, LogLevel.Warning, "Pod {Namespace}/{Name} cannot be enrolled yet: {Reason}")]
    public static partial void NotYet(this ILogger logger, string? @namespace, string name, string reason);

    [LoggerMessage(7, LogLevel.Information, "Pod {Namespace}/{Name}: redirection {Value}")]
    public static partial void Annotated(this ILogger logger, string? @namespace, string name, string value);

    [LoggerMessage(8, LogLevel.Information, "The recorded network namespace of pod {Namespace}/{Name} is not its own any more: {Reason}")]
    public static partial void RecordIsStale(this ILogger logger, string? @namespace, string name, string reason);

    [LoggerMessage(9, LogLevel.Information, "The CNI plugin is the last of {Path}")]
    public static partial void Installed(this ILogger logger, string path);

    [LoggerMessage(10, LogLevel.Information, "The CNI plugin is out of {Folder}")]
    public static partial void Uninstalled(this ILogger logger, string folder);

    [LoggerMessage(11, LogLevel.Warning, "No network configuration in {Folder} yet: pods cannot start captured until the cluster's network has written one")]
    public static partial void NoNetworkConfiguration(this ILogger logger, string folder);

    [LoggerMessage(12, LogLevel.Error, "The CNI plugin cannot be installed: {Reason}")]
    public static partial void InstallFailed(this ILogger logger, string reason);

    [LoggerMessage(13, LogLevel.Information, "Capturing pods of node {Node} with {Backend}")]
    public static partial void Started(this ILogger logger, string node, string backend);

    [LoggerMessage(14, LogLevel.Warning, "Pod {Namespace}/{Name} cannot be written to: {Reason}")]
    public static partial void ReportFailed(this ILogger logger, string? @namespace, string name, string reason);
}
