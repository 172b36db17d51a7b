namespace Ambient.Linux.Tests;

/// <summary>Tests that measure, or that press the runtime so hard that others would starve beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}

/// <summary>What the data path does for every byte must not feed the collector; and errors must be the call's own.</summary>
[Collection(Alone.Name)]
[Trait("Faults", "Off")]
public sealed class AllocationTests : IAsyncLifetime
{
    private readonly EventLoop _loop = EventLoop.Start("allocations");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _loop.DisposeAsync().AsTask().WithinLimit();

    [Fact]
    public Task Waiting_receiving_and_sending_allocate_nothing() => _loop.RunAsync(async () =>
    {
        var (client, server) = await Sockets.PairAsync(_loop);
        var echoing = EchoAsync(server);
        var buffer = new byte[100];
        async Task PingAsync(int rounds)
        {
            for (var round = 0; round < rounds; round++)
            {
                Require(client.TrySend(buffer).Count == 100);
                while (client.TryReceive(buffer).WouldBlock)
                {
                    await client.WaitReadableAsync();
                }
            }
        }

        await PingAsync(200);
        var before = GC.GetAllocatedBytesForCurrentThread();
        await PingAsync(5000);
        var perRound = (GC.GetAllocatedBytesForCurrentThread() - before) / 5000.0;
        Assert.True(perRound < 1, $"{perRound} bytes per round trip (one state machine for the whole run is allowed)");
        client.Dispose();
        await echoing;
        server.Dispose();
    }).WithinLimit();

    [Fact]
    public Task Yielding_and_end_of_turn_work_allocate_nothing() => _loop.RunAsync(async () =>
    {
        var item = new NoItem();
        async Task TurnsAsync(int count)
        {
            for (var index = 0; index < count; index++)
            {
                _loop.AtEndOfTurn(item);
                await _loop.Yield();
            }
        }

        await TurnsAsync(100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        await TurnsAsync(5000);
        var perTurn = (GC.GetAllocatedBytesForCurrentThread() - before) / 5000.0;
        Assert.True(perTurn < 1, $"{perTurn} bytes per turn");
    }).WithinLimit();

    /// <summary>
    /// errno is per thread and survives only until the next library call. The runtime makes its own when a call returns while a
    /// collection is waiting, so collections are forced while a socket answers "would block" again and again.
    /// </summary>
    [Fact]
    public async Task An_error_is_the_calls_own_also_while_the_collector_stops_the_world()
    {
        var ended = false;
        var collecting = Task.Run(() =>
        {
            var count = 0;
            while (!Volatile.Read(ref ended))
            {
                GC.Collect(0);
                count++;
            }

            return count;
        });
        await _loop.RunAsync(async () =>
        {
            var (client, server) = await Sockets.PairAsync(_loop);
            var buffer = new byte[10];
            for (var index = 0; index < 300_000; index++)
            {
                var result = server.TryReceive(buffer);
                if (result.Error != Errno.EAGAIN)
                {
                    Assert.Fail($"call {index}: {result}");
                }
            }

            client.Dispose();
            server.Dispose();
        }).WaitAsync(TimeSpan.FromSeconds(60));
        Volatile.Write(ref ended, true);
        Assert.True(await collecting > 10);
    }

    [Fact]
    public Task Connections_wait_while_descriptors_are_used_up() => _loop.RunAsync(async () =>
    {
        using var listener = Sockets.Listen(_loop);
        using var client = await Sockets.ConnectAsync(_loop, listener.LocalEndPoint);
        var accepting = AcceptWithoutDescriptors(listener);
        while (listener.AcceptsHeldBack == 0)
        {
            await _loop.DelayAsync(TimeSpan.FromMilliseconds(10));
        }

        using var server = await accepting;
        Assert.Equal(client.LocalEndPoint, server.RemoteEndPoint);
    }).WithinLimit();

    /// <summary>The first attempt meets a full table of descriptors, the next one does not.</summary>
    private static unsafe Task<TcpSocket> AcceptWithoutDescriptors(TcpSocket listener)
    {
        const int OpenFiles = 7;
        var limits = stackalloc ulong[2];
        Libc.GetResourceLimit(OpenFiles, limits);
        var lowered = stackalloc ulong[2] { 3, limits[1] };
        Libc.SetResourceLimit(OpenFiles, lowered);
        try
        {
            return listener.AcceptAsync().AsTask();
        }
        finally
        {
            Libc.SetResourceLimit(OpenFiles, limits);
        }
    }

    private static async Task EchoAsync(TcpSocket socket)
    {
        var buffer = new byte[100];
        while (true)
        {
            var received = socket.TryReceive(buffer);
            if (received.WouldBlock)
            {
                await socket.WaitReadableAsync();
                continue;
            }

            if (received.EndOfStream || !received.Ok)
            {
                return;
            }

            Require(socket.TrySend(buffer.AsSpan(0, received.Count)).Count == received.Count);
        }
    }

    /// <summary>Assertions of xunit allocate.</summary>
    private static void Require(bool condition)
    {
        if (!condition)
        {
            Assert.Fail("100 bytes did not fit an idle socket");
        }
    }

    private sealed class NoItem : IEndOfTurn
    {
        public void EndOfTurn()
        {
        }
    }
}
