using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ambient.ControlPlane.Authority;

/// <summary>
/// The control plane's own certificate, from its own authority: made at the first handshake, and again at half of its life or
/// when the authority changes.
/// </summary>
internal sealed class ServingCertificate(CertificateAuthority authority, IReadOnlyList<string> names, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);
    private readonly Lock _gate = new();
    private readonly List<IDisposable> _owned = [];
    private SslServerAuthenticationOptions? _options;
    private Issuer? _issuer;
    private DateTimeOffset _renewAt;

    /// <summary>What a handshake needs now.</summary>
    public SslServerAuthenticationOptions Current()
    {
        lock (_gate)
        {
            var now = time.GetUtcNow();
            if (_options is null || now >= _renewAt || !ReferenceEquals(_issuer, authority.Issuer))
            {
                _issuer = authority.Issuer;
                _options = Make();
                _renewAt = now + (Lifetime / 2);
            }

            return _options;
        }
    }

    public void Dispose() => _owned.ForEach(owned => owned.Dispose());

    private SslServerAuthenticationOptions Make()
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var leaf = authority.SignServer(PublicKey.CreateFromSubjectPublicKeyInfo(key.ExportSubjectPublicKeyInfo(), out _), Names(), Lifetime);
        var certificate = leaf.CopyWithPrivateKey(key);

        // Handshakes under way may still use the one before, so all live as long as we do; there are two a day.
        _owned.AddRange([key, leaf, certificate]);
        return new SslServerAuthenticationOptions
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, [.. _issuer!.Intermediates], offline: true),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            ApplicationProtocols = [SslApplicationProtocol.Http2],
            ClientCertificateRequired = false,
        };
    }

    private X509Extension Names()
    {
        var builder = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address))
            {
                builder.AddIpAddress(address);
            }
            else
            {
                builder.AddDnsName(name);
            }
        }

        return builder.Build(critical: true);
    }
}
