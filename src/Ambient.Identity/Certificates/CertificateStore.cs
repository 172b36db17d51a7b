using System.Collections.Concurrent;
using Ambient.Api;
using Microsoft.Extensions.Logging;

namespace Ambient.Identity.Certificates;

/// <summary>
/// The certificates of this node's workloads: fetched when first asked for, renewed long before they expire, forgotten
/// with their workload. Safe to use from every thread.
/// <code>
/// GetAsync ──valid?──▶ certificate          RealTime ─┐
///     │ no                                  Warmup ───┼─▶ at most 8 requests ─▶ CA
///     └─▶ queue by priority ────────────▶   Background┘        │ ok: serve, renewal at half-life
///                                                              └ failed: back off; what is valid is still served
/// </code>
/// </summary>
public sealed partial class CertificateStore : IAsyncDisposable
{
    private readonly ICertificateAuthority _authority;
    private readonly TimeProvider _time;
    private readonly CertificateStoreOptions _options;
    private readonly ILogger _logger;
    private readonly Random _random;

    // Bound: one entry for each identity with a workload on this node (asked for, and not forgotten).
    private readonly ConcurrentDictionary<SpiffeId, CertificateEntry> _entries = new();
    private readonly Lock _lock = new();
    private readonly Queue<CertificateEntry>[] _queues = [new(), new(), new()];
    private readonly HashSet<Task> _requests = [];

    // Bound: what was renewed or forgotten within the last minute.
    private readonly Dictionary<WorkloadCertificate, ITimer> _retired = [];
    private readonly CancellationTokenSource _stopping = new();
    private int _running;
    private bool _stopped;

    /// <summary>An empty store.</summary>
    /// <param name="authority">Who issues.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Hears of certificates and failures.</param>
    /// <param name="options">How to ask; null for the defaults.</param>
    /// <param name="random">For jitter; null for the shared one.</param>
    public CertificateStore(
        ICertificateAuthority authority,
        TimeProvider time,
        ILogger logger,
        CertificateStoreOptions? options = null,
        Random? random = null)
    {
        _authority = authority;
        _time = time;
        _logger = logger;
        _options = options ?? new CertificateStoreOptions();
        _random = random ?? Random.Shared;
    }

    /// <summary>
    /// The certificate of an identity. Waits for a first one; when the last attempt failed and nothing valid is left, it
    /// fails at once, and the store goes on trying.
    /// </summary>
    /// <exception cref="CertificateException">There is none.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the request goes on.</exception>
    public ValueTask<WorkloadCertificate> GetAsync(
        SpiffeId identity, CertificatePriority priority = CertificatePriority.RealTime, CancellationToken cancellation = default)
    {
        if (_entries.TryGetValue(identity, out var known) && known.Current is { } current && IsValid(current))
        {
            return new ValueTask<WorkloadCertificate>(current);
        }

        Task<WorkloadCertificate> waiting;
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_stopped, this);
            var entry = _entries.GetOrAdd(identity, static id => new CertificateEntry(id));
            if (entry.Current is { } fresh && IsValid(fresh))
            {
                return new ValueTask<WorkloadCertificate>(fresh);
            }

            if (entry.Error is { } error)
            {
                return ValueTask.FromException<WorkloadCertificate>(new CertificateException(error.Message, error));
            }

            entry.Waiters ??= NewWaiters();
            waiting = entry.Waiters.Task;
            Enqueue(entry, priority);
        }

        Pump();
        return new ValueTask<WorkloadCertificate>(waiting.WaitAsync(cancellation));
    }

    /// <summary>Asks for a certificate before anybody needs it. Does nothing for an identity that is known already.</summary>
    public void Prefetch(SpiffeId identity)
    {
        lock (_lock)
        {
            if (_stopped || _entries.ContainsKey(identity))
            {
                return;
            }

            Enqueue(_entries.GetOrAdd(identity, static id => new CertificateEntry(id)), CertificatePriority.Warmup);
        }

        Pump();
    }

    /// <summary>Drops an identity whose last workload is gone; who waits for it fails. Connections that use it go on.</summary>
    public void Forget(SpiffeId identity)
    {
        TaskCompletionSource<WorkloadCertificate>? waiters;
        lock (_lock)
        {
            if (!_entries.TryRemove(identity, out var entry))
            {
                return;
            }

            entry.IsForgotten = true;
            entry.Timer?.Dispose();
            entry.Timer = null;
            entry.Queued = null;
            Retire(entry.Current);
            waiters = entry.Waiters;
            entry.Waiters = null;
        }

        Log.Forgotten(_logger, identity);
        Fail(waiters, new CertificateException($"the identity {identity} is no longer needed: its last workload on this node is gone"));
    }

    /// <summary>What is known about each identity, by identity; for the configuration dump.</summary>
    public IReadOnlyList<CertificateStatus> Status()
    {
        var now = _time.GetUtcNow();
        lock (_lock)
        {
            return [.. _entries.Values.Select(entry => entry.Status(now))
                .OrderBy(status => status.Identity.ToString(), StringComparer.Ordinal)];
        }
    }

    /// <summary>Ends requests under way; who waits fails.</summary>
    public async ValueTask DisposeAsync()
    {
        Task[] requests;
        WorkloadCertificate[] retired;
        List<TaskCompletionSource<WorkloadCertificate>?> waiters = [];
        lock (_lock)
        {
            if (_stopped)
            {
                return;
            }

            _stopped = true;
            foreach (var entry in _entries.Values)
            {
                entry.IsForgotten = true;
                entry.Timer?.Dispose();
                waiters.Add(entry.Waiters);
                entry.Waiters = null;
            }

            requests = [.. _requests];
            retired = [.. _retired.Keys];
        }

        waiters.ForEach(waiter => Fail(waiter, new CertificateException("the proxy is stopping")));
        Array.ForEach(retired, Free);
        await _stopping.CancelAsync();
        await Task.WhenAll(requests);
        _stopping.Dispose();
    }

    private static TaskCompletionSource<WorkloadCertificate> NewWaiters() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static void Fail(TaskCompletionSource<WorkloadCertificate>? waiters, CertificateException error)
    {
        if (waiters is not null && waiters.TrySetException(error))
        {
            // A prefetch has nobody who looks; the error is in the status and the log.
            _ = waiters.Task.Exception;
        }
    }

    private bool IsValid(WorkloadCertificate certificate) => certificate.NotAfter > _time.GetUtcNow();
}
