namespace Ambient.Proxy.Tests;

public sealed class DrainTests
{
    [Fact]
    public async Task First_nothing_new_then_after_the_deadline_nothing_at_all()
    {
        using var drain = new Drain(TimeProvider.System);
        Assert.False(drain.Started.IsCancellationRequested);
        var draining = drain.StartAsync(TimeSpan.FromMilliseconds(200));
        Assert.True(drain.Started.IsCancellationRequested);
        Assert.False(drain.Forced.IsCancellationRequested);
        await draining.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.True(drain.Forced.IsCancellationRequested);
    }

    [Fact]
    public async Task Told_again_it_does_not_wait()
    {
        using var drain = new Drain(TimeProvider.System);
        var draining = drain.StartAsync(TimeSpan.FromMinutes(5));
        await drain.ForceAsync();
        await draining.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.True(drain.Forced.IsCancellationRequested);
        await drain.StartAsync(TimeSpan.FromMinutes(5)).WaitAsync(TimeSpan.FromSeconds(10));
    }
}
