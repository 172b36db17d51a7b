using System.Diagnostics;
using System.Net;

namespace Ambient.Linux.Tests;

public sealed class EventLoopTests : IAsyncLifetime
{
    private readonly EventLoop _loop = EventLoop.Start("test loop");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _loop.DisposeAsync().AsTask().WithinLimit();

    [Fact]
    public async Task Work_of_any_thread_runs_on_the_loop_and_in_order()
    {
        var seen = new List<(int, bool)>();
        for (var index = 0; index < 1000; index++)
        {
            _loop.Post(state => seen.Add(((int)state!, _loop.IsCurrent)), index);
        }

        await _loop.RunAsync(() => Task.CompletedTask).WithinLimit();
        Assert.Equal(Enumerable.Range(0, 1000).Select(index => (index, true)), seen);
    }

    [Fact]
    public async Task Work_posted_by_many_threads_at_once_is_all_run()
    {
        var count = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var index = 0; index < 5000; index++)
            {
                _loop.Post(_ => count++, null);
            }
        }))).WithinLimit();
        await _loop.RunAsync(() => Task.CompletedTask).WithinLimit();
        Assert.Equal(40000, count);
    }

    [Fact]
    public async Task An_await_of_an_ordinary_task_comes_back_to_the_loop() =>
        await _loop.RunAsync(async () =>
        {
            await Task.Delay(5);
            Assert.Same(_loop, EventLoop.Current);
            await Task.Run(() => Assert.Null(EventLoop.Current));
            Assert.Same(_loop, EventLoop.Current);
            await Task.Yield();
            Assert.Same(_loop, EventLoop.Current);
        }).WithinLimit();

    [Fact]
    public async Task Results_and_errors_of_work_reach_its_owner()
    {
        Assert.Equal(17, await _loop.RunAsync(async () =>
        {
            await Task.Yield();
            return 17;
        }).WithinLimit());
        await Assert.ThrowsAsync<FormatException>(() => _loop.RunAsync(() => throw new FormatException()).WithinLimit());
        await Assert.ThrowsAsync<FormatException>(() => _loop.RunAsync(async () =>
        {
            await Task.Yield();
            throw new FormatException();
        }).WithinLimit());
    }

    [Fact]
    public async Task Timers_fire_in_order_of_their_time_and_never_early() =>
        await _loop.RunAsync(async () =>
        {
            List<int> fired;
            TimeSpan arming;
            do
            {
                fired = [];
                var start = Stopwatch.GetTimestamp();
                var waits = new[] { 30, 10, 50, 20, 40, 0 }.Select(async milliseconds =>
                {
                    var watch = Stopwatch.StartNew();
                    await _loop.DelayAsync(TimeSpan.FromMilliseconds(milliseconds), CancellationToken.None);
                    Assert.True(watch.Elapsed.TotalMilliseconds >= milliseconds, $"{watch.Elapsed} < {milliseconds} ms");
                    fired.Add(milliseconds);
                }).ToList();
                arming = Stopwatch.GetElapsedTime(start);
                await Task.WhenAll(waits);
            }
            while (arming.TotalMilliseconds > 8); // the machine was busy meanwhile, and the later ones began later
            Assert.Equal([0, 10, 20, 30, 40, 50], fired);
        }).WithinLimit();

    [Fact]
    public async Task A_timer_that_is_cancelled_leaves_nothing_behind() =>
        await _loop.RunAsync(async () =>
        {
            using var cancellation = new CancellationTokenSource();
            var waits = Enumerable.Range(0, 1000)
                .Select(index => _loop.DelayAsync(TimeSpan.FromHours(1 + (index % 7)), cancellation.Token)).ToList();
            var later = _loop.DelayAsync(TimeSpan.FromMilliseconds(20), CancellationToken.None);
            await Task.Run(cancellation.Cancel);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(waits));
            Assert.All(waits, wait => Assert.True(wait.IsCanceled));
            await later;
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _loop.DelayAsync(TimeSpan.Zero, cancellation.Token));
        }).WithinLimit();

    [Fact]
    public void A_timer_heap_gives_back_what_was_not_removed_in_order()
    {
        var random = new Random(5);
        var heap = new TimerHeap();
        var timers = Enumerable.Range(0, 500).Select(_ => new NoTimer { Due = random.Next(100) }).ToList();
        timers.ForEach(heap.Add);
        var removed = timers.Where(_ => random.Next(2) == 0).ToList();
        removed.ForEach(heap.Remove);
        removed.ForEach(heap.Remove); // once more does nothing
        var rest = new List<long>();
        while (heap.First is { } first)
        {
            rest.Add(first.Due);
            heap.Remove(first);
        }

        Assert.Equal(timers.Except(removed).Select(timer => timer.Due).Order(), rest);
    }

    [Fact]
    public async Task A_heartbeat_goes_on_until_it_is_disposed()
    {
        var beats = 0;
        var heartbeat = _loop.Every(TimeSpan.FromMilliseconds(5), () => Interlocked.Increment(ref beats));
        await Bounded.Until(() => Volatile.Read(ref beats) >= 5, "five beats");
        heartbeat.Dispose();
        await _loop.RunAsync(() => Task.CompletedTask);
        var last = Volatile.Read(ref beats);
        await Task.Delay(50);
        Assert.Equal(last, Volatile.Read(ref beats));
    }

    [Fact]
    public async Task A_deadline_calls_once_and_not_at_all_once_disposed() =>
        await _loop.RunAsync(async () =>
        {
            var due = new List<object?>();
            var kept = _loop.After(TimeSpan.FromMilliseconds(10), due.Add, "kept");
            var dropped = _loop.After(TimeSpan.FromMilliseconds(10), due.Add, "dropped");
            dropped.Dispose();
            await _loop.DelayAsync(TimeSpan.FromMilliseconds(60));
            Assert.Equal(["kept"], due);
            kept.Dispose();
        }).WithinLimit();

    [Fact]
    public async Task End_of_turn_items_run_after_the_turn_and_once_per_request() =>
        await _loop.RunAsync(async () =>
        {
            var item = new CountingItem(_loop);
            _loop.AtEndOfTurn(item);
            Assert.Equal(0, item.Runs);
            await _loop.Yield();
            await _loop.Yield();
            Assert.Equal(1, item.Runs);
            item.Again = 20;
            _loop.AtEndOfTurn(item);
            await _loop.DelayAsync(TimeSpan.FromMilliseconds(5), CancellationToken.None);
            Assert.Equal(22, item.Runs); // an item that asks again and again is run, but other work has its turns between
        }).WithinLimit();

    [Fact]
    public async Task A_yield_lets_the_other_work_go_first() =>
        await _loop.RunAsync(async () =>
        {
            var order = new List<string>();
            _loop.Post(_ => order.Add("posted"), null);
            await _loop.Yield();
            order.Add("first yield");
            await _loop.Yield();
            Assert.Equal(["posted", "first yield"], order);
            var before = _loop.Turns;
            await _loop.Yield();
            Assert.Equal(before + 1, _loop.Turns);
        }).WithinLimit();

    [Fact]
    public async Task Work_that_throws_is_reported_and_the_loop_goes_on()
    {
        var errors = new List<Exception>();
        await using var loop = EventLoop.Start("reporting", errors.Add);
        loop.Post(_ => throw new FormatException("one"), null);
        await loop.RunAsync(() =>
        {
            loop.Every(TimeSpan.FromHours(1), () => { }).Dispose();
            return Task.CompletedTask;
        }).WithinLimit();
        Assert.Equal("one", Assert.Single(errors).Message);
    }

    [Fact]
    public async Task The_end_of_a_loop_wakes_everybody_and_refuses_more()
    {
        var loop = EventLoop.Start("ending");
        TcpSocket? listener = null;
        var accepting = loop.RunAsync(async () =>
        {
            listener = Sockets.Listen(loop);
            await listener.AcceptAsync();
        });
        var delaying = loop.RunAsync(() => loop.DelayAsync(TimeSpan.FromHours(1), CancellationToken.None));
        var elsewhere = new TaskCompletionSource();
        var after = loop.RunAsync(async () => await elsewhere.Task);
        await loop.RunAsync(() => Task.CompletedTask);
        await loop.DisposeAsync().AsTask().WithinLimit();
        await loop.DisposeAsync().AsTask().WithinLimit();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => accepting.WithinLimit());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => delaying.WithinLimit());
        elsewhere.SetResult();
        await after.WithinLimit(); // its owner is told although the loop is gone
        Assert.Throws<ObjectDisposedException>(() => loop.Post(_ => { }, null));
        Assert.True(listener!.IsClosed);
    }

    [Fact]
    public async Task An_event_of_a_closed_socket_does_not_reach_the_one_that_got_its_number() =>
        await _loop.RunAsync(async () =>
        {
            // Other tests of this process may take the number first; then the round proves nothing and is repeated.
            var rounds = 0;
            while (!await ReplaceInOneTurn())
            {
                Assert.True(++rounds < 200, "never got the number of a closed socket again");
            }
        }).WithinLimit();

    private async Task<bool> ReplaceInOneTurn()
    {
        var (client, server) = await Sockets.PairAsync(_loop);
        var (otherClient, otherServer) = await Sockets.PairAsync(_loop);
        await server.WaitWritableAsync();
        await otherServer.WaitWritableAsync();
        Assert.True(server.TryReceive(new byte[10]).WouldBlock);
        Assert.True(otherServer.TryReceive(new byte[10]).WouldBlock);

        // Both become readable in one turn; whoever is told first closes the other and opens a fresh socket in its place.
        TcpSocket? fresh = null;
        var reused = false;
        void Replace(TcpSocket victim)
        {
            if (fresh is null)
            {
                var number = victim.Descriptor;
                victim.Dispose();
                fresh = TakeNumber(number);
                reused = fresh.Descriptor == number;
                fresh.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                fresh.Listen(1);
            }
        }

        var first = WaitThen(server, () => Replace(otherServer));
        var second = WaitThen(otherServer, () => Replace(server));
        await Sockets.SendAllAsync(client, new byte[] { 1 });
        await Sockets.SendAllAsync(otherClient, new byte[] { 1 });
        await Task.WhenAll(first, second);
        await _loop.Yield();
        Assert.NotNull(fresh);
        Assert.False(fresh.IsReadable);
        foreach (var socket in new[] { client, server, otherClient, otherServer, fresh })
        {
            socket.Dispose();
        }

        return reused;
    }

    /// <summary>The kernel gives the lowest free number, so the gaps below are filled first.</summary>
    private TcpSocket TakeNumber(int number)
    {
        var gaps = new List<TcpSocket>();
        TcpSocket socket;
        do
        {
            socket = TcpSocket.Create(_loop, System.Net.Sockets.AddressFamily.InterNetwork);
            gaps.Add(socket);
        }
        while (socket.Descriptor < number);
        gaps.Remove(socket);
        gaps.ForEach(gap => gap.Dispose());
        return socket;
    }

    private static async Task WaitThen(TcpSocket socket, Action action)
    {
        await socket.WaitReadableAsync();
        action();
    }

    private sealed class NoTimer : LoopTimer
    {
        public override void Fire()
        {
        }

        public override void OnLoopEnding()
        {
        }
    }

    private sealed class CountingItem(EventLoop loop) : IEndOfTurn
    {
        public int Runs { get; private set; }

        public int Again { get; set; }

        public void EndOfTurn()
        {
            Runs++;
            if (Again-- > 0)
            {
                loop.AtEndOfTurn(this);
            }
        }
    }
}
