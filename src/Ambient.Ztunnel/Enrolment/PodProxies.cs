using Ambient.Api.Enrolment;
using Ambient.Linux;
using Ambient.Mesh.State;
using Ambient.Telemetry.Metrics;
using Ambient.Telemetry.Servers;
using Ambient.Ztunnel.Pods;
using Microsoft.Extensions.Logging;

namespace Ambient.Ztunnel.Enrolment;

/// <summary>
/// The pods of this node and their proxies. One change at a time. A pod whose proxy cannot start is pending: it is tried again every few
/// seconds, and the node is not ready meanwhile.
/// <list type="bullet">
/// <item>An Add of a pod that is proxied in the same namespace changes nothing; in another namespace the old proxy is replaced.</item>
/// <item>When a snapshot is complete, pods that it did not name are dropped.</item>
/// <item>When the agent is gone, everything goes on as it was; the node is not ready until the next snapshot.</item>
/// </list>
/// </summary>
internal sealed class PodProxies(
    DataPlane plane, IReadOnlyList<DataLoop> loops, ReadinessTask readiness, PodMetrics metrics, ILogger logger) : IDisposable
{
    /// <summary>Between attempts to start what is pending, as ztunnel has it.</summary>
    private static readonly TimeSpan RetryPeriod = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _changing = new(1);
    private readonly Dictionary<string, PodProxy> _running = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PendingPod> _pending = new(StringComparer.Ordinal);
    private readonly HashSet<string> _named = new(StringComparer.Ordinal);
    private bool _snapshotComplete;
    private bool _closed;

    /// <summary>The pods that are proxied, and those that wait to be. From any thread.</summary>
    public (IReadOnlyList<PodIdentity> Running, IReadOnlyList<(string Uid, WorkloadKey Key)> Pending) Snapshot()
    {
        lock (_running)
        {
            return ([.. _running.Values.Select(proxy => proxy.Pod)], [.. _pending.Select(pending => (pending.Key, pending.Value.Key))]);
        }
    }

    /// <summary>A new stream begins: what it does not name until it is complete will be dropped.</summary>
    public void BeginSnapshot()
    {
        lock (_running)
        {
            _snapshotComplete = false;
            _named.Clear();
            ClearPending();
        }
    }

    /// <summary>The stream ended.</summary>
    public void Disconnected() => readiness.NotReady();

    /// <summary>Proxies a pod.</summary>
    /// <exception cref="ZdsException">It cannot be proxied (yet).</exception>
    public Task AddAsync(AddWorkload add, NetworkNamespace space, CancellationToken cancellation) => ChangeAsync(async () =>
    {
        if (add.WorkloadInfo is not { } info)
        {
            space.Dispose();
            throw new ZdsException($"AddWorkload of {add.Uid} has no workload_info; name, namespace and service_account are needed");
        }

        var key = new WorkloadKey(info.Name, info.Namespace, info.ServiceAccount);
        lock (_running)
        {
            _named.Add(add.Uid);
            RemovePending(add.Uid);
        }

        if (await StartAsync(add.Uid, key, space) is { } reason)
        {
            lock (_running)
            {
                _pending[add.Uid] = new PendingPod(key, space);
            }

            Report();
            throw new ZdsException($"failure to start proxy : {reason}");
        }

        Report();
    }, cancellation);

    /// <summary>Keeps a pod that is proxied already, though the agent cannot hand over its namespace.</summary>
    /// <exception cref="ZdsException">Keep belongs to a snapshot; afterwards it is refused, and nothing else happens.</exception>
    public void Keep(string uid)
    {
        lock (_running)
        {
            if (_snapshotComplete)
            {
                throw new ZdsException($"KeepWorkload of {uid} came after SnapshotSent; it belongs to the snapshot only");
            }

            _named.Add(uid);
        }
    }

    /// <summary>Lets a pod go; one that is not known is no error.</summary>
    public Task DeleteAsync(string uid, CancellationToken cancellation) => ChangeAsync(async () =>
    {
        bool complete;
        lock (_running)
        {
            _named.Remove(uid);
            RemovePending(uid);
            complete = _snapshotComplete;
        }

        if (complete)
        {
            await StopAsync(uid);
        }

        Report();
    }, cancellation);

    /// <summary>The agent has named all its pods.</summary>
    /// <exception cref="ZdsException">It said so before.</exception>
    public Task CompleteSnapshotAsync(CancellationToken cancellation) => ChangeAsync(async () =>
    {
        List<string> gone;
        lock (_running)
        {
            if (_snapshotComplete)
            {
                throw new ZdsException("SnapshotSent came a second time on this stream");
            }

            _snapshotComplete = true;
            gone = [.. _running.Keys.Where(uid => !_named.Contains(uid))];
            Log.SnapshotComplete(logger, _named.Count);
        }

        foreach (var uid in gone)
        {
            await StopAsync(uid);
        }

        Report();
    }, cancellation);

    /// <summary>Tries what is pending again from time to time, until it is cancelled.</summary>
    public async Task RetryAsync(TimeProvider time, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(RetryPeriod, time);
        while (await timer.WaitForNextTickAsync(cancellation))
        {
            await ChangeAsync(RetryPendingAsync, cancellation);
        }
    }

    /// <summary>Takes nothing new and completes when everything has ended or was cut.</summary>
    public Task DrainAsync(CancellationToken cut) => ChangeAsync(async () =>
    {
        List<PodProxy> running;
        lock (_running)
        {
            _closed = true;
            running = [.. _running.Values];
            _running.Clear();
            ClearPending();
        }

        await Task.WhenAll(running.Select(proxy => proxy.DrainAsync(cut)));
    }, CancellationToken.None);

    /// <inheritdoc />
    public void Dispose() => _changing.Dispose();

    private async Task RetryPendingAsync()
    {
        List<(string Uid, PendingPod Pod)> pending;
        lock (_running)
        {
            pending = [.. _pending.Select(entry => (entry.Key, entry.Value))];
        }

        foreach (var (uid, pod) in pending)
        {
            if (await StartAsync(uid, pod.Key, pod.Space) is null)
            {
                lock (_running)
                {
                    _pending.Remove(uid);
                }
            }
        }

        Report();
    }

    /// <returns>Null when it runs, otherwise why it does not.</returns>
    private async Task<string?> StartAsync(string uid, WorkloadKey key, NetworkNamespace space)
    {
        PodProxy? present;
        lock (_running)
        {
            present = _running.GetValueOrDefault(uid);
            if (_closed)
            {
                return "ztunnel is shutting down";
            }
        }

        if (present?.Pod.NamespaceId == space.Id)
        {
            space.Dispose();
            return null;
        }

        if (present is not null)
        {
            await StopAsync(uid);
        }

        try
        {
            var proxy = await PodProxy.StartAsync(plane, loops, uid, key, space);
            lock (_running)
            {
                _running[uid] = proxy;
            }

            metrics.Started.Add();
            Log.PodStarted(logger, uid, key.ToString(), space.Id.ToString());
            return null;
        }
        catch (LinuxException failure)
        {
            Log.PodPending(logger, uid, failure.Message);
            return failure.Message;
        }
    }

    private async Task StopAsync(string uid)
    {
        PodProxy? proxy;
        lock (_running)
        {
            _running.Remove(uid, out proxy);
        }

        if (proxy is not null)
        {
            await proxy.StopAsync();
            metrics.Stopped.Add();
            Log.PodStopped(logger, uid);
        }
    }

    private async Task ChangeAsync(Func<Task> change, CancellationToken cancellation)
    {
        await _changing.WaitAsync(cancellation);
        try
        {
            await change();
        }
        finally
        {
            _changing.Release();
        }
    }

    private void RemovePending(string uid)
    {
        if (_pending.Remove(uid, out var pod))
        {
            pod.Space.Dispose();
        }
    }

    private void ClearPending()
    {
        foreach (var uid in _pending.Keys.ToList())
        {
            RemovePending(uid);
        }
    }

    private void Report()
    {
        lock (_running)
        {
            metrics.Active.Set(_running.Count);
            metrics.Pending.Set(_pending.Count);
            if (_snapshotComplete && _pending.Count == 0)
            {
                readiness.Ready();
            }
            else
            {
                readiness.NotReady();
            }
        }
    }

    private sealed record PendingPod(WorkloadKey Key, NetworkNamespace Space);
}

/// <summary>What is counted about pods.</summary>
internal sealed class PodMetrics(MetricRegistry registry)
{
    public Gauge Active { get; } = registry.Gauge("workload_manager_active_proxy_count", "Pods that are proxied").With();

    public Gauge Pending { get; } = registry.Gauge("workload_manager_pending_proxy_count", "Pods whose proxy could not start yet").With();

    public Counter Started { get; } = registry.Counter("workload_manager_proxies_started", "Pods whose proxy was started").With();

    public Counter Stopped { get; } = registry.Counter("workload_manager_proxies_stopped", "Pods whose proxy was stopped").With();
}
