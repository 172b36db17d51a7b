namespace Ambient.ControlPlane.Authority;

/// <summary>Where the authority's key comes from, and how long what it signs lives.</summary>
internal sealed record AuthorityOptions
{
    /// <summary>The namespace of the secrets.</summary>
    public required string Namespace { get; init; }

    /// <summary>The organization in a self-signed root's name.</summary>
    public required string TrustDomain { get; init; }

    /// <summary>A folder with a plugged-in authority; used if it holds a key.</summary>
    public string Folder { get; init; } = "/etc/cacerts";

    /// <summary>How long a self-signed root lives; Istio's ten years.</summary>
    public TimeSpan RootLifetime { get; init; } = TimeSpan.FromDays(3650);

    /// <summary>
    /// How often secret and folder are read again: a rotation by others takes effect within a minute, for one request a minute.
    /// </summary>
    public TimeSpan CheckInterval { get; init; } = TimeSpan.FromMinutes(1);

    public CertificateLifetimes Lifetimes { get; init; } = new();
}
