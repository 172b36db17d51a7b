using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ambient.Identity.Certificates;
using Ambient.Identity.Tls;

namespace Ambient.Identity.Tests;

/// <summary>A certificate authority for tests.</summary>
internal sealed class TestAuthority : IDisposable
{
    private static readonly Oid ServerUse = new("1.3.6.1.5.5.7.3.1");
    private static readonly Oid ClientUse = new("1.3.6.1.5.5.7.3.2");

    private readonly X509Certificate2 _root;

    public TestAuthority(string name = "test root", TimeSpan? validity = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        _root = Describe(new CertificateRequest($"O={name}", key, HashAlgorithmName.SHA256))
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow + (validity ?? TimeSpan.FromDays(365)));
    }

    private TestAuthority(X509Certificate2 root) => _root = root;

    private X509SignatureGenerator Signer => _root.GetECDsaPrivateKey() is { } key
        ? X509SignatureGenerator.CreateForECDsa(key)
        : X509SignatureGenerator.CreateForRSA(_root.GetRSAPrivateKey()!, RSASignaturePadding.Pkcs1);

    /// <summary>An authority with an RSA key of 2048 bits, as Istio's makes for itself.</summary>
    public static TestAuthority WithRsa()
    {
        using var key = RSA.Create(2048);
        return new TestAuthority(
            Describe(new CertificateRequest("O=cluster.local", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))
                .CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddYears(1)));
    }

    /// <summary>An authority that this one vouches for.</summary>
    public TestAuthority Intermediate(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var issued = Describe(new CertificateRequest($"O={name}", key, HashAlgorithmName.SHA256)).Create(
            _root.SubjectName, Signer, DateTimeOffset.UtcNow.AddMinutes(-30), DateTimeOffset.UtcNow.AddDays(30), RandomNumberGenerator.GetBytes(16));
        return new TestAuthority(issued.CopyWithPrivateKey(key));
    }

    private static CertificateRequest Describe(CertificateRequest request)
    {
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request;
    }

    public string RootPem => _root.ExportCertificatePem();

    /// <summary>Issues a certificate for a key that the test holds.</summary>
    public string Issue(ECDsa key, IEnumerable<string> uris, DateTimeOffset? notBefore = null, DateTimeOffset? notAfter = null, bool client = true, bool server = true) =>
        IssueFor(new PublicKey(key), uris, notBefore, notAfter, client, server);

    public string IssueFor(PublicKey key, IEnumerable<string> uris, DateTimeOffset? notBefore = null, DateTimeOffset? notAfter = null, bool client = true, bool server = true)
    {
        var request = new CertificateRequest(new X500DistinguishedName(""), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        var uses = new OidCollection();
        if (server)
        {
            uses.Add(ServerUse);
        }

        if (client)
        {
            uses.Add(ClientUse);
        }

        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(uses, false));
        var names = new SubjectAlternativeNameBuilder();
        var any = false;
        foreach (var uri in uris)
        {
            names.AddUri(new Uri(uri));
            any = true;
        }

        if (any)
        {
            request.CertificateExtensions.Add(names.Build(critical: true));
        }

        using var issued = request.Create(
            _root.SubjectName,
            Signer,
            notBefore ?? DateTimeOffset.UtcNow.AddMinutes(-2),
            notAfter ?? DateTimeOffset.UtcNow.AddHours(1),
            RandomNumberGenerator.GetBytes(16));
        return issued.ExportCertificatePem();
    }

    /// <summary>A certificate with its key, ready for use, that trusts this authority (or others).</summary>
    public WorkloadCertificate Certificate(
        string uri,
        DateTimeOffset? notBefore = null,
        DateTimeOffset? notAfter = null,
        bool client = true,
        bool server = true,
        string? roots = null,
        string? intermediate = null,
        TlsOptions? options = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var copy = PrivateKey.Copy(key);
        return WorkloadCertificate.Create(
            [Issue(key, [uri], notBefore, notAfter, client, server), .. intermediate is null ? (string[])[] : [intermediate], roots ?? RootPem], copy, options);
    }

    /// <summary>Writes leaf, key and root for a program that wants files.</summary>
    public PeerFiles Files(string? uri, DateTimeOffset? notBefore = null, DateTimeOffset? notAfter = null, bool client = true, bool server = true)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var folder = Directory.CreateTempSubdirectory("ambient-identity-").FullName;
        File.WriteAllText(Path.Combine(folder, "leaf.pem"), Issue(key, uri is null ? [] : [uri], notBefore, notAfter, client, server));
        File.WriteAllText(Path.Combine(folder, "key.pem"), key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Path.Combine(folder, "root.pem"), RootPem);
        return new PeerFiles(folder);
    }

    public void Dispose() => _root.Dispose();
}

internal sealed record PeerFiles(string Folder) : IDisposable
{
    public string Leaf => Path.Combine(Folder, "leaf.pem");

    public string Key => Path.Combine(Folder, "key.pem");

    public string Root => Path.Combine(Folder, "root.pem");

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
