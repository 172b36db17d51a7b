using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Ambient.Kubernetes;

/// <summary>Makes the HttpClient that trusts and is trusted as a kubeconfig says.</summary>
internal static class Transport
{
    /// <summary>A dead peer is noticed after ping delay plus timeout, well before any lease of ours runs out twice.</summary>
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    public static HttpClient Create(KubeConfig config, TimeProvider time)
    {
        var sockets = new SocketsHttpHandler
        {
            AutomaticDecompression = DecompressionMethods.GZip,
            AllowAutoRedirect = false,
            UseProxy = false,
            ConnectTimeout = ConnectTimeout,
            // Watches hold a stream each for minutes; a second connection opens when the server's limit is reached.
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = PingDelay,
            KeepAlivePingTimeout = PingTimeout,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            SslOptions = Tls(config),
        };
        return new HttpClient(new BearerToken(config.Token, config.TokenFile, time, sockets))
        {
            BaseAddress = config.Server,
            Timeout = Timeout.InfiniteTimeSpan,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
            DefaultRequestHeaders = { { "User-Agent", "ambient" } },
        };
    }

    private static SslClientAuthenticationOptions Tls(KubeConfig config)
    {
        var options = new SslClientAuthenticationOptions();
        if (config.TlsServerName is { } name)
        {
            options.TargetHost = name;
        }

        if (config.ClientCertificate is { } certificate)
        {
            options.ClientCertificates = [certificate];
        }

        if (config.InsecureSkipTlsVerify)
        {
#pragma warning disable CA5359 // the kubeconfig asks for exactly this
            options.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        }
        else if (config.CertificateAuthorities is { } roots)
        {
            options.RemoteCertificateValidationCallback = (_, leaf, chain, errors) => IsTrusted(leaf, chain, errors, roots);
        }

        return options;
    }

    private static bool IsTrusted(
        X509Certificate? leaf, X509Chain? presented, SslPolicyErrors errors, X509Certificate2Collection roots)
    {
        const SslPolicyErrors Fatal = SslPolicyErrors.RemoteCertificateNameMismatch | SslPolicyErrors.RemoteCertificateNotAvailable;
        if ((errors & Fatal) != 0 || leaf is not X509Certificate2 certificate)
        {
            return false;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(roots);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        foreach (var element in presented?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
        {
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        return chain.Build(certificate);
    }
}
