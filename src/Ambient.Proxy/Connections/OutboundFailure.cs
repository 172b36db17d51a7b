using Ambient.Identity.Certificates;
using Ambient.Identity.Tls;
using Ambient.Linux;

namespace Ambient.Proxy.Connections;

/// <summary>Why an attempt to reach a peer failed, as metrics count it and the log tells it.</summary>
/// <param name="Failure">The class.</param>
/// <param name="Error">The words.</param>
/// <param name="AnotherMayDo">Another endpoint of the service may work: this one could not be reached, and no byte was sent.</param>
public readonly record struct OutboundFailure(ConnectionFailure Failure, string Error, bool AnotherMayDo)
{
    /// <summary>An exception of dialling or of the tunnel.</summary>
    public static OutboundFailure Of(Exception failure, bool hbone) => failure switch
    {
        TimeoutException when hbone => new(
            ConnectionFailure.NetworkPolicy,
            $"connection timed out, maybe a NetworkPolicy is blocking HBONE port 15008: {failure.Message}",
            true),
        TimeoutException or LinuxException => new(ConnectionFailure.Connect, $"connection failed: {failure.Message}", true),
        TlsException { Failure: TlsFailure.PeerCertificateRevoked } => new(ConnectionFailure.CertificateRevoked, failure.Message, false),
        TlsException => new(ConnectionFailure.Tls, failure.Message, false),
        CertificateException => new(ConnectionFailure.Identity, failure.Message, false),
        _ => new(ConnectionFailure.Connect, failure.Message, false),
    };
}
