using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ambient.Api.Certificates;
using Ambient.Xds.Grpc;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Bench;

/// <summary>Certificates for the subjects: one root, files for haproxy, and the certificate service for ztunnels.</summary>
internal static class CertificateAuthority
{
    public const int Port = 15012;

    private static readonly TimeSpan Validity = TimeSpan.FromDays(1);

    /// <summary>Makes the root, and the PEM files of haproxy's two sides.</summary>
    public static void Create(string folder)
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("O=bench", rootKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        var now = TimeProvider.System.GetUtcNow();
        using var root = request.CreateSelfSigned(now.AddMinutes(-5), now + (2 * Validity));
        File.WriteAllText(Path.Combine(folder, "root.pem"), root.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, "root.key"), rootKey.ExportPkcs8PrivateKeyPem());
        foreach (var name in new[] { "client", "server", "localhost" })
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName(name);
            using var leaf = Sign(new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256), names.Build(), root);
            File.WriteAllText(Path.Combine(folder, $"{name}.pem"), leaf.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem() + "\n");
        }
    }

    /// <summary>Serves certificates until the process is killed.</summary>
    public static async Task ServeAsync(string folder)
    {
        using var root = X509Certificate2.CreateFromPemFile(Path.Combine(folder, "root.pem"), Path.Combine(folder, "root.key"));
        using var own = X509Certificate2.CreateFromPemFile(Path.Combine(folder, "localhost.pem"), Path.Combine(folder, "localhost.pem"));
        using var certificate = X509CertificateLoader.LoadPkcs12(own.Export(X509ContentType.Pkcs12), null);
        var tls = new SslServerAuthenticationOptions { ServerCertificate = certificate, ApplicationProtocols = [SslApplicationProtocol.Http2] };
        await using var server = new GrpcServer(
            [new GrpcListener(new IPEndPoint(IPAddress.Loopback, Port), _ => ValueTask.FromResult(tls))], NullLoggerFactory.Instance)
            .Unary(GrpcMethods.CreateCertificate, (request, _) => Task.FromResult(Answer(request, root)));
        await server.StartAsync(default);
        await Task.Delay(Timeout.Infinite);
    }

    private static IstioCertificateResponse Answer(IstioCertificateRequest request, X509Certificate2 root)
    {
        var asked = CertificateRequest.LoadSigningRequestPem(
            request.Csr, HashAlgorithmName.SHA256, CertificateRequestLoadOptions.UnsafeLoadCertificateExtensions);
        var names = asked.CertificateExtensions.Single(extension => extension.Oid?.Value == "2.5.29.17");
        using var leaf = Sign(new CertificateRequest(asked.SubjectName, asked.PublicKey, HashAlgorithmName.SHA256), names, root);
        var response = new IstioCertificateResponse();
        response.CertChain.Add(leaf.ExportCertificatePem());
        response.CertChain.Add(root.ExportCertificatePem());
        return response;
    }

    private static X509Certificate2 Sign(CertificateRequest request, X509Extension names, X509Certificate2 root)
    {
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new("1.3.6.1.5.5.7.3.1"), new("1.3.6.1.5.5.7.3.2")], false));
        request.CertificateExtensions.Add(names);
        var now = TimeProvider.System.GetUtcNow();
        return request.Create(root, now.AddMinutes(-2), now + Validity, RandomNumberGenerator.GetBytes(16));
    }
}
