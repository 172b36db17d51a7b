using Ambient.Api;
using Microsoft.Extensions.Logging;

namespace Ambient.Identity.Certificates;

internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Debug, Message = "certificate of {Identity} issued, valid until {Until:u}, renewal due {Renewal:u}")]
    public static partial void Issued(ILogger logger, SpiffeId identity, DateTimeOffset until, DateTimeOffset renewal);

    [LoggerMessage(Level = LogLevel.Debug, Message = "certificate of {Identity} forgotten: its last workload on this node is gone")]
    public static partial void Forgotten(ILogger logger, SpiffeId identity);

    [LoggerMessage(Level = LogLevel.Warning, Message = "certificate of {Identity} could not be renewed: {Error}; the present one serves until {Until:u}, next attempt {Retry:u}")]
    public static partial void RenewalFailed(ILogger logger, SpiffeId identity, string error, DateTimeOffset until, DateTimeOffset retry);

    [LoggerMessage(Level = LogLevel.Error, Message = "no certificate for {Identity}, its connections fail: {Error}; next attempt {Retry:u}")]
    public static partial void RequestFailed(ILogger logger, SpiffeId identity, string error, DateTimeOffset retry);
}
