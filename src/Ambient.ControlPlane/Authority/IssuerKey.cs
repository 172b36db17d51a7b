using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ambient.ControlPlane.Authority;

/// <summary>An authority's private key: EC or RSA. Never written anywhere but to the authority's own secret.</summary>
internal sealed class IssuerKey : IDisposable
{
    private readonly AsymmetricAlgorithm _key;
    private readonly Lock _gate = new();

    private IssuerKey(AsymmetricAlgorithm key) => _key = key;

    /// <summary>A fresh P-256 key.</summary>
    public static IssuerKey Create() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <summary>Reads a PEM key: PKCS#8, or the traditional EC and RSA forms.</summary>
    /// <exception cref="CryptographicException">It is neither.</exception>
    public static IssuerKey FromPem(string pem)
    {
        try
        {
            var ec = ECDsa.Create();
            ec.ImportFromPem(pem);
            return new IssuerKey(ec);
        }
        catch (Exception notEc) when (notEc is CryptographicException or ArgumentException)
        {
            try
            {
                var rsa = RSA.Create();
                rsa.ImportFromPem(pem);
                return new IssuerKey(rsa);
            }
            catch (Exception notRsa) when (notRsa is CryptographicException or ArgumentException)
            {
                // Neither inner message is passed on: it might quote the key.
                throw new CryptographicException("the PEM holds no unencrypted EC or RSA private key");
            }
        }
    }

    /// <summary>PKCS#8 in PEM.</summary>
    public string ExportPem() => _key.ExportPkcs8PrivateKeyPem() + "\n";

    /// <summary>Whether a certificate is for this key.</summary>
    public bool Fits(X509Certificate2 certificate) =>
        certificate.PublicKey.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(_key.ExportSubjectPublicKeyInfo());

    /// <summary>Signs a certificate for a request.</summary>
    /// <param name="request">Subject, key and extensions.</param>
    /// <param name="issuer">The issuer's name.</param>
    /// <param name="notBefore">The first second of its validity.</param>
    /// <param name="notAfter">The last.</param>
    public X509Certificate2 Sign(CertificateRequest request, X500DistinguishedName issuer, DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        // 128 random bits, as CA/Browser Forum BR §7.1 asks for at least 64; the serial is not to be zero.
        Span<byte> serial = stackalloc byte[16];
        RandomNumberGenerator.Fill(serial);
        serial[^1] |= 1;
        lock (_gate)
        {
            // Key objects of .NET promise nothing about use by several threads.
            return request.Create(issuer, Generator(), notBefore, notAfter, serial);
        }
    }

    /// <summary>The public half, as a certificate holds it.</summary>
    public PublicKey PublicKey => PublicKey.CreateFromSubjectPublicKeyInfo(_key.ExportSubjectPublicKeyInfo(), out _);

    public void Dispose() => _key.Dispose();

    private X509SignatureGenerator Generator() => _key switch
    {
        ECDsa ec => X509SignatureGenerator.CreateForECDsa(ec),
        RSA rsa => X509SignatureGenerator.CreateForRSA(rsa, RSASignaturePadding.Pkcs1),
        _ => throw new CryptographicException("the key is neither EC nor RSA"),
    };
}
