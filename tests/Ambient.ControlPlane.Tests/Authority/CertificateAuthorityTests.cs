using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Ambient.Api;
using Ambient.ControlPlane.Authority;

namespace Ambient.ControlPlane.Tests.Authority;

public sealed class CertificateAuthorityTests
{
    private static readonly SpiffeId Ztunnel = new("cluster.local", "istio-system", "ztunnel");
    private static readonly JsonArray Recording = JsonNode.Parse(File.ReadAllText(Manifest.Path("xds", "csr.json")))!.AsArray();
    private static readonly string RecordedRequest = (string)Recording[0]!["msg"]!["csr"]!;
    private readonly ManualTime _time = new();

    [Fact]
    public void The_recorded_request_gets_an_answer_of_the_recorded_shape()
    {
        var recorded = Recording[1]!["msg"]!["certChain"]!.AsArray().Select(pem => (string)pem!).ToArray();

        var chain = Authority().Sign(RecordedRequest, Ztunnel, TimeSpan.FromSeconds(86400));

        Assert.Equal(recorded.Length, chain.Count);
        for (var i = 0; i < recorded.Length; i++)
        {
            using var expected = X509Certificate2.CreateFromPem(recorded[i]);
            using var actual = X509Certificate2.CreateFromPem(chain[i]);
            Assert.EndsWith("-----END CERTIFICATE-----\n", chain[i], StringComparison.Ordinal);
            Assert.Equal(expected.Version, actual.Version);
            Assert.Equal(expected.Subject, actual.Subject);
            Assert.Equal(expected.Issuer, actual.Issuer);
            Assert.Equal(Extensions(expected, isRoot: i > 0), Extensions(actual, isRoot: i > 0));
        }

        using var recordedLeaf = X509Certificate2.CreateFromPem(recorded[0]);
        using var leaf = X509Certificate2.CreateFromPem(chain[0]);
        Assert.Equal(recordedLeaf.PublicKey.EncodedKeyValue.RawData, leaf.PublicKey.EncodedKeyValue.RawData);
        Assert.Equal(recordedLeaf.NotAfter - recordedLeaf.NotBefore, leaf.NotAfter - leaf.NotBefore);
        Assert.InRange(leaf.SerialNumberBytes.Length, 15, 17);
    }

