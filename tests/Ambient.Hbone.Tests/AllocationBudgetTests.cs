using Ambient.Hbone.Tests.Support;

namespace Ambient.Hbone.Tests;

/// <summary>What the data path allocates, against bench/budgets.json. Everything happens on the test's own thread.</summary>
[Collection(MeasuredAlone.Name)]
public sealed class AllocationBudgetTests
{
    private const int Chunks = 1_000;

    [Theory]
    [InlineData(false, false, "allocatedBytesPerQueuedChunk")]
    [InlineData(true, false, "allocatedBytesPerDirectChunk")]
    [InlineData(true, true, "allocatedBytesPerLentChunk")]
    public void A_chunk_of_data_allocates_no_more_than_its_budget(bool direct, bool lent, string budget)
    {
        var (transport, client, server, stream, accepted) = Start();
        stream.WritesDirectly = direct;
        var received = new Counter();
        accepted.Receiver = lent ? received : null;
        var sink = SinkAsync(accepted, received);
        SendChunks(transport, stream, 200);

        // The best of five: a collection that another test forces empties the shared pool, which then allocates anew.
        var allocated = long.MaxValue;
        for (var attempt = 0; attempt < 5; attempt++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            SendChunks(transport, stream, Chunks);
            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal((200 + (5 * Chunks)) * 16_000L, received.Bytes);
        Assert.InRange(allocated, 0, Budgets.Get(budget) * Chunks);
        stream.Dispose();
        transport.Run();
        Assert.True(sink.IsCompleted);
        GC.KeepAlive((client, server));
    }

    /// <summary>What a relay does: places of several frames at a time, from a stream that needs neither reader nor writer.</summary>
    [Fact]
    public void A_relayed_chunk_allocates_no_more_than_its_budget()
    {
        var (transport, client, server, stream, accepted) = Start();
        var (near, far) = (new Relay(), new Relay());
        stream.Attach(near);
        accepted.Attach(far);
        Send(200);
        var allocated = long.MaxValue;
        for (var attempt = 0; attempt < 5; attempt++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Send(Chunks);
            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal((200 + (5 * Chunks)) * 16_000L, far.Bytes);
        Assert.InRange(allocated, 0, Budgets.Get("allocatedBytesPerRelayedChunk") * Chunks);
        stream.EndOutput();
        transport.Run();
        Assert.True(far.HasEnded);
        GC.KeepAlive((client, server));

        void Send(int count)
        {
            for (var index = 0; index < count; index++)
            {
                for (var left = 16_000; left > 0;)
                {
                    var places = stream.Lend(left);
                    stream.Commit(places.Capacity);
                    left -= places.Capacity;
                }

                transport.Run();
            }
        }
    }

    [Fact]
    public void An_idle_relayed_tunnel_holds_no_more_than_its_budget()
    {
        var limits = new Http2Limits { MaxConcurrentStreams = 20_000, AssumedPeerStreams = 20_000 };
        List<Http2Stream> streams = [];
        var (transport, client, server, _, _) = Start(limits, streams.Add);
        const int Count = 10_000;
        var relay = new Relay();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var index = 0; index < Count; index++)
        {
            var stream = client.Open(RequestHeaders.Connect("10.0.0.1:80"));
            transport.Run();
            stream.Attach(relay);
            streams[^1].Attach(relay);
            streams.Add(stream);
        }

        Assert.InRange((GC.GetTotalMemory(forceFullCollection: true) - before) / Count, 0, Budgets.Get("retainedBytesPerRelayedTunnel"));
        Assert.Equal(Count + 1, server.ActiveStreams);
    }

    [Fact]
    public void A_tunnel_allocates_no_more_than_its_budget()
    {
        var (transport, client, _, _, _) = Start();
        const int Count = 500;
        OpenAndClose(transport, client, 100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        OpenAndClose(transport, client, Count);
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / Count, 0, Budgets.Get("allocatedBytesPerConnect"));
    }

    [Fact]
    public void An_idle_tunnel_holds_no_more_than_its_budget()
    {
        var limits = new Http2Limits { MaxConcurrentStreams = 20_000, AssumedPeerStreams = 20_000 };
        var (transport, client, server, _, _) = Start(limits);
        const int Count = 10_000;
        var streams = new List<Http2Stream>(Count);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var index = 0; index < Count; index++)
        {
            streams.Add(client.Open(RequestHeaders.Connect("10.0.0.1:80")));
            transport.Run();
        }

        Assert.InRange((GC.GetTotalMemory(forceFullCollection: true) - before) / Count, 0, Budgets.Get("retainedBytesPerIdleTunnel"));
        Assert.Equal(Count + 1, server.ActiveStreams);
        GC.KeepAlive(streams);
    }

    private static (SteppedTransport, Http2Connection Client, Http2Connection Server, Http2Stream Stream, Http2Stream Accepted) Start(
        Http2Limits? limits = null, Action<Http2Stream>? onAccepted = null)
    {
        var transport = new SteppedTransport();
        var budget = new ByteBudget(ByteBudget.DefaultLimit);
        Http2Stream? accepted = null;
        var client = Http2Connection.Client(transport.Near, limits ?? Http2Limits.ForClient(), budget);
        var server = Http2Connection.Server(transport.Far, limits ?? Http2Limits.ForServer(), budget, stream =>
        {
            accepted = stream;
            onAccepted?.Invoke(stream);
            stream.Respond(200, [], endStream: false);
        });
        _ = client.RunAsync();
        _ = server.RunAsync();
        transport.Run();
        var stream = client.Open(RequestHeaders.Connect("10.0.0.1:80"));
        transport.Run();
        return (transport, client, server, stream, accepted!);
    }

    private static void SendChunks(SteppedTransport transport, Http2Stream stream, int count)
    {
        for (var index = 0; index < count; index++)
        {
            for (var left = 16_000; left > 0;)
            {
                var memory = stream.Output.GetMemory();
                var take = Math.Min(left, memory.Length);
                stream.Output.Advance(take);
                left -= take;
                var flushed = stream.Output.FlushAsync();
                Assert.True(flushed.IsCompletedSuccessfully);
            }

            transport.Run();
        }
    }

    private static void OpenAndClose(SteppedTransport transport, Http2Connection client, int count)
    {
        HeaderField[] fields = [new("baggage", "k8s.cluster.name=Kubernetes,k8s.namespace.name=shop,k8s.deployment.name=client")];
        for (var index = 0; index < count; index++)
        {
            var stream = client.Open(RequestHeaders.Connect("10.0.0.1:80", fields));
            transport.Run();
            stream.Reset(Http2ErrorCode.Cancel);
            transport.Run();
            client.Tick(index * 1_000L);
        }
    }

    private static async Task SinkAsync(Http2Stream stream, Counter received)
    {
        while (true)
        {
            var result = await stream.Input.ReadAsync();
            received.Bytes += result.Buffer.Length;
            stream.Input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                return;
            }
        }
    }

    private sealed class Relay : IStreamRelay
    {
        public long Bytes { get; private set; }

        public bool HasEnded { get; private set; }

        public long Receive(in System.Buffers.ReadOnlySequence<byte> bytes)
        {
            Bytes += bytes.Length;
            return bytes.Length;
        }

        public void OnTurn()
        {
        }

        public void OnEnd() => HasEnded = true;

        public void OnFailed(IOException error)
        {
        }
    }

    private sealed class Counter : IStreamReceiver
    {
        public long Bytes { get; set; }

        public long Receive(in System.Buffers.ReadOnlySequence<byte> bytes)
        {
            Bytes += bytes.Length;
            return bytes.Length;
        }
    }
}
