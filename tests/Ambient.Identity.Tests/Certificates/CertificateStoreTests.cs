using Ambient.Api;
using Ambient.Identity.Certificates;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Identity.Tests.Certificates;

public sealed class CertificateStoreTests : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private static readonly SpiffeId Web = new("cluster.local", "shop", "web");

    private readonly ManualTime _time = new();
    private readonly ScriptedAuthority _authority;
    private readonly CertificateStore _store;

    public CertificateStoreTests()
    {
        _authority = new ScriptedAuthority(_time);
        _store = new CertificateStore(_authority, _time, NullLogger.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        _authority.Dispose();
    }

    [Fact]
    public async Task Everybody_waits_for_one_request_and_then_none()
    {
        var waiting = Enumerable.Range(0, 10).Select(_ => GetAsync(Web)).ToList();
        var request = await _authority.NextAsync();
        Assert.Equal(CertificateState.Initializing, Status().State);
        var issued = _authority.Issue(request);
        Assert.All(await Task.WhenAll(waiting), certificate => Assert.Same(issued, certificate));
        Assert.Equal(CertificateState.Available, Status().State);

        var again = _store.GetAsync(Web).AsTask();
        Assert.True(again.IsCompletedSuccessfully);
        Assert.Same(issued, await again);
        Assert.True(_authority.IsIdle);
    }

    [Fact]
    public async Task It_is_renewed_about_half_way_and_the_old_one_stays_usable_for_a_moment()
    {
        var first = await IssueAsync(Web);
        _time.Advance(TimeSpan.FromHours(24 * 0.449));
        Assert.True(await _authority.StaysIdleAsync());
        _time.Advance(TimeSpan.FromHours(24 * 0.102));
        var request = await _authority.NextAsync();
        Assert.Same(first, await GetAsync(Web));

        var second = _authority.Issue(request);
        await UntilAsync(() => ReferenceEquals(second, Status().Certificate));
        Assert.Same(second, await GetAsync(Web));
        _time.Advance(CertificateStore.Retirement - TimeSpan.FromSeconds(1));
        Assert.False(first.Client.Handle.IsClosed || first.Server.Handle.IsClosed);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(first.Client.Handle.IsClosed && first.Server.Handle.IsClosed);
        Assert.False(second.Client.Handle.IsClosed);

        _store.Forget(Web);
        Assert.False(second.Client.Handle.IsClosed);
        _time.Advance(CertificateStore.Retirement);
        Assert.True(second.Client.Handle.IsClosed);
    }

    [Fact]
    public async Task Renewals_of_certificates_issued_together_spread()
    {
        for (var index = 0; index < 20; index++)
        {
            await IssueAsync(Web with { ServiceAccount = $"web-{index}" });
        }

        var due = _store.Status().Select(status => status.NextRequest!.Value).Distinct().ToList();
        Assert.InRange(due.Count, 15, 20);
        Assert.All(due, time => Assert.InRange((time - _time.GetUtcNow()).TotalHours, 24 * 0.45, 24 * 0.55));
    }

    [Fact]
    public async Task While_renewals_fail_the_valid_one_is_served_until_it_expires()
    {
        var first = await IssueAsync(Web, TimeSpan.FromMinutes(10));
        _time.Advance(TimeSpan.FromMinutes(5.6));
        var failures = 0;
        var waits = new List<double>();
        while (_time.GetUtcNow() < first.NotAfter)
        {
            var refused = await _authority.NextAsync();
            refused.Refuse("down");
            failures++;
            await UntilAsync(() => Status().NextRequest is not null);
            Assert.Same(first, await GetAsync(Web));
            Assert.Equal(CertificateState.Available, Status().State);
            var wait = Status().NextRequest!.Value - _time.GetUtcNow();
            waits.Add(wait.TotalSeconds);
            _time.Advance(wait);
        }

        // 1, 2, 4 … 150 seconds, ±20 %, the last cut at the expiry.
        for (var index = 0; index < waits.Count - 1; index++)
        {
            var expected = Math.Min(Math.Pow(2, index), 150);
            Assert.InRange(waits[index], expected * 0.8, expected * 1.2);
        }

        Assert.Equal(CertificateState.Unavailable, Status().State);
        Assert.Equal("Unavailable: down", Status().StateText);
        var error = await Assert.ThrowsAsync<CertificateException>(() => GetAsync(Web));
        Assert.Equal("down", error.Message);
        var fresh = _authority.Issue(await _authority.NextAsync());
        await UntilAsync(() => Status().State == CertificateState.Available);
        Assert.Same(fresh, await GetAsync(Web));
        Assert.Null(Status().LastError);
    }

    [Fact]
    public async Task After_a_first_failure_callers_fail_at_once_until_a_retry_succeeds()
    {
        var waiting = GetAsync(Web);
        (await _authority.NextAsync()).Refuse("not on this node");
        Assert.Equal("not on this node", (await Assert.ThrowsAsync<CertificateException>(() => waiting)).Message);
        Assert.True(_store.GetAsync(Web).AsTask().IsFaulted);
        Assert.True(await _authority.StaysIdleAsync());

        _time.Advance(TimeSpan.FromSeconds(1.3));
        var issued = _authority.Issue(await _authority.NextAsync());
        await UntilAsync(() => Status().State == CertificateState.Available);
        Assert.Same(issued, await GetAsync(Web));
    }

    [Fact]
    public async Task At_most_eight_requests_run_and_connections_go_first()
    {
        var running = new List<ScriptedAuthority.Request>();
        for (var index = 0; index < 8; index++)
        {
            _store.Prefetch(Web with { ServiceAccount = $"first-{index}" });
            running.Add(await _authority.NextAsync());
        }

        var background = GetAsync(Web with { ServiceAccount = "background" }, CertificatePriority.Background);
        _store.Prefetch(Web with { ServiceAccount = "warm" });
        _store.Prefetch(Web with { ServiceAccount = "raised" });
        var realTime = GetAsync(Web with { ServiceAccount = "real" });
        var raised = GetAsync(Web with { ServiceAccount = "raised" });
        Assert.True(await _authority.StaysIdleAsync());

        var order = new List<string>();
        foreach (var request in running.Take(4))
        {
            _authority.Issue(request);
            order.Add((await _authority.NextAsync()).Identity.ServiceAccount);
        }

        Assert.Equal(["real", "raised", "warm", "background"], order);
        Assert.False(background.IsCompleted || realTime.IsCompleted || raised.IsCompleted);
    }

    [Fact]
    public async Task A_forgotten_identity_fails_who_waits_and_leaves_nothing()
    {
        var waiting = GetAsync(Web);
        var request = await _authority.NextAsync();
        _store.Forget(Web);
        var error = await Assert.ThrowsAsync<CertificateException>(() => waiting);
        Assert.Contains("no longer needed", error.Message, StringComparison.Ordinal);
        _authority.Issue(request);
        _time.Advance(TimeSpan.FromDays(2));
        Assert.True(await _authority.StaysIdleAsync());
        Assert.Empty(_store.Status());
    }

    [Fact]
    public async Task What_is_known_is_not_prefetched_again()
    {
        await IssueAsync(Web);
        _store.Prefetch(Web);
        _store.Prefetch(Web);
        Assert.True(await _authority.StaysIdleAsync());
    }

    [Fact]
    public async Task A_caller_can_give_up_and_the_request_goes_on()
    {
        using var cancellation = new CancellationTokenSource();
        var waiting = _store.GetAsync(Web, cancellation: cancellation.Token).AsTask();
        var request = await _authority.NextAsync();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        var issued = _authority.Issue(request);
        await UntilAsync(() => Status().State == CertificateState.Available);
        Assert.Same(issued, await GetAsync(Web));
    }

    [Fact]
    public async Task The_end_of_the_store_ends_all_waits()
    {
        var waiting = GetAsync(Web);
        await _authority.NextAsync();
        await _store.DisposeAsync();
        await Assert.ThrowsAsync<CertificateException>(() => waiting);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => GetAsync(Web));
    }

    private async Task<WorkloadCertificate> GetAsync(SpiffeId identity, CertificatePriority priority = CertificatePriority.RealTime) =>
        await _store.GetAsync(identity, priority).AsTask().WaitAsync(Limit);

    private async Task<WorkloadCertificate> IssueAsync(SpiffeId identity, TimeSpan? lifetime = null)
    {
        var waiting = GetAsync(identity);
        _authority.Issue(await _authority.NextAsync(), lifetime);
        return await waiting;
    }

    private CertificateStatus Status() => Assert.Single(_store.Status());

    private static async Task UntilAsync(Func<bool> condition)
    {
        var patience = new CancellationTokenSource(Limit);
        while (!condition())
        {
            await Task.Delay(5, patience.Token);
        }
    }
}
