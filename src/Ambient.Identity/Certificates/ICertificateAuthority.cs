using Ambient.Api;

namespace Ambient.Identity.Certificates;

/// <summary>Issues certificates: the mesh's CA, or a test's.</summary>
public interface ICertificateAuthority
{
    /// <summary>Makes a key, has it certified for an identity, and checks what came back.</summary>
    /// <exception cref="CertificateException">The CA refused, could not be reached, or answered with something else.</exception>
    Task<WorkloadCertificate> IssueAsync(SpiffeId identity, CancellationToken cancellation);
}

/// <summary>There is no certificate for an identity. The message says why and where to look.</summary>
public sealed class CertificateException(string message, Exception? inner = null) : IOException(message, inner);
