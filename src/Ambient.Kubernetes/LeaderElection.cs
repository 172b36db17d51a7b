using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Kubernetes;

/// <summary>Which lease, and for how long.</summary>
public sealed record LeaderElectionOptions
{
    /// <summary>The lease's namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>The lease's name.</summary>
    public required string Name { get; init; }

    /// <summary>Who we are; unique among candidates, e.g. the pod's name.</summary>
    public required string Identity { get; init; }

    /// <summary>How long others wait after the last renewal. 15, 10 and 2 s are client-go's numbers; whole seconds.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>A leader that could not renew for this long stops leading; shorter than the lease.</summary>
    public TimeSpan RenewDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The pause between tries.</summary>
    public TimeSpan RetryPeriod { get; init; } = TimeSpan.FromSeconds(2);
}

/// <summary>
/// Lets one of many candidates lead at a time, by a Lease. Only durations are measured, each on the own clock, so the
/// candidates' clocks need not agree.
/// </summary>
public sealed class LeaderElection(
    KubernetesClient client, LeaderElectionOptions options, ILogger? logger = null, TimeProvider? time = null)
{
    private readonly ILogger _logger = logger ?? NullLogger.Instance;
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private (string? Holder, DateTimeOffset? Renewed) _observed;
    private long _observedAt;

    /// <summary>Whether this candidate leads now.</summary>
    public bool IsLeader { get; private set; }

    private string LeaseName => $"{options.Namespace}/{options.Name}";

    /// <summary>
    /// Waits for leadership, runs the work while leading, and begins again when leadership is lost; until cancelled. The
    /// work's token is cancelled when leadership is lost, before another candidate can have it. An exception of the work
    /// comes out here. The lease is given back at the end.
    /// </summary>
    public async Task RunAsync(Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                while (!await TryTakeAsync(cancellationToken).ConfigureAwait(false))
                {
                    await Task.Delay(options.RetryPeriod, _time, cancellationToken).ConfigureAwait(false);
                }

                await LeadAsync(work, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Asked to stop.
        }
    }

    private async Task LeadAsync(Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        Log.Leading(_logger, options.Identity, LeaseName);
        IsLeader = true;
        using var term = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var working = work(term.Token);
        try
        {
            await RenewUntilLostAsync(working, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            IsLeader = false;
            await term.CancelAsync().ConfigureAwait(false);
            try
            {
                await working.ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (term.IsCancellationRequested)
            {
                // The term is over.
            }

            Log.NotLeading(_logger, options.Identity, LeaseName);
            await ReleaseAsync().ConfigureAwait(false);
        }
    }

    private async Task RenewUntilLostAsync(Task working, CancellationToken cancellationToken)
    {
        var renewed = _time.GetTimestamp();
        while (!working.IsCompleted)
        {
            await Task.WhenAny(working, Task.Delay(options.RetryPeriod, _time, cancellationToken)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var left = options.RenewDeadline - _time.GetElapsedTime(renewed);
            if (left <= TimeSpan.Zero)
            {
                return;
            }

            limit.CancelAfter(left);
            var asked = _time.GetTimestamp();
            if (await TryTakeAsync(limit.Token, cancellationToken).ConfigureAwait(false))
            {
                renewed = asked;
            }
            else if (_observed.Holder != options.Identity && _observed.Holder is { Length: > 0 })
            {
                return;
            }
        }
    }

    private Task<bool> TryTakeAsync(CancellationToken cancellationToken) => TryTakeAsync(cancellationToken, cancellationToken);

    private async Task<bool> TryTakeAsync(CancellationToken limit, CancellationToken cancellationToken)
    {
        try
        {
            var lease = await client.FindAsync(ResourceKinds.Leases, options.Namespace, options.Name, limit).ConfigureAwait(false);
            if (lease is null)
            {
                await WriteAsync(null, limit).ConfigureAwait(false);
                return true;
            }

            Observe(lease.Spec);
            var holder = lease.Spec?.HolderIdentity;
            var duration = TimeSpan.FromSeconds(lease.Spec?.LeaseDurationSeconds ?? 0);
            if (holder is { Length: > 0 } && holder != options.Identity && _time.GetElapsedTime(_observedAt) < duration)
            {
                return false;
            }

            await WriteAsync(lease, limit).ConfigureAwait(false);
            return true;
        }
        catch (KubernetesException error) when (error.IsConflict || error.IsAlreadyExists)
        {
            return false;
        }
        catch (Exception error) when (error is IOException or HttpRequestException or JsonException
            || (error is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Log.LeaseFailed(_logger, LeaseName, error);
            return false;
        }
    }

    private void Observe(LeaseSpec? spec)
    {
        var seen = (spec?.HolderIdentity, spec?.RenewTime);
        if (seen != _observed)
        {
            _observed = seen;
            _observedAt = _time.GetTimestamp();
        }
    }

    private async Task WriteAsync(Lease? old, CancellationToken cancellationToken)
    {
        var mine = old?.Spec?.HolderIdentity == options.Identity;
        var now = MicroTime(_time.GetUtcNow());
        var body = new JsonObject
        {
            ["apiVersion"] = "coordination.k8s.io/v1",
            ["kind"] = "Lease",
            ["metadata"] = new JsonObject { ["name"] = options.Name, ["namespace"] = options.Namespace },
            ["spec"] = new JsonObject
            {
                ["holderIdentity"] = options.Identity,
                ["leaseDurationSeconds"] = (int)options.LeaseDuration.TotalSeconds,
                ["acquireTime"] = mine && old?.Spec?.AcquireTime is { } since ? MicroTime(since) : now,
                ["renewTime"] = now,
                ["leaseTransitions"] = (old?.Spec?.LeaseTransitions ?? 0) + (old is null || mine ? 0 : 1),
            },
        };
        var path = ResourceKinds.Leases.Path(options.Namespace, old is null ? null : options.Name);
        if (old is not null)
        {
            body["metadata"]!["resourceVersion"] = old.Metadata.ResourceVersion;
        }

        await client.SendJsonAsync(old is null ? HttpMethod.Post : HttpMethod.Put, path, body, cancellationToken: cancellationToken)
            .ConfigureAwait(false);
        _observed = (options.Identity, null);
        _observedAt = _time.GetTimestamp();
    }

    /// <summary>Gives the lease back so that the next need not wait for it to run out; without success it just runs out.</summary>
    private async Task ReleaseAsync()
    {
        using var limit = new CancellationTokenSource(options.RetryPeriod, _time);
        try
        {
            var lease = await client.FindAsync(ResourceKinds.Leases, options.Namespace, options.Name, limit.Token).ConfigureAwait(false);
            if (lease?.Spec?.HolderIdentity == options.Identity)
            {
                var patch = new JsonObject
                {
                    ["metadata"] = new JsonObject { ["resourceVersion"] = lease.Metadata.ResourceVersion },
                    ["spec"] = new JsonObject { ["holderIdentity"] = "", ["leaseDurationSeconds"] = 1 },
                };
                await client.PatchAsync(
                    ResourceKinds.Leases, options.Namespace, options.Name, patch, PatchType.Merge, null, limit.Token).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is IOException or HttpRequestException or OperationCanceledException)
        {
            Log.LeaseFailed(_logger, LeaseName, error);
        }
    }

    /// <summary>Six digits of a second exactly, which the API asks for.</summary>
    private static string MicroTime(DateTimeOffset instant) =>
        instant.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
