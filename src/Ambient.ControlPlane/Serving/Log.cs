using System.Net;
using Ambient.ControlPlane.Authority;
using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane.Serving;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "read the cluster: {Addresses} workloads and services, {Policies} policies")]
    public static partial void Synced(ILogger logger, int addresses, int policies);

    [LoggerMessage(2, LogLevel.Debug, "published {Addresses} addresses and {Authorizations} authorizations after {Derivations} derivations")]
    public static partial void Published(ILogger logger, int addresses, int authorizations, int derivations);

    [LoggerMessage(3, LogLevel.Warning, "{Kind} {Key} is not in force as it stands: {Problems}; {Consequence}")]
    public static partial void PolicyInvalid(ILogger logger, string kind, string key, string problems, string consequence);

    [LoggerMessage(4, LogLevel.Warning, "refused the node {Node} to {Caller} at {Peer}: {Reason}")]
    public static partial void NodeRefused(ILogger logger, string node, Caller caller, IPEndPoint peer, string reason);

    [LoggerMessage(5, LogLevel.Error, "{Key} could not be derived; what was derived from it before stays in force")]
    public static partial void DerivationFailed(ILogger logger, string key, Exception error);
}
