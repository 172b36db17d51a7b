using Ambient.Api;

namespace Ambient.Identity.Certificates;

/// <summary>One identity of the store. Guarded by the store's lock, but for <see cref="Current"/>, which anybody may read.</summary>
internal sealed class CertificateEntry(SpiffeId identity)
{
    private volatile WorkloadCertificate? _current;

    public SpiffeId Identity => identity;

    public WorkloadCertificate? Current
    {
        get => _current;
        set => _current = value;
    }

    /// <summary>Completed by the end of the first request, or of one that follows an expiry; connections wait here.</summary>
    public TaskCompletionSource<WorkloadCertificate>? Waiters { get; set; }

    public CertificateException? Error { get; set; }

    public int Failures { get; set; }

    public ITimer? Timer { get; set; }

    public DateTimeOffset? NextRequest { get; set; }

    /// <summary>Its place in the queue; null while it is not queued.</summary>
    public CertificatePriority? Queued { get; set; }

    public bool IsRequesting { get; set; }

    public bool IsForgotten { get; set; }

    public CertificateStatus Status(DateTimeOffset now)
    {
        var valid = Current is { } current && current.NotAfter > now ? current : null;
        var state = valid is not null ? CertificateState.Available
            : Error is not null ? CertificateState.Unavailable
            : CertificateState.Initializing;
        return new CertificateStatus(identity, state, valid, Error?.Message, NextRequest);
    }
}
