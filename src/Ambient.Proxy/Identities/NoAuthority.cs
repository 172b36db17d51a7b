using Ambient.Api;
using Ambient.Identity.Certificates;

namespace Ambient.Proxy.Identities;

/// <summary>Stands where no certificate authority is configured: plaintext works, tunnels say what is missing.</summary>
public sealed class NoAuthority : ICertificateAuthority
{
    /// <inheritdoc/>
    public Task<WorkloadCertificate> IssueAsync(SpiffeId identity, CancellationToken cancellation) =>
        Task.FromException<WorkloadCertificate>(new CertificateException(
            $"no certificate authority is configured for {identity}; set CA_ADDRESS"));
}
