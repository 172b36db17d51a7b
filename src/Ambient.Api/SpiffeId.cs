using System.Diagnostics.CodeAnalysis;

namespace Ambient.Api;

/// <summary>
/// The identity of a workload: <c>spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT</c>
/// (SPIFFE ID §2, with the path that Istio gives it).
/// </summary>
public readonly record struct SpiffeId(string TrustDomain, string Namespace, string ServiceAccount)
{
    /// <summary>The trust domain of a mesh that names none.</summary>
    public const string DefaultTrustDomain = "cluster.local";

    private const string Scheme = "spiffe://";

    /// <summary>The identity without its scheme, as policies write principals.</summary>
    public string Principal => $"{TrustDomain}/ns/{Namespace}/sa/{ServiceAccount}";

    /// <summary>Reads a URI; anything but exactly this form is refused, a trailing slash included.</summary>
    public static bool TryParse([NotNullWhen(true)] string? uri, out SpiffeId id)
    {
        id = default;
        if (uri is null || !uri.StartsWith(Scheme, StringComparison.Ordinal))
        {
            return false;
        }

        var parts = uri[Scheme.Length..].Split('/');
        if (parts is not [{ Length: > 0 } trustDomain, "ns", { Length: > 0 } ns, "sa", { Length: > 0 } account])
        {
            return false;
        }

        id = new SpiffeId(trustDomain, ns, account);
        return true;
    }

    /// <summary>Reads a URI that has to be an identity.</summary>
    /// <exception cref="FormatException">It is not; the message shows the expected form.</exception>
    public static SpiffeId Parse(string uri) => TryParse(uri, out var id)
        ? id
        : throw new FormatException($"'{uri}' is not spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT.");

    /// <inheritdoc />
    public override string ToString() => Scheme + Principal;
}
