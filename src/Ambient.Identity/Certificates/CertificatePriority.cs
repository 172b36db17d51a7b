using Ambient.Api;

namespace Ambient.Identity.Certificates;

/// <summary>Whose request for a certificate goes first.</summary>
public enum CertificatePriority
{
    /// <summary>A connection waits for it.</summary>
    RealTime,

    /// <summary>A workload has appeared on the node and may soon open connections.</summary>
    Warmup,

    /// <summary>A renewal; the present certificate is still good.</summary>
    Background,
}

/// <summary>Where the certificate of an identity stands.</summary>
public enum CertificateState
{
    /// <summary>Asked for; connections wait.</summary>
    Initializing,

    /// <summary>There is one, and it is valid.</summary>
    Available,

    /// <summary>There is none, and connections fail, until a retry succeeds.</summary>
    Unavailable,
}

/// <summary>What the store knows about one identity.</summary>
/// <param name="Identity">Whose.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Certificate">The certificate, while available.</param>
/// <param name="LastError">Why the last request failed, if it did.</param>
/// <param name="NextRequest">When the next request is due; null while one waits or is under way.</param>
public sealed record CertificateStatus(
    SpiffeId Identity, CertificateState State, WorkloadCertificate? Certificate, string? LastError, DateTimeOffset? NextRequest)
{
    /// <summary>The state as the configuration dump spells it.</summary>
    public string StateText => State == CertificateState.Unavailable ? $"Unavailable: {LastError}" : State.ToString();
}
