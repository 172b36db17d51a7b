using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ambient.Api;
using Ambient.Identity.Certificates;

namespace Ambient.Ztunnel.Tests.Support;

/// <summary>A certificate authority in the test: real keys, real certificates, no network.</summary>
internal sealed class TestAuthority : ICertificateAuthority, IDisposable
{
    private readonly X509Certificate2 _root;

    public TestAuthority()
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("O=test", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        _root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(2));
    }

    /// <summary>The identities that were asked for, in order.</summary>
    public System.Collections.Concurrent.ConcurrentQueue<SpiffeId> Issued { get; } = new();

    public Task<WorkloadCertificate> IssueAsync(SpiffeId identity, CancellationToken cancellation)
    {
        Issued.Enqueue(identity);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var leaf = Sign(identity, key);
        using var privateKey = PrivateKey.Copy(key);
        return Task.FromResult(WorkloadCertificate.Create([leaf.ExportCertificatePem(), _root.ExportCertificatePem()], privateKey));
    }

    /// <summary>A certificate for a peer that is not ours: leaf, key and root in PEM.</summary>
    public (string Certificate, string Key, string Root) IssuePem(SpiffeId identity)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var leaf = Sign(identity, key);
        return (leaf.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem(), _root.ExportCertificatePem());
    }

    public void Dispose() => _root.Dispose();

    private X509Certificate2 Sign(SpiffeId identity, ECDsa key)
    {
        var request = new CertificateRequest("", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri(identity.ToString()));
        request.CertificateExtensions.Add(names.Build(critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        return request.Create(_root, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddDays(1), RandomNumberGenerator.GetBytes(16));
    }
}
