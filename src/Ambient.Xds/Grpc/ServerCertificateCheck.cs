using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Ambient.Xds.Grpc;

/// <summary>Decides whether a server's certificate is trusted, and says why not.</summary>
internal sealed class ServerCertificateCheck(string host, string? alternative)
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    private X509Certificate2Collection? _roots;
    private string? _problem;

    /// <summary>The roots for handshakes from now on; null for those of the system.</summary>
    public X509Certificate2Collection? Roots
    {
        set => Volatile.Write(ref _roots, value);
    }

    /// <summary>Why the last certificate was refused.</summary>
    public string? Problem => Volatile.Read(ref _problem);

    public bool Accepts(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        var problem = Find(certificate as X509Certificate2, chain, errors);
        Volatile.Write(ref _problem, problem);
        return problem is null;
    }

    private string? Find(X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null)
        {
            return "the server showed no certificate";
        }

        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch)
            && (alternative is null || !certificate.MatchesHostname(alternative, allowCommonName: false)))
        {
            var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
                .SelectMany(names => names.EnumerateDnsNames().Concat(names.EnumerateIPAddresses().Select(address => address.ToString())));
            return $"the server's certificate is for {string.Join(", ", names.DefaultIfEmpty("nobody"))} and not for {host}"
                + (alternative is null ? "" : $" or {alternative}");
        }

        var roots = Volatile.Read(ref _roots);
        if (roots is null)
        {
            return errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors) ? Untrusted(chain, "the roots of the system") : null;
        }

        using var own = new X509Chain();
        own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        own.ChainPolicy.CustomTrustStore.AddRange(roots);
        own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        own.ChainPolicy.DisableCertificateDownloads = true;
        own.ChainPolicy.ApplicationPolicy.Add(new(ServerAuthentication));
        if (chain is not null)
        {
            own.ChainPolicy.ExtraStore.AddRange(chain.ChainPolicy.ExtraStore);
        }

        return own.Build(certificate) ? null : Untrusted(own, $"the {roots.Count} configured roots");
    }

    private static string Untrusted(X509Chain? chain, string roots) =>
        $"the server's certificate does not chain to {roots}: "
        + string.Join("; ", (chain?.ChainStatus ?? []).Select(status => status.StatusInformation.Trim()).Distinct());
}
