namespace Ambient.Identity.Certificates;

/// <summary>How the store asks.</summary>
public sealed record CertificateStoreOptions
{
    /// <summary>Requests under way at once; 8 is Istio's, so that a node that starts does not overwhelm the CA.</summary>
    public int MaxConcurrentRequests { get; init; } = 8;

    /// <summary>
    /// The renewal is due after this part of the lifetime, give or take <see cref="Jitter"/>: half, so that a CA may be down for
    /// half a lifetime without harm.
    /// </summary>
    public double RenewAfter { get; init; } = 0.5;

    /// <summary>The spread of renewals, as a part of the lifetime, so that certificates issued together are not renewed together.</summary>
    public double Jitter { get; init; } = 0.05;

    /// <summary>The wait after a first failure; it doubles with each further one.</summary>
    public TimeSpan FirstBackoff { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait between attempts.</summary>
    public TimeSpan LongestBackoff { get; init; } = TimeSpan.FromSeconds(150);

    /// <summary>The spread of waits, as a part of them.</summary>
    public double BackoffJitter { get; init; } = 0.2;
}
