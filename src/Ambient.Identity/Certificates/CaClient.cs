using System.Security.Cryptography;
using Ambient.Api;
using Ambient.Api.Certificates;
using Ambient.Identity.OpenSsl;
using Ambient.Identity.Tls;
using Ambient.Xds.Grpc;
using Google.Protobuf.WellKnownTypes;

namespace Ambient.Identity.Certificates;

/// <summary>
/// Asks Istio's certificate service (<c>istio.v1.auth.IstioCertificateService</c>). A fresh key for each request, which never leaves
/// the process.
/// </summary>
/// <param name="channel">To the CA, with the caller's token and cluster in its metadata; not disposed here.</param>
/// <param name="validity">The lifetime to ask for (<c>SECRET_TTL</c>, a day by default); the CA may give less.</param>
/// <param name="impersonate">
/// Whether the caller is a node proxy that asks for the workloads of its node: the CA then has to be told for whom, and its
/// answer has to be for them.
/// </param>
/// <param name="time">The clock that the answer's validity is checked against.</param>
/// <param name="tls">For the connections that are made with the certificates; the defaults if null.</param>
public sealed class CaClient(GrpcChannel channel, TimeSpan validity, bool impersonate, TimeProvider time, TlsOptions? tls = null)
    : ICertificateAuthority
{
    /// <summary>A signature takes milliseconds; a CA that needs longer than this is as good as down, and trying again may reach another.</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public async Task<WorkloadCertificate> IssueAsync(SpiffeId identity, CancellationToken cancellation)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new IstioCertificateRequest
        {
            Csr = CertificateSigningRequest.Create(key, identity),
            ValidityDuration = (long)validity.TotalSeconds,
        };
        if (impersonate)
        {
            request.Metadata = new Struct
            {
                Fields = { ["ImpersonatedIdentity"] = Value.ForString(identity.ToString()) },
            };
        }

        IstioCertificateResponse response;
        try
        {
            response = await channel.UnaryAsync(GrpcMethods.CreateCertificate, request, Timeout, cancellation);
        }
        catch (Exception exception) when (exception is GrpcException or IOException)
        {
            throw new CertificateException($"the CA at {channel.Address} gave no certificate for {identity}: {exception.Message}", exception);
        }

        return Accept(identity, response, key);
    }

    private WorkloadCertificate Accept(SpiffeId identity, IstioCertificateResponse response, ECDsa key)
    {
        WorkloadCertificate certificate;
        try
        {
            using var privateKey = PrivateKey.Copy(key);
            certificate = WorkloadCertificate.Create(response.CertChain, privateKey, tls);
        }
        catch (Exception exception) when (exception is InvalidDataException or OpenSslException or CryptographicException)
        {
            throw new CertificateException(
                $"the CA at {channel.Address} answered the request for {identity} with something that is no use: {exception.Message}", exception);
        }

        var complaint = impersonate && certificate.Identity != identity
            ? $"with a certificate for {certificate.Identity}"
            : certificate.NotAfter <= time.GetUtcNow()
                ? $"with a certificate that expired at {certificate.NotAfter:u}: compare the clocks of this node and the CA's"
                : null;
        if (complaint is null)
        {
            return certificate;
        }

        certificate.Dispose();
        throw new CertificateException($"the CA at {channel.Address} answered the request for {identity} {complaint}");
    }
}
