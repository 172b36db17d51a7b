using Ambient.Api;
using Ambient.Api.Certificates;
using Ambient.Xds.Grpc;
using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane.Authority;

/// <summary>
/// <c>istio.v1.auth.IstioCertificateService/CreateCertificate</c>: who calls is read from the token, for whom the certificate
/// is from the caller or, for a node proxy, from the identity it names and may have.
/// </summary>
internal sealed class CertificateService(
    CertificateAuthority authority, TokenAuthenticator authenticator, NodeAuthorizer nodes, AuthorityMetrics metrics, ILogger logger)
{
    private const string Impersonated = "ImpersonatedIdentity";

    public async Task<IstioCertificateResponse> CreateAsync(IstioCertificateRequest request, ServerCallContext context)
    {
        metrics.Requests.Add();
        var caller = await AuthenticateAsync(context);
        var identity = IdentityFor(caller, request, context);
        try
        {
            var chain = authority.Sign(request.Csr, identity, TimeSpan.FromSeconds(Math.Clamp(request.ValidityDuration, 0, int.MaxValue)));
            metrics.Issued.Add();
            Log.CertificateIssued(logger, identity, caller, context.Peer);
            return new IstioCertificateResponse { CertChain = { chain } };
        }
        catch (SigningException error)
        {
            (error.Failure == SigningFailure.BadRequest ? metrics.ParsingFailures : metrics.SigningFailures).Add();
            Log.CertificateRefused(logger, identity, caller, context.Peer, error.Message);
            throw error.Failure == SigningFailure.NotAble
                ? new GrpcException(GrpcStatus.Internal, "the certificate authority cannot sign now; its log says why")
                : new GrpcException(GrpcStatus.InvalidArgument, error.Message);
        }
    }

    private async Task<Caller> AuthenticateAsync(ServerCallContext context)
    {
        try
        {
            return await authenticator.AuthenticateAsync(context);
        }
        catch (GrpcException)
        {
            metrics.AuthenticationFailures.Add();
            throw;
        }
    }

    private SpiffeId IdentityFor(Caller caller, IstioCertificateRequest request, ServerCallContext context)
    {
        var requested = request.Metadata?.Fields.TryGetValue(Impersonated, out var value) == true ? value.StringValue : "";
        if (requested.Length == 0)
        {
            return caller.Identity;
        }

        var refusal = SpiffeId.TryParse(requested, out var identity)
            ? nodes.Refusal(caller, identity)
            : $"'{requested}' is not spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT";
        if (refusal is null)
        {
            // The trust domain is ours to say, not the caller's.
            return identity with { TrustDomain = caller.Identity.TrustDomain };
        }

        metrics.IdentityFailures.Add();
        Log.ImpersonationRefused(logger, requested, caller, context.Peer, refusal);
        throw new GrpcException(GrpcStatus.Unauthenticated, "request impersonation authentication failure");
    }
}
