using System.Buffers;
using Ambient.Hbone.Tests.Support;
using static Ambient.Hbone.Tests.Support.RawFrame;

namespace Ambient.Hbone.Tests;

/// <summary>A receiver takes bytes from the transport's memory; what it leaves is read in the ordinary way, in order.</summary>
public sealed class ReceiverTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void What_is_taken_and_what_is_read_make_the_whole(int seed)
    {
        var random = new Random(seed);
        var transport = new SteppedTransport(() => random.Next(1, 60_000));
        var budget = new ByteBudget(ByteBudget.DefaultLimit);
        Http2Stream? accepted = null;
        var client = Http2Connection.Client(transport.Near, Http2Limits.ForClient(), budget);
        var server = Http2Connection.Server(transport.Far, Http2Limits.ForServer(), budget, stream =>
        {
            accepted = stream;
            stream.Respond(200, [], endStream: false);
        });
        _ = client.RunAsync();
        _ = server.RunAsync();
        transport.Run();
        var stream = client.Open(RequestHeaders.Connect("a:1"));
        transport.Run();
        var all = new ArrayBufferWriter<byte>();
        var receiver = new Taker(all, length => random.Next(4) switch { 0 => 0, 1 => length, _ => random.NextInt64(length + 1) });
        accepted!.Receiver = receiver;
        var reading = ReadRestAsync(accepted, all);
        var sent = new byte[2_000_000];
        random.NextBytes(sent);
        for (var offset = 0; offset < sent.Length; offset += 20_000)
        {
            _ = stream.Output.WriteAsync(sent.AsMemory(offset, 20_000)).AsTask();
            transport.Run();
        }

        stream.Output.Complete();
        transport.Run();
        Assert.True(reading.IsCompletedSuccessfully);
        Assert.True(all.WrittenSpan.SequenceEqual(sent));
        Assert.True(receiver.Calls > 20);
        Assert.Equal(0, budget.Held);
        GC.KeepAlive(server);
    }

    /// <summary>A server is still reaching its application when its client gives up: a relay that begins all the same lends nothing.</summary>
    [Fact]
    public void A_request_that_was_cancelled_before_its_answer_lends_nothing()
    {
        var transport = new SteppedTransport(() => int.MaxValue);
        var budget = new ByteBudget(ByteBudget.DefaultLimit);
        Http2Stream? accepted = null;
        var client = Http2Connection.Client(transport.Near, Http2Limits.ForClient(), budget);
        var server = Http2Connection.Server(transport.Far, Http2Limits.ForServer(), budget, stream => accepted = stream);
        _ = client.RunAsync();
        _ = server.RunAsync();
        transport.Run();
        var stream = client.Open(RequestHeaders.Connect("a:1"));
        transport.Run();
        stream.Reset(Http2ErrorCode.Cancel);
        transport.Run();
        accepted!.Respond(200, [], endStream: false);
        accepted.WritesDirectly = true;
        Assert.True(accepted.Lend(100).IsEmpty);
        GC.KeepAlive(server);
    }

    [Fact]
    public Task Several_frames_of_one_pass_come_in_one_call() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        var all = new ArrayBufferWriter<byte>();
        var receiver = new Taker(all, length => length);
        stream.Receiver = receiver;
        var reading = ReadRestAsync(stream, all);
        await server.Peer.SendBytesAsync([.. Enumerable.Range(0, 10).SelectMany(i => new RawFrame(Data, 0, 1, [(byte)i, (byte)i]).ToBytes())]);
        await server.Peer.ExpectAliveAsync();
        Assert.Equal(1, receiver.Calls);
        Assert.Equal(20, all.WrittenCount);
        Assert.Equal(0, server.Budget.Held);
        await server.Peer.SendAsync(Data, EndStream, 1, [99]);
        await reading;
        Assert.Equal(21, all.WrittenCount);
    });

    [Theory]
    [InlineData(Http2ErrorCode.Cancel, true)]
    [InlineData(Http2ErrorCode.InternalError, false)]
    public Task A_reset_behind_the_data_keeps_or_drops_it_as_for_any_reader(Http2ErrorCode code, bool keeps) => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        var all = new ArrayBufferWriter<byte>();
        stream.Receiver = new Taker(all, length => length);
        var reading = ReadRestAsync(stream, all);
        await server.Peer.SendBytesAsync([.. new RawFrame(Data, 0, 1, [1, 2, 3]).ToBytes(), .. new RawFrame(Reset, 0, 1, Int((uint)code)).ToBytes()]);
        if (keeps)
        {
            await reading;
        }
        else
        {
            await Assert.ThrowsAsync<Http2StreamException>(() => reading);
        }

        Assert.Equal(keeps ? 3 : 0, all.WrittenCount);
        Assert.Equal(0, server.Budget.Held);
    });

    [Fact]
    public Task A_receiver_may_reset_its_stream() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        stream.Receiver = new Taker(new ArrayBufferWriter<byte>(), length =>
        {
            stream.Reset(Http2ErrorCode.ConnectError);
            return length;
        });
        var reading = ReadRestAsync(stream, new ArrayBufferWriter<byte>());
        await server.Peer.SendAsync(Data, 0, 1, [1, 2, 3]);
        await server.Peer.ExpectResetAsync(1, Http2ErrorCode.ConnectError);
        await Assert.ThrowsAsync<Http2StreamException>(() => reading);
        await server.Peer.ExpectAliveAsync();
        Assert.Equal(0, server.Budget.Held);
    });

    [Fact]
    public Task What_a_receiver_took_gives_the_peer_credit() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync(new Http2Limits { StreamWindow = 65_535 });
        stream.Receiver = new Taker(new ArrayBufferWriter<byte>(), length => length);
        _ = ReadRestAsync(stream, new ArrayBufferWriter<byte>());
        for (var round = 0; round < 20; round++)
        {
            await server.Peer.SendAsync(Data, 0, 1, new byte[16_384]);
            await server.Peer.SendAsync(Data, 0, 1, new byte[16_384]);
            Assert.Equal(32_768u, (await server.Peer.ExpectAsync(WindowUpdate, 1)).Number);
        }
    });

    private static async Task ReadRestAsync(Http2Stream stream, ArrayBufferWriter<byte> all)
    {
        while (true)
        {
            var result = await stream.Input.ReadAsync();
            foreach (var memory in result.Buffer)
            {
                all.Write(memory.Span);
            }

            stream.Input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                return;
            }
        }
    }

    private sealed class Taker(ArrayBufferWriter<byte> all, Func<long, long> choose) : IStreamReceiver
    {
        public int Calls { get; private set; }

        public long Receive(in ReadOnlySequence<byte> bytes)
        {
            Calls++;
            var taken = choose(bytes.Length);
            foreach (var memory in bytes.Slice(0, taken))
            {
                all.Write(memory.Span);
            }

            return taken;
        }
    }
}
