using System.Collections.Concurrent;

namespace Ambient.Kubernetes.Tests;

public sealed class WorkQueueTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task A_key_that_waits_is_worked_on_once()
    {
        var queue = new WorkQueue<string>("test");
        for (var i = 0; i < 100; i++)
        {
            queue.Add("a");
            queue.Add("b");
        }

        Assert.Equal(2, queue.Count);
        var seen = new ConcurrentQueue<string>();
        using var stop = new CancellationTokenSource();
        var running = queue.RunAsync(
            (key, _) =>
            {
                seen.Enqueue(key);
                return Task.CompletedTask;
            },
            4,
            stop.Token);
        await UntilAsync(() => seen.Count == 2);
        await stop.CancelAsync();
        await running.WaitAsync(Patience);
        Assert.Equal(["a", "b"], seen.Order());
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public async Task A_key_added_during_its_work_comes_again_afterwards_and_never_beside()
    {
        var queue = new WorkQueue<string>("test");
        var first = new TaskCompletionSource();
        int runs = 0, beside = 0, most = 0;
        using var stop = new CancellationTokenSource();
        queue.Add("a");
        var running = queue.RunAsync(
            async (_, _) =>
            {
                most = Math.Max(most, Interlocked.Increment(ref beside));
                if (Interlocked.Increment(ref runs) == 1)
                {
                    await first.Task;
                }

                Interlocked.Decrement(ref beside);
            },
            4,
            stop.Token);
        await UntilAsync(() => Volatile.Read(ref runs) == 1);
        queue.Add("a");
        queue.Add("a");
        await Task.Delay(50);
        Assert.Equal(1, Volatile.Read(ref runs));
        first.SetResult();
        await UntilAsync(() => Volatile.Read(ref runs) == 2);
        await Task.Delay(50);
        await stop.CancelAsync();
        await running.WaitAsync(Patience);
        Assert.Equal(2, runs);
        Assert.Equal(1, most);
    }

    [Fact]
    public async Task Failed_work_comes_back_after_growing_pauses_and_success_forgets_them()
    {
        var queue = new WorkQueue<string>("test") { FirstPause = TimeSpan.FromMilliseconds(40) };
        var times = new List<long>();
        using var stop = new CancellationTokenSource();
        queue.Add("a");
        var running = queue.RunAsync(
            (_, _) =>
            {
                times.Add(Environment.TickCount64);
                return times.Count is 4 or 6 ? Task.CompletedTask : throw new InvalidOperationException("again");
            },
            1,
            stop.Token);
        await UntilAsync(() => times.Count == 4);
        await Task.Delay(50);
        queue.Add("a");
        await UntilAsync(() => times.Count == 6);
        await stop.CancelAsync();
        await running.WaitAsync(Patience);
        // 40, 80, 160 ms, each at least 75 % of it; after the success the pause begins again at 40 ms, at most 125 %.
        Assert.InRange(times[1] - times[0], 29, 5000);
        Assert.InRange(times[2] - times[1], 59, 5000);
        Assert.InRange(times[3] - times[2], 119, 5000);
        Assert.InRange(times[5] - times[4], 29, 119);
    }

    [Fact]
    public async Task A_delayed_key_comes_when_due_and_an_earlier_call_wins()
    {
        var queue = new WorkQueue<string>("test");
        var started = Environment.TickCount64;
        var seen = new ConcurrentDictionary<string, long>();
        using var stop = new CancellationTokenSource();
        queue.AddAfter("late", TimeSpan.FromHours(1));
        queue.AddAfter("late", TimeSpan.FromMilliseconds(100));
        queue.AddAfter("late", TimeSpan.FromHours(2));
        var running = queue.RunAsync(
            (key, _) =>
            {
                seen[key] = Environment.TickCount64 - started;
                return Task.CompletedTask;
            },
            1,
            stop.Token);
        await UntilAsync(() => seen.ContainsKey("late"));
        Assert.InRange(seen["late"], 95, 5000);
        await stop.CancelAsync();
        await running.WaitAsync(Patience);
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public void A_full_queue_refuses_and_says_so()
    {
        var queue = new WorkQueue<int>("pods", capacity: 2);
        queue.Add(1);
        queue.Add(2);
        queue.Add(2);
        var error = Assert.Throws<InvalidOperationException>(() => queue.Add(3));
        Assert.Contains("pods: 2 keys wait already", error.Message, StringComparison.Ordinal);
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        var end = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (!condition())
        {
            Assert.True(Environment.TickCount64 < end, "Waited too long.");
            await Task.Delay(5);
        }
    }
}
