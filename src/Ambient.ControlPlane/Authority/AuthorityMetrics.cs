using Ambient.Telemetry.Metrics;

namespace Ambient.ControlPlane.Authority;

/// <summary>What the authority counts, by the names that dashboards of Istio know.</summary>
internal sealed class AuthorityMetrics
{
    private const string Prefix = "citadel_server_";

    public AuthorityMetrics(MetricRegistry registry, Func<CertificateAuthority> authority, TimeProvider time)
    {
        Requests = Counter(registry, "csr_count", "Certificate requests received");
        AuthenticationFailures = Counter(registry, "authentication_failure_count", "Requests whose caller was not accepted");
        IdentityFailures = Counter(registry, "id_extraction_err_count", "Requests whose caller may not have the identity asked for");
        ParsingFailures = Counter(registry, "csr_parsing_err_count", "Requests that could not be read");
        SigningFailures = Counter(registry, "csr_sign_err_count", "Requests that could not be signed");
        Issued = Counter(registry, "success_cert_issuance_count", "Certificates issued");
        registry.ObservedGauge(Prefix + "root_cert_expiry_timestamp", "When the first root ends, in Unix seconds", () => authority().Issuer.RootsNotAfter.ToUnixTimeSeconds());
        registry.ObservedGauge(Prefix + "root_cert_expiry_seconds", "Seconds until the first root ends", () => (authority().Issuer.RootsNotAfter - time.GetUtcNow()).TotalSeconds);
        registry.ObservedGauge(Prefix + "cert_chain_expiry_timestamp", "When the signing certificate ends, in Unix seconds", () => authority().Issuer.NotAfter.ToUnixTimeSeconds());
        registry.ObservedGauge(Prefix + "cert_chain_expiry_seconds", "Seconds until the signing certificate ends", () => (authority().Issuer.NotAfter - time.GetUtcNow()).TotalSeconds);
    }

    public Counter Requests { get; }

    public Counter AuthenticationFailures { get; }

    public Counter IdentityFailures { get; }

    public Counter ParsingFailures { get; }

    public Counter SigningFailures { get; }

    public Counter Issued { get; }

    private static Counter Counter(MetricRegistry registry, string name, string help) =>
        registry.Counter(Prefix + name, help, new FamilyOptions { BareCounterName = true }).Single;
}
