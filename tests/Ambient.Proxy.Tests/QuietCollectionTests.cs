using System.Diagnostics;
using Ambient.Linux;
using Ambient.Proxy.Transports;

namespace Ambient.Proxy.Tests;

/// <summary>Memory that is given back when a proxy is quiet, and only then. Each test has a process's load to itself.</summary>
[Collection(nameof(QuietCollectionTests))]
[CollectionDefinition(nameof(QuietCollectionTests), DisableParallelization = true)]
public sealed class QuietCollectionTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Garbage_goes_when_it_is_quiet_and_not_before()
    {
        using var stop = new CancellationTokenSource();
        await using var loop = EventLoop.Start("quiet");
        var buffer = await SpareBufferAsync(loop);
        var collection = new QuietCollection(TimeProvider.System, [loop]);
        var running = collection.RunAsync(stop.Token);
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < QuietCollection.Period * 2)
        {
            for (var index = 0; index < 100; index++)
            {
                GC.KeepAlive(new byte[10_000]); // 1 MB a round: worth a collection, but it is not quiet
            }

            await Task.Yield();
        }

        Assert.Equal(0, collection.Count);
        started = Stopwatch.GetTimestamp();
        while (collection.Count == 0)
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < Limit, "nothing was collected");
            await Task.Delay(200);
        }

        Assert.False(buffer.IsAlive);
        await Task.Delay(QuietCollection.Period * 2);
        Assert.Equal(1, collection.Count); // nothing much was allocated since
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    /// <summary>Makes a loop keep a buffer for reuse. In a method of its own: a local variable would keep it alive.</summary>
    private static Task<WeakReference> SpareBufferAsync(EventLoop loop) => loop.RunAsync(() =>
    {
        var block = SocketBlock.Rent(SocketBlock.LargeSize);
        block.Release();
        return Task.FromResult(new WeakReference(block));
    });
}
