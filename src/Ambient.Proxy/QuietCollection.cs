using Ambient.Identity.Tls;
using Ambient.Linux;
using Ambient.Proxy.Transports;

namespace Ambient.Proxy;

/// <summary>
/// Gives memory back once a proxy has become quiet. Reading a large mesh leaves two to three times its size behind, and a burst of connections the
/// garbage of setting them up; a proxy that then is idle, or only carries bytes, allocates nothing that would make the collector look. A collection
/// stops all threads while it lasts, so it waits until hardly anything is done, and comes only after much was allocated.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="loops">Whose spare buffers go as well.</param>
public sealed class QuietCollection(TimeProvider time, IReadOnlyCollection<EventLoop> loops)
{
    /// <summary>How long little has to be done.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    /// <summary>Share of a core that counts as quiet: probes, metrics and a few requests.</summary>
    private const double Quiet = 0.02;

    /// <summary>Bytes allocated since the last time: what reading 10,000 workloads or setting up as many connections leaves, several times what the proxy itself needs.</summary>
    private const long Worthwhile = 32L << 20;

    private long _collectedAt;

    /// <summary>Collections that have been made.</summary>
    public int Count { get; private set; }

    /// <summary>Looks every <see cref="Period"/> until it is cancelled.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var used = Environment.CpuUsage.TotalTime;
        var since = time.GetTimestamp();
        while (true)
        {
            await Task.Delay(Period, time, cancellation);
            var (usedNow, now) = (Environment.CpuUsage.TotalTime, time.GetTimestamp());
            if (usedNow - used < time.GetElapsedTime(since, now) * Quiet && GC.GetTotalAllocatedBytes() - _collectedAt > Worthwhile)
            {
                await Task.WhenAll(loops.Select(loop => loop.RunAsync(ForgetBuffersAsync))).WaitAsync(cancellation);
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                NativeHeap.GiveBack();
                _collectedAt = GC.GetTotalAllocatedBytes();
                Count++;
            }

            (used, since) = (Environment.CpuUsage.TotalTime, time.GetTimestamp());
        }
    }

    private static Task ForgetBuffersAsync()
    {
        TlsMemory.GiveBack();
        SocketBlock.Forget();
        return Task.CompletedTask;
    }
}
