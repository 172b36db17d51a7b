using System.Diagnostics;

namespace Ambient.Linux.Tests;

/// <summary>Loops that share a thread: when they do, when they do not, and that nobody notices. Alone, because load is what it is about.</summary>
[Collection(Alone.Name)]
public sealed class LoopSharingTests : IAsyncLifetime
{
    private readonly List<Exception> _errors = [];
    private readonly EventLoop[] _loops;
    private bool _isBusy;

    public LoopSharingTests() => _loops = EventLoop.StartSharing(3, index => $"shared-{index}", _errors.Add);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        Volatile.Write(ref _isBusy, false);
        foreach (var loop in _loops)
        {
            await loop.DisposeAsync().AsTask().WithinLimit();
        }

        Assert.Empty(_errors);
    }

    [Fact]
    public async Task While_there_is_little_to_do_they_share_one()
    {
        var threads = new HashSet<int>();
        for (var round = 0; round < 20; round++)
        {
            foreach (var loop in _loops)
            {
                threads.Add(await ThreadOfAsync(loop));
            }

            await Task.Delay(10);
        }

        Assert.Single(threads);
    }

    [Fact]
    public async Task A_busy_one_is_left_alone_and_joined_again_when_it_is_quiet()
    {
        var busy = KeepBusyAsync(_loops[0]);
        await UntilAsync(async () => (await ThreadsAsync()).Distinct().Count() == 3);
        Volatile.Write(ref _isBusy, false);
        await busy.WithinLimit();
        await UntilAsync(async () => (await ThreadsAsync()).Distinct().Count() == 1);
    }

    [Fact]
    public async Task Those_that_are_busy_keep_their_threads()
    {
        var first = KeepBusyAsync(_loops[0]);
        await UntilAsync(async () => (await ThreadsAsync()).Distinct().Count() == 3);
        var second = KeepBusyAsync(_loops[1]);
        await Task.Delay(500); // what it does is judged over 200 ms, the first of which it was quiet
        await UntilAsync(async () => await ThreadOfAsync(_loops[1]) is var one && one != await ThreadOfAsync(_loops[0]));
        for (var round = 0; round < 20; round++)
        {
            Assert.NotEqual(await ThreadOfAsync(_loops[0]), await ThreadOfAsync(_loops[1]));
            await Task.Delay(10);
        }

        Volatile.Write(ref _isBusy, false);
        await Task.WhenAll(first, second).WithinLimit();
    }

    [Fact]
    public async Task Sockets_timers_and_posts_go_on_while_a_loop_changes_threads()
    {
        var loop = _loops[2];
        var (ticks, posts, echoes, ended) = (0, 0, 0, false);
        using var timer = loop.Every(TimeSpan.FromMilliseconds(5), () => ticks++);
        var talking = loop.RunAsync(async () =>
        {
            var (client, server) = await Sockets.PairAsync(loop);
            using (client)
            using (server)
            {
                var (question, answer) = (new byte[100], new byte[100]);
                while (!Volatile.Read(ref ended))
                {
                    Random.Shared.NextBytes(question);
                    await Sockets.SendAllAsync(client, question);
                    await ReadAllAsync(server, answer);
                    await Sockets.SendAllAsync(server, answer);
                    await ReadAllAsync(client, answer);
                    Assert.Equal(question, answer);
                    echoes++;
                    await loop.DelayAsync(TimeSpan.FromMilliseconds(1)); // a quiet loop
                }
            }
        });
        var threads = new HashSet<int>();
        for (var round = 0; round < 6; round++)
        {
            var busy = round % 2 == 0 ? KeepBusyAsync(_loops[0]) : Task.CompletedTask;
            var (ticked, echoed) = (Volatile.Read(ref ticks), Volatile.Read(ref echoes));
            for (var index = 0; index < 100; index++)
            {
                loop.Post(_ => posts++, null);
            }

            await UntilAsync(async () => (await ThreadOfAsync(loop) == await ThreadOfAsync(_loops[0])) == busy.IsCompleted
                && Volatile.Read(ref ticks) > ticked && Volatile.Read(ref echoes) > echoed);
            threads.Add(await ThreadOfAsync(loop));
            Volatile.Write(ref _isBusy, false);
            await busy.WithinLimit();
        }

        Volatile.Write(ref ended, true);
        await talking.WithinLimit();
        Assert.Equal(600, posts);
        Assert.True(threads.Count > 1);
    }

    [Fact]
    public async Task Guests_outlive_their_host()
    {
        await _loops[0].DisposeAsync().AsTask().WithinLimit();
        Assert.NotEqual(await ThreadOfAsync(_loops[1]), await ThreadOfAsync(_loops[2]));
        await _loops[1].RunAsync(() => _loops[1].DelayAsync(TimeSpan.FromMilliseconds(200))).WithinLimit(); // it looks for its host
        Assert.NotEqual(await ThreadOfAsync(_loops[1]), await ThreadOfAsync(_loops[2]));
    }

    [Fact]
    public async Task A_host_outlives_its_guests()
    {
        await _loops[2].DisposeAsync().AsTask().WithinLimit();
        await _loops[1].DisposeAsync().AsTask().WithinLimit();
        await ThreadOfAsync(_loops[0]);
        Assert.Throws<ObjectDisposedException>(() => _loops[1].Post(_ => { }, null));
    }

    [Fact]
    public async Task What_is_of_a_loop_goes_with_it()
    {
        var own = new LoopLocal<object>(loop => loop.Name);
        Assert.Equal(["shared-0", "shared-1", "shared-2"], await Task.WhenAll(_loops.Select(loop => loop.RunAsync(() => Task.FromResult(own.Of(loop))))));
    }

    private static async Task ReadAllAsync(TcpSocket socket, Memory<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var received = socket.TryReceive(buffer.Span);
            if (received.WouldBlock)
            {
                await socket.WaitReadableAsync();
                continue;
            }

            Assert.True(received.Ok && received.Count > 0, $"receive: {received.Error}");
            buffer = buffer[received.Count..];
        }
    }

    private static Task<int> ThreadOfAsync(EventLoop loop) => loop.RunAsync(() =>
    {
        Assert.Same(loop, EventLoop.Current);
        return Task.FromResult(Environment.CurrentManagedThreadId);
    }).WithinLimit();

    private Task<int[]> ThreadsAsync() => Task.WhenAll(_loops.Select(ThreadOfAsync));

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        var started = Stopwatch.GetTimestamp();
        while (!await holds())
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < Bounded.Limit, "It did not come about.");
            await Task.Delay(5);
        }
    }

    private Task KeepBusyAsync(EventLoop loop)
    {
        Volatile.Write(ref _isBusy, true);
        return loop.RunAsync(async () =>
        {
            while (Volatile.Read(ref _isBusy))
            {
                var started = Stopwatch.GetTimestamp();
                while (Stopwatch.GetElapsedTime(started).TotalMilliseconds < 1)
                {
                    Thread.SpinWait(100);
                }

                await loop.Yield();
            }
        });
    }
}
