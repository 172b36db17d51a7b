using System.Net;
using Ambient.Api;
using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane.Authority;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "made a certificate authority: {Subject}, valid until {NotAfter:u}")]
    public static partial void AuthorityCreated(ILogger logger, string subject, DateTimeOffset notAfter);

    [LoggerMessage(2, LogLevel.Information, "the certificate authority has changed: {Subject}, valid until {NotAfter:u}")]
    public static partial void AuthorityChanged(ILogger logger, string subject, DateTimeOffset notAfter);

    [LoggerMessage(3, LogLevel.Error, "the certificate authority cannot be read anew; the last good one stays in use")]
    public static partial void AuthorityUnreadable(ILogger logger, Exception error);

    [LoggerMessage(4, LogLevel.Information, "another replica wrote the certificate authority first: {Reason}")]
    public static partial void AuthorityRace(ILogger logger, string reason);

    [LoggerMessage(5, LogLevel.Warning, "refused the caller {Peer}: {Reason}")]
    public static partial void CallerRefused(ILogger logger, IPEndPoint peer, string reason);

    [LoggerMessage(6, LogLevel.Warning, "the token of {Peer} cannot be checked")]
    public static partial void ReviewFailed(ILogger logger, IPEndPoint peer, Exception error);

    [LoggerMessage(7, LogLevel.Information, "issued a certificate for {Identity} to {Caller} at {Peer}")]
    public static partial void CertificateIssued(ILogger logger, SpiffeId identity, Caller caller, IPEndPoint peer);

    [LoggerMessage(8, LogLevel.Warning, "did not sign for {Identity}, asked by {Caller} at {Peer}: {Reason}")]
    public static partial void CertificateRefused(ILogger logger, SpiffeId identity, Caller caller, IPEndPoint peer, string reason);

    [LoggerMessage(9, LogLevel.Warning, "refused a certificate for {Requested} to {Caller} at {Peer}: {Reason}")]
    public static partial void ImpersonationRefused(ILogger logger, string requested, Caller caller, IPEndPoint peer, string reason);
}
