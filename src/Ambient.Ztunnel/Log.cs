using System.Net;
using Microsoft.Extensions.Logging;

namespace Ambient.Ztunnel;

/// <summary>What the node proxy logs besides connections.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "ztunnel {Version} starts: {Mode} proxy, {Threads} data-plane threads")]
    public static partial void Starting(ILogger logger, string version, string mode, int threads);

    [LoggerMessage(2, LogLevel.Information, "draining: no new connections, open ones have {Deadline} to end")]
    public static partial void Draining(ILogger logger, TimeSpan deadline);

    [LoggerMessage(3, LogLevel.Information, "stopped")]
    public static partial void Stopped(ILogger logger);

    [LoggerMessage(4, LogLevel.Information, "read {Workloads} workloads, {Services} services and {Policies} policies from {Source}")]
    public static partial void LocalMesh(ILogger logger, int workloads, int services, int policies, string source);

    [LoggerMessage(EventId = 5, Message = "policy check of a connection from {Source} to {Workload} port {Port}: {Outcome}")]
    public static partial void DryRun(ILogger logger, LogLevel level, string workload, IPAddress source, int port, string outcome);

    [LoggerMessage(6, LogLevel.Warning, "listener on port {Port} of pod {Uid}: {Reason}")]
    public static partial void ListenerTrouble(ILogger logger, int port, string uid, string reason);

    [LoggerMessage(7, LogLevel.Error, "a connection of pod {Uid} failed unexpectedly")]
    public static partial void ServingFailed(ILogger logger, Exception failure, string uid);

    [LoggerMessage(9, LogLevel.Information, "pod {Uid} ({Workload}) is proxied in {Namespace}")]
    public static partial void PodStarted(ILogger logger, string uid, string workload, string @namespace);

    [LoggerMessage(10, LogLevel.Information, "pod {Uid} is no longer proxied")]
    public static partial void PodStopped(ILogger logger, string uid);

    [LoggerMessage(11, LogLevel.Warning, "pod {Uid} cannot be proxied yet: {Reason}")]
    public static partial void PodPending(ILogger logger, string uid, string reason);

    [LoggerMessage(12, LogLevel.Information, "connected to the node agent at {Path}")]
    public static partial void AgentConnected(ILogger logger, string path);

    [LoggerMessage(13, LogLevel.Warning, "the node agent cannot be reached: {Reason}; trying again")]
    public static partial void AgentUnreachable(ILogger logger, string reason);

    [LoggerMessage(14, LogLevel.Warning, "the connection to the node agent ended: {Reason}")]
    public static partial void AgentLost(ILogger logger, string reason);

    [LoggerMessage(15, LogLevel.Information, "the node agent has told of all its pods: {Pods}")]
    public static partial void SnapshotComplete(ILogger logger, int pods);

    [LoggerMessage(16, LogLevel.Warning, "refused a message of the node agent: {Reason}")]
    public static partial void AgentRefused(ILogger logger, string reason);

    [LoggerMessage(17, LogLevel.Critical, "the data plane failed")]
    public static partial void LoopFailed(ILogger logger, Exception failure);
}
