using Ambient.Api.Kubernetes;

namespace Ambient.ControlPlane.Policies;

/// <summary>
/// A source's trust domains, said as principals: WDS has no word for them. Istio leaves them out without a word, which makes
/// an ALLOW rule wider than it reads.
/// </summary>
internal static class TrustDomains
{
    /// <summary>Principals that mean the same; null where none do, because the source names principals too.</summary>
    public static IReadOnlyList<string>? AsPrincipals(RuleSource source) =>
        source.Principals is { Count: > 0 } ? null : Said(source.TrustDomains);

    /// <summary>Forbidden principals that mean the same; null where none do.</summary>
    public static IReadOnlyList<string>? AsNotPrincipals(RuleSource source) => Said(source.NotTrustDomains);

    /// <summary>Principals of some trust domains; null where none mean the same.</summary>
    public static IReadOnlyList<string>? Said(IReadOnlyList<string>? trustDomains)
    {
        if (trustDomains is null)
        {
            return [];
        }

        // A suffix of the trust domain lies in the middle of the principal.
        return trustDomains.Any(value => value.Length > 1 && value[0] == '*')
            ? null
            : [.. trustDomains.Select(value => value.EndsWith('*') ? value : value + "/*")];
    }
}
