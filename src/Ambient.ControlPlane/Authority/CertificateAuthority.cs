using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ambient.Api;

namespace Ambient.ControlPlane.Authority;

/// <summary>Why a certificate was not made.</summary>
internal enum SigningFailure
{
    /// <summary>The request cannot be read, its signature is wrong, or its key is of a kind that is not signed.</summary>
    BadRequest,

    /// <summary>The lifetime asked for is longer than allowed.</summary>
    TooLong,

    /// <summary>The authority itself cannot sign now.</summary>
    NotAble,
}

/// <summary>A certificate was not made.</summary>
internal sealed class SigningException(SigningFailure failure, string message, Exception? inner = null) : Exception(message, inner)
{
    public SigningFailure Failure { get; } = failure;
}

/// <summary>How long certificates live.</summary>
internal sealed record CertificateLifetimes
{
    /// <summary>Where a request asks for none; Istio's default.</summary>
    public TimeSpan Default { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The longest that may be asked for; Istio's default.</summary>
    public TimeSpan Longest { get; init; } = TimeSpan.FromDays(90);

    /// <summary>Certificates are valid a little before they are made: clocks of nodes differ.</summary>
    public TimeSpan Backdating { get; init; } = TimeSpan.FromMinutes(2);
}

/// <summary>Signs certificates of workloads. Whom a certificate is for is the caller's decision; what a request says of it is not asked.</summary>
internal sealed class CertificateAuthority(Issuer issuer, CertificateLifetimes lifetimes, TimeProvider time)
{
    private const int SmallestRsaKey = 2048;
    private static readonly Asn1Tag UniformResourceIdentifier = new(TagClass.ContextSpecific, 6);
    private Issuer _issuer = issuer;

    /// <summary>Who signs now; setting it is a rotation, and takes effect with the next certificate.</summary>
    public Issuer Issuer
    {
        get => Volatile.Read(ref _issuer);
        set => Volatile.Write(ref _issuer, value);
    }

    /// <summary>Signs a PEM request for an identity; returns the leaf, each intermediate, and last all roots, in PEM.</summary>
    /// <exception cref="SigningException">It was not signed.</exception>
    public IReadOnlyList<string> Sign(string requestPem, SpiffeId identity, TimeSpan lifetime)
    {
        var signer = Issuer;
        var leaf = Sign(signer, ReadKey(requestPem), SubjectAlternativeName(identity), lifetime);
        return [Issuer.Pem(leaf), .. signer.Intermediates.Select(Issuer.Pem), signer.RootsPem];
    }

    /// <summary>Signs a server's certificate for DNS names and addresses.</summary>
    public X509Certificate2 SignServer(PublicKey key, X509Extension names, TimeSpan lifetime) => Sign(Issuer, key, names, lifetime);

    private X509Certificate2 Sign(Issuer signer, PublicKey key, X509Extension names, TimeSpan lifetime)
    {
        if (lifetime <= TimeSpan.Zero)
        {
            lifetime = lifetimes.Default;
        }

        if (lifetime > lifetimes.Longest)
        {
            throw new SigningException(
                SigningFailure.TooLong, $"a lifetime of {lifetime} was asked for; the longest is {lifetimes.Longest} (MAX_WORKLOAD_CERT_TTL)");
        }

        var now = time.GetUtcNow();
        if (now >= signer.NotAfter)
        {
            throw new SigningException(SigningFailure.NotAble, $"the authority's own certificate ended at {signer.NotAfter:u}");
        }

        var request = new CertificateRequest(new X500DistinguishedName(""), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        if (signer.Certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().Any())
        {
            request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(signer.Certificate, true, false));
        }

        request.CertificateExtensions.Add(names);
        var notBefore = Later(now - lifetimes.Backdating, signer.NotBefore);
        var notAfter = now + lifetime < signer.NotAfter ? now + lifetime : signer.NotAfter;
        return signer.Key.Sign(request, signer.Certificate.SubjectName, notBefore, notAfter);
    }

    /// <summary>The key of a request whose signature proves that the sender holds it. Names and extensions are not looked at.</summary>
    private static PublicKey ReadKey(string requestPem)
    {
        try
        {
            var request = CertificateRequest.LoadSigningRequestPem(requestPem, HashAlgorithmName.SHA256);
            return Checked(request.PublicKey);
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            throw new SigningException(SigningFailure.BadRequest, $"the certificate request cannot be read: {error.Message}", error);
        }
    }

    private static PublicKey Checked(PublicKey key)
    {
        using var rsa = key.GetRSAPublicKey();
        using var ec = rsa is null ? key.GetECDsaPublicKey() : null;
        return (rsa?.KeySize >= SmallestRsaKey || ec is not null)
            ? key
            : throw new SigningException(SigningFailure.BadRequest, "the request's key is neither EC nor RSA of at least 2048 bits");
    }

    /// <summary>The identity as the only name, critical because the subject is empty (RFC 5280 §4.2.1.6).</summary>
    private static X509Extension SubjectAlternativeName(SpiffeId identity)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteCharacterString(UniversalTagNumber.IA5String, identity.ToString(), UniformResourceIdentifier);
        }

        return new X509Extension("2.5.29.17", writer.Encode(), critical: true);
    }

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;
}
