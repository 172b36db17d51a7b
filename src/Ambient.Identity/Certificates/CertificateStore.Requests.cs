namespace Ambient.Identity.Certificates;

/// <summary>The queue of requests, their ends, and what is due next.</summary>
public sealed partial class CertificateStore
{
    /// <summary>Timers cannot run for longer than 49 days; 30 is soon enough to look again.</summary>
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(30);

    /// <summary>How long a certificate that is not served any more stays usable: longer than a connect and a handshake that began with it may take.</summary>
    internal static readonly TimeSpan Retirement = TimeSpan.FromMinutes(1);

    /// <summary>Frees a certificate's contexts a moment later, its key with them. Sessions that were made of them live on. Under the lock.</summary>
    private void Retire(WorkloadCertificate? certificate)
    {
        if (certificate is not null)
        {
            _retired.Add(certificate, _time.CreateTimer(_ => Free(certificate), null, Retirement, Timeout.InfiniteTimeSpan));
        }
    }

    private void Free(WorkloadCertificate certificate)
    {
        lock (_lock)
        {
            if (_retired.Remove(certificate, out var timer))
            {
                timer.Dispose();
            }
        }

        certificate.Dispose();
    }

    /// <summary>Queues an identity, or moves it ahead. Under the lock.</summary>
    private void Enqueue(CertificateEntry entry, CertificatePriority priority)
    {
        if (entry.IsRequesting || (entry.Queued is { } queued && queued <= priority))
        {
            return;
        }

        // Moved ahead, it stays in its old queue too: whoever takes it out there sees that it has been served.
        entry.Queued = priority;
        entry.NextRequest = null;
        entry.Timer?.Dispose();
        entry.Timer = null;
        _queues[(int)priority].Enqueue(entry);
    }

    /// <summary>Starts requests while there is room.</summary>
    private void Pump()
    {
        lock (_lock)
        {
            while (_running < _options.MaxConcurrentRequests && !_stopped && Dequeue() is { } entry)
            {
                _running++;
                entry.IsRequesting = true;
                entry.Queued = null;
                var request = Task.Run(() => RequestAsync(entry));
                _requests.Add(request);
            }

            _requests.RemoveWhere(static request => request.IsCompleted);
        }
    }

    private CertificateEntry? Dequeue()
    {
        for (var priority = 0; priority < _queues.Length; priority++)
        {
            while (_queues[priority].TryDequeue(out var entry))
            {
                if (entry.Queued == (CertificatePriority)priority)
                {
                    return entry;
                }
            }
        }

        return null;
    }

    private async Task RequestAsync(CertificateEntry entry)
    {
        try
        {
            Succeeded(entry, await _authority.IssueAsync(entry.Identity, _stopping.Token));
        }
        catch (CertificateException exception)
        {
            Failed(entry, exception);
        }
        catch (Exception exception)
        {
            Failed(entry, new CertificateException($"no certificate for {entry.Identity}: {exception.Message}", exception));
        }
        finally
        {
            lock (_lock)
            {
                _running--;
            }

            Pump();
        }
    }

    private void Succeeded(CertificateEntry entry, WorkloadCertificate certificate)
    {
        TaskCompletionSource<WorkloadCertificate>? waiters;
        DateTimeOffset renewal;
        lock (_lock)
        {
            entry.IsRequesting = false;
            if (entry.IsForgotten)
            {
                certificate.Dispose();
                return;
            }

            Retire(entry.Current);
            entry.Current = certificate;
            entry.Error = null;
            entry.Failures = 0;
            waiters = entry.Waiters;
            entry.Waiters = null;
            var lifetime = certificate.NotAfter - certificate.NotBefore;
            renewal = certificate.NotBefore + (lifetime * (_options.RenewAfter + Spread(_options.Jitter)));
            var soonest = _time.GetUtcNow() + _options.FirstBackoff;
            renewal = renewal < soonest ? soonest : renewal;
            Schedule(entry, renewal);
        }

        Log.Issued(_logger, entry.Identity, certificate.NotAfter, renewal);
        waiters?.TrySetResult(certificate);
    }

    private void Failed(CertificateEntry entry, CertificateException error)
    {
        TaskCompletionSource<WorkloadCertificate>? waiters;
        DateTimeOffset retry;
        bool isServed;
        lock (_lock)
        {
            entry.IsRequesting = false;
            if (entry.IsForgotten)
            {
                return;
            }

            entry.Error = error;
            var backoff = Math.Min(
                _options.FirstBackoff.TotalSeconds * Math.Pow(2, Math.Min(entry.Failures, 30)), _options.LongestBackoff.TotalSeconds);
            entry.Failures++;
            var now = _time.GetUtcNow();
            retry = now + TimeSpan.FromSeconds(backoff * (1 + Spread(_options.BackoffJitter)));
            isServed = entry.Current is { } current && IsValid(current);
            if (isServed && entry.Current!.NotAfter < retry)
            {
                retry = entry.Current.NotAfter;
            }

            waiters = entry.Waiters;
            entry.Waiters = null;
            Schedule(entry, retry);
        }

        if (isServed)
        {
            Log.RenewalFailed(_logger, entry.Identity, error.Message, entry.Current!.NotAfter, retry);
        }
        else
        {
            Log.RequestFailed(_logger, entry.Identity, error.Message, retry);
        }

        Fail(waiters, error);
    }

    /// <summary>Makes the next request due. Under the lock.</summary>
    private void Schedule(CertificateEntry entry, DateTimeOffset due)
    {
        entry.NextRequest = due;
        entry.Timer?.Dispose();
        var wait = due - _time.GetUtcNow();
        wait = wait < TimeSpan.Zero ? TimeSpan.Zero : wait > LongestTimer ? LongestTimer : wait;
        entry.Timer = _time.CreateTimer(_ => Due(entry), null, wait, Timeout.InfiniteTimeSpan);
    }

    private void Due(CertificateEntry entry)
    {
        lock (_lock)
        {
            if (entry.IsForgotten || _stopped || entry.NextRequest is not { } due)
            {
                return;
            }

            if (due > _time.GetUtcNow())
            {
                Schedule(entry, due);
                return;
            }

            var isServed = entry.Current is { } current && IsValid(current);
            Enqueue(entry, isServed ? CertificatePriority.Background : CertificatePriority.Warmup);
        }

        Pump();
    }

    /// <summary>Between minus and plus the part given.</summary>
    private double Spread(double part) => part * ((2 * _random.NextDouble()) - 1);
}
