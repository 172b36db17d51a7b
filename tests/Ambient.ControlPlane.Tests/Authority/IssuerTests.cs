using System.Security.Cryptography;
using Ambient.ControlPlane.Authority;

namespace Ambient.ControlPlane.Tests.Authority;

public sealed class IssuerTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;
    private readonly Issuer _issuer = Issuer.SelfSigned(IssuerKey.Create(), "cluster.local", Now, Now + TimeSpan.FromDays(1));

    [Fact]
    public void What_was_written_is_read_back()
    {
        var read = AuthorityFiles.Read(Files(Issuer.Pem(_issuer.Certificate), _issuer.Key.ExportPem()), "the test")!;

        Assert.Equal(_issuer.Certificate.Thumbprint, read.Certificate.Thumbprint);
        Assert.Equal(_issuer.RootsPem, read.RootsPem);
        Assert.Empty(read.Intermediates);
    }

    [Fact]
    public void A_traditional_EC_key_and_an_RSA_key_are_read()
    {
        using var ec = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var rsa = RSA.Create(2048);

        using var one = IssuerKey.FromPem(ec.ExportECPrivateKeyPem());
        using var other = IssuerKey.FromPem(rsa.ExportRSAPrivateKeyPem());

        Assert.NotEqual(one.ExportPem(), other.ExportPem());
    }

    [Fact]
    public void Names_of_cert_manager_are_read_too()
    {
        string? Read(string name) => name switch
        {
            "tls.crt" => Issuer.Pem(_issuer.Certificate),
            "tls.key" => _issuer.Key.ExportPem(),
            "ca.crt" => _issuer.RootsPem,
            _ => null,
        };

        Assert.Equal(_issuer.Certificate.Thumbprint, AuthorityFiles.Read(Read, "the test")!.Certificate.Thumbprint);
    }

    [Fact]
    public void No_key_is_no_authority() => Assert.Null(AuthorityFiles.Read(_ => null, "the test"));

    [Fact]
    public void A_key_without_certificate_is_an_error_that_says_what_is_missing()
    {
        var error = Assert.Throws<AuthorityException>(() => AuthorityFiles.Read(Files(null, _issuer.Key.ExportPem()), "/etc/cacerts"));

        Assert.Equal("/etc/cacerts has ca-key.pem but no ca-cert.pem: add it, or take the key away", error.Message);
    }

    [Fact]
    public void A_key_of_another_certificate_is_an_error()
    {
        var error = Assert.Throws<AuthorityException>(
            () => AuthorityFiles.Read(Files(Issuer.Pem(_issuer.Certificate), IssuerKey.Create().ExportPem()), "/etc/cacerts"));

        Assert.Contains("the CA key does not belong to the CA certificate", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unreadable_key_is_not_quoted()
    {
        var error = Assert.Throws<AuthorityException>(
            () => AuthorityFiles.Read(Files(Issuer.Pem(_issuer.Certificate), "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"), "/etc/cacerts"));

        Assert.DoesNotContain("c2VjcmV0", error.ToString(), StringComparison.Ordinal);
    }

    private static Func<string, string?> Files(string? certificate, string? key) => name => name switch
    {
        AuthorityFiles.Certificate => certificate,
        AuthorityFiles.Key => key,
        _ => null,
    };
}
