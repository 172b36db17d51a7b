using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ambient.ControlPlane.Authority;

/// <summary>
/// An authority's certificate and key, the certificates between it and the roots, and the roots. Immutable: a rotation makes
/// another one.
/// </summary>
internal sealed class Issuer
{
    private Issuer(X509Certificate2 certificate, IssuerKey key, IReadOnlyList<X509Certificate2> intermediates, IReadOnlyList<X509Certificate2> roots)
    {
        Certificate = certificate;
        Key = key;
        Intermediates = intermediates;
        Roots = roots;
        RootsPem = string.Concat(roots.Select(Pem));
    }

    /// <summary>The certificate that signs.</summary>
    public X509Certificate2 Certificate { get; }

    public IssuerKey Key { get; }

    /// <summary>What a leaf is sent with, the signer first; empty where the signer is a root.</summary>
    public IReadOnlyList<X509Certificate2> Intermediates { get; }

    public IReadOnlyList<X509Certificate2> Roots { get; }

    /// <summary>All roots, one after the other.</summary>
    public string RootsPem { get; }

    /// <summary>When the first of the roots ends.</summary>
    public DateTimeOffset RootsNotAfter => Roots.Min(root => new DateTimeOffset(root.NotAfter.ToUniversalTime()));

    public DateTimeOffset NotBefore => new(Certificate.NotBefore.ToUniversalTime());

    public DateTimeOffset NotAfter => new(Certificate.NotAfter.ToUniversalTime());

    /// <summary>A certificate in PEM, with the line's end that concatenation needs.</summary>
    public static string Pem(X509Certificate2 certificate) => certificate.ExportCertificatePem() + "\n";

    /// <summary>Makes an issuer whose certificate is its own root.</summary>
    public static Issuer SelfSigned(IssuerKey key, string organization, DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        var name = new X500DistinguishedNameBuilder();
        name.AddOrganizationName(organization);
        var request = new CertificateRequest(name.Build(), key.PublicKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(key.PublicKey, critical: false));
        var certificate = key.Sign(request, name.Build(), notBefore, notAfter);
        return new Issuer(certificate, key, [], [certificate]);
    }

    /// <summary>Puts an issuer together from PEM texts.</summary>
    /// <param name="certificatePem">The signer.</param>
    /// <param name="keyPem">Its key.</param>
    /// <param name="chainPem">Further certificates; the signer and roots among them are passed over.</param>
    /// <param name="rootsPem">The roots; empty where the signer is the only one.</param>
    /// <exception cref="CryptographicException">Something does not fit; the message says what.</exception>
    public static Issuer FromPem(string certificatePem, string keyPem, string chainPem, string rootsPem)
    {
        var certificate = Read(certificatePem, "the CA certificate").FirstOrDefault()
            ?? throw new CryptographicException("the CA certificate holds no certificate");
        if (certificate.Extensions.OfType<X509BasicConstraintsExtension>().FirstOrDefault() is not { CertificateAuthority: true })
        {
            throw new CryptographicException($"the CA certificate '{certificate.Subject}' may not sign: its basic constraints do not say CA:TRUE");
        }

        var key = IssuerKey.FromPem(keyPem);
        if (!key.Fits(certificate))
        {
            throw new CryptographicException("the CA key does not belong to the CA certificate");
        }

        var roots = string.IsNullOrWhiteSpace(rootsPem) ? [certificate] : Read(rootsPem, "the root certificates");
        if (roots.Count == 0)
        {
            throw new CryptographicException("the root certificates hold no certificate");
        }

        var rootIds = roots.Select(root => root.Thumbprint).ToHashSet();
        X509Certificate2[] intermediates =
        [
            .. ((IEnumerable<X509Certificate2>)[certificate, .. Read(chainPem, "the certificate chain")])
                .Where(link => !rootIds.Contains(link.Thumbprint))
                .DistinctBy(link => link.Thumbprint),
        ];
        return new Issuer(certificate, key, intermediates, roots);
    }

    private static List<X509Certificate2> Read(string pem, string what)
    {
        var collection = new X509Certificate2Collection();
        try
        {
            collection.ImportFromPem(pem);
        }
        catch (CryptographicException error)
        {
            throw new CryptographicException($"{what} cannot be read: {error.Message}");
        }

        return [.. collection];
    }
}
