using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ambient.Api;
using Ambient.Identity.OpenSsl;
using Ambient.Identity.Tls;

namespace Ambient.Identity.Certificates;

/// <summary>
/// What a workload proves its identity with, and what it trusts: a leaf with its intermediates, and the roots that the CA
/// handed out with them. Ready for use: both TLS contexts are made, so a key that does not fit fails here and not at the
/// first connection. Immutable; safe to use from every thread.
/// </summary>
public sealed class WorkloadCertificate : IDisposable
{
    private WorkloadCertificate(
        SpiffeId identity,
        IReadOnlyList<CertificateDetails> chain,
        IReadOnlyList<CertificateDetails> roots,
        PrivateKey key,
        TlsOptions options)
    {
        Identity = identity;
        Chain = chain;
        Roots = roots;
        Client = TlsContext.Create(TlsRole.Client, identity, chain, roots, key, options);
        Server = TlsContext.Create(TlsRole.Server, identity, chain, roots, key, options);
    }

    /// <summary>The identity in the leaf: its first URI name that is a SPIFFE ID.</summary>
    public SpiffeId Identity { get; }

    /// <summary>The leaf, then the intermediates; what is presented to peers.</summary>
    public IReadOnlyList<CertificateDetails> Chain { get; }

    /// <summary>What peers' chains have to end in.</summary>
    public IReadOnlyList<CertificateDetails> Roots { get; }

    /// <summary>Begin of the leaf's validity.</summary>
    public DateTimeOffset NotBefore => Chain[0].NotBefore;

    /// <summary>End of the leaf's validity.</summary>
    public DateTimeOffset NotAfter => Chain[0].NotAfter;

    /// <summary>For connections that this identity opens.</summary>
    public TlsContext Client { get; }

    /// <summary>For connections that this identity accepts.</summary>
    public TlsContext Server { get; }

    /// <summary>Puts together a CA's answer and the key that the request was made with.</summary>
    /// <param name="pem">
    /// The leaf, then intermediates, one certificate in each element (the first counts); the last element holds the roots,
    /// several if need be.
    /// </param>
    /// <param name="key">The key; still the caller's.</param>
    /// <param name="options">For the connections that are made with it; the defaults if null.</param>
    /// <exception cref="InvalidDataException">The answer does not have this form; the message says where.</exception>
    /// <exception cref="OpenSslException">The key does not fit the leaf, or OpenSSL refuses a certificate.</exception>
    public static WorkloadCertificate Create(IReadOnlyList<string> pem, PrivateKey key, TlsOptions? options = null)
    {
        if (pem.Count < 2)
        {
            throw new InvalidDataException(
                $"The CA answered with {pem.Count} element(s); it has to send the leaf first and the root certificates last.");
        }

        var chain = new List<CertificateDetails>(pem.Count - 1);
        for (var index = 0; index < pem.Count - 1; index++)
        {
            var found = CertificateDetails.ReadPem(pem[index]);
            chain.Add(found.Count > 0
                ? found[0]
                : throw new InvalidDataException($"Element {index} of the CA's answer holds no PEM certificate."));
        }

        var roots = CertificateDetails.ReadPem(pem[^1]);
        if (roots.Count == 0)
        {
            throw new InvalidDataException("The last element of the CA's answer, the roots, holds no PEM certificate.");
        }

        if (chain[0].Identity is not { } identity)
        {
            throw new InvalidDataException(
                "The certificate that the CA issued names no SPIFFE identity among its subject alternative names.");
        }

        return new WorkloadCertificate(identity, chain, roots, key, options ?? TlsOptions.Default);
    }

    /// <summary>Frees the contexts; connections that were made with them live on.</summary>
    public void Dispose()
    {
        Client.Dispose();
        Server.Dispose();
    }
}

/// <summary>One certificate of a chain, as the configuration dump shows it.</summary>
public sealed class CertificateDetails
{
    private CertificateDetails(ReadOnlyMemory<byte> der)
    {
        Der = der;
        using var certificate = X509CertificateLoader.LoadCertificate(der.Span);
        SerialNumber = new BigInteger(certificate.SerialNumberBytes.Span, isUnsigned: true, isBigEndian: true).ToString();
        NotBefore = certificate.NotBefore.ToUniversalTime();
        NotAfter = certificate.NotAfter.ToUniversalTime();
        foreach (var extension in certificate.Extensions)
        {
            if (extension.Oid?.Value == "2.5.29.17")
            {
                Identity = SubjectNames.FirstIdentity(SubjectNames.ReadUris(extension.RawData));
            }
        }
    }

    /// <summary>The certificate in DER.</summary>
    public ReadOnlyMemory<byte> Der { get; }

    /// <summary>The serial number in decimal digits.</summary>
    public string SerialNumber { get; }

    /// <summary>Begin of its validity.</summary>
    public DateTimeOffset NotBefore { get; }

    /// <summary>End of its validity.</summary>
    public DateTimeOffset NotAfter { get; }

    /// <summary>Its first URI name that is a SPIFFE ID.</summary>
    public SpiffeId? Identity { get; }

    /// <summary>The certificate as a PEM block.</summary>
    public string ToPem() => PemEncoding.WriteString("CERTIFICATE", Der.Span);

    /// <summary>Reads every certificate of a PEM text, in order; other blocks are passed over.</summary>
    /// <exception cref="InvalidDataException">A block is not a certificate.</exception>
    public static IReadOnlyList<CertificateDetails> ReadPem(string pem)
    {
        var found = new List<CertificateDetails>();
        var rest = pem.AsSpan();
        while (PemEncoding.TryFind(rest, out var fields))
        {
            if (rest[fields.Label] is "CERTIFICATE")
            {
                var der = new byte[fields.DecodedDataLength];
                if (!Convert.TryFromBase64Chars(rest[fields.Base64Data], der, out _))
                {
                    throw new InvalidDataException($"PEM certificate {found.Count + 1} is not Base64.");
                }

                try
                {
                    found.Add(new CertificateDetails(der));
                }
                catch (CryptographicException exception)
                {
                    throw new InvalidDataException($"PEM certificate {found.Count + 1} is not X.509: {exception.Message}", exception);
                }
            }

            rest = rest[fields.Location.End..];
        }

        return found;
    }
}