    [Fact]
    public void The_caller_and_not_the_request_says_for_whom_the_certificate_is()
    {
        var chain = Authority().Sign(RecordedRequest, new SpiffeId("cluster.local", "shop", "db"), TimeSpan.Zero);

        Assert.Contains("URI:spiffe://cluster.local/ns/shop/sa/db", Decoded(chain[0]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenSSL_verifies_a_chain_with_an_intermediate()
    {
        var root = Issuer.SelfSigned(IssuerKey.Create(), "root.example", Now - TimeSpan.FromDays(1), Now + TimeSpan.FromDays(100));
        var (certificate, key) = Intermediate(root);
        var authority = Authority(Issuer.FromPem(certificate, key, certificate + root.RootsPem, root.RootsPem));

        var chain = authority.Sign(RecordedRequest, Ztunnel, TimeSpan.FromHours(1));

        Assert.Equal([certificate, root.RootsPem], chain.Skip(1));
        var folder = Directory.CreateTempSubdirectory("ambient-ca-");
        try
        {
            foreach (var (pem, i) in chain.Select((pem, i) => (pem, i)))
            {
                await File.WriteAllTextAsync(Path.Combine(folder.FullName, $"{i}.pem"), pem);
            }

            var verify = Process.Start(new ProcessStartInfo(
                "openssl", ["verify", "-x509_strict", "-attime", $"{Now.ToUnixTimeSeconds()}", "-CAfile", "2.pem", "-untrusted", "1.pem", "0.pem"])
            { WorkingDirectory = folder.FullName, RedirectStandardOutput = true, RedirectStandardError = true })!;
            var output = await verify.StandardOutput.ReadToEndAsync() + await verify.StandardError.ReadToEndAsync();
            await verify.WaitForExitAsync();
            Assert.Equal("0.pem: OK\n", output);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData(0, 24 * 60)]
    [InlineData(60, 60)]
    [InlineData(90 * 24 * 60, 90 * 24 * 60)]
    public void A_certificate_lives_as_long_as_was_asked_for(int askedMinutes, int livesMinutes)
    {
        var chain = Authority().Sign(RecordedRequest, Ztunnel, TimeSpan.FromMinutes(askedMinutes));

        using var leaf = X509Certificate2.CreateFromPem(chain[0]);
        Assert.Equal(Now + TimeSpan.FromMinutes(livesMinutes), leaf.NotAfter.ToUniversalTime());
        Assert.Equal(Now - TimeSpan.FromMinutes(2), leaf.NotBefore.ToUniversalTime());
    }

    [Fact]
    public void It_never_outlives_its_issuer()
    {
        var end = Now + TimeSpan.FromMinutes(30);
        var authority = Authority(Issuer.SelfSigned(IssuerKey.Create(), "x", Now - TimeSpan.FromDays(1), end));

        using var leaf = X509Certificate2.CreateFromPem(authority.Sign(RecordedRequest, Ztunnel, TimeSpan.FromHours(1))[0]);

        Assert.Equal(end, leaf.NotAfter.ToUniversalTime());
    }

    [Fact]
    public void Too_long_a_life_is_refused() =>
        Assert.Equal(SigningFailure.TooLong, Refusal(() => Authority().Sign(RecordedRequest, Ztunnel, TimeSpan.FromDays(91))));

    [Fact]
    public void An_issuer_that_has_ended_signs_nothing()
    {
        var authority = Authority();
        _time.Advance(TimeSpan.FromDays(4000));

        Assert.Equal(SigningFailure.NotAble, Refusal(() => authority.Sign(RecordedRequest, Ztunnel, TimeSpan.FromHours(1))));
    }

    [Theory]
    [InlineData("")]
    [InlineData("not PEM")]
    [InlineData("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")]
    public void What_is_no_request_is_refused(string request) =>
        Assert.Equal(SigningFailure.BadRequest, Refusal(() => Authority().Sign(request, Ztunnel, TimeSpan.Zero)));

    [Fact]
    public void A_request_whose_signature_is_wrong_is_refused()
    {
        var bytes = Convert.FromBase64String(string.Concat(RecordedRequest.Split('\n').Where(line => !line.StartsWith('-'))));
        bytes[^1] ^= 1;
        var forged = PemEncoding.WriteString("CERTIFICATE REQUEST", bytes);

        Assert.Equal(SigningFailure.BadRequest, Refusal(() => Authority().Sign(forged, Ztunnel, TimeSpan.Zero)));
    }

    [Fact]
    public void A_short_RSA_key_is_refused_and_a_long_one_signed()
    {
        Assert.Equal(SigningFailure.BadRequest, Refusal(() => Authority().Sign(RsaRequest(1024), Ztunnel, TimeSpan.Zero)));
        Assert.Equal(2, Authority().Sign(RsaRequest(2048), Ztunnel, TimeSpan.Zero).Count);
    }

    [Fact]
    public void Serial_numbers_do_not_repeat()
    {
        var authority = Authority();
        var serials = Enumerable.Range(0, 50).Select(_ => Serial(authority)).ToHashSet();

        Assert.Equal(50, serials.Count);

        static string Serial(CertificateAuthority authority)
        {
            using var leaf = X509Certificate2.CreateFromPem(authority.Sign(RecordedRequest, Ztunnel, TimeSpan.Zero)[0]);
            return leaf.SerialNumber;
        }
    }

    [Fact]
    public void A_rotation_takes_effect_with_the_next_certificate()
    {
        var authority = Authority();
        var next = Issuer.SelfSigned(IssuerKey.Create(), "next", Now - TimeSpan.FromDays(1), Now + TimeSpan.FromDays(1));
        authority.Issuer = next;

        Assert.Equal(next.RootsPem, authority.Sign(RecordedRequest, Ztunnel, TimeSpan.Zero)[^1]);
    }

    private DateTimeOffset Now => _time.GetUtcNow();

    private CertificateAuthority Authority(Issuer? issuer = null) => new(
        issuer ?? Issuer.SelfSigned(IssuerKey.Create(), "cluster.local", Now - TimeSpan.FromDays(1), Now + TimeSpan.FromDays(3650)),
        new CertificateLifetimes(),
        _time);

    private static SigningFailure Refusal(Action sign) => Assert.Throws<SigningException>(sign).Failure;

    private static string RsaRequest(int bits)
    {
        using var rsa = RSA.Create(bits);
        return new CertificateRequest("", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSigningRequestPem();
    }

    private (string Certificate, string Key) Intermediate(Issuer root)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("O=intermediate", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(root.Certificate, true, false));
        using var certificate = root.Key.Sign(request, root.Certificate.SubjectName, Now - TimeSpan.FromHours(1), Now + TimeSpan.FromDays(10));
        return (Issuer.Pem(certificate), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>Identifier, criticality and, where it does not hold a key's hash, content of each extension.</summary>
    private static string[] Extensions(X509Certificate2 certificate, bool isRoot) =>
    [
        .. certificate.Extensions
            .Select(extension => $"{extension.Oid!.Value} {extension.Critical} " + (extension.Oid.Value is "2.5.29.14" or "2.5.29.35" ? "" : Content(extension, isRoot)))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Our root may also sign revocation lists; the recorded one may not.</summary>
    private static string Content(X509Extension extension, bool isRoot) => isRoot && extension is X509KeyUsageExtension usage
        ? (usage.KeyUsages & ~X509KeyUsageFlags.CrlSign).ToString()
        : Convert.ToHexString(extension.RawData);

    private static string Decoded(string pem)
    {
        using var certificate = X509Certificate2.CreateFromPem(pem);
        return certificate.Extensions.Single(extension => extension.Oid!.Value == "2.5.29.17").Format(false);
    }
}
