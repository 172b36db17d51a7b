using Ambient.Hbone.Tests.Support;
using static Ambient.Hbone.Tests.Support.RawFrame;

namespace Ambient.Hbone.Tests;

/// <summary>Streams that always have something to send share the connection equally.</summary>
public sealed class FairnessTests
{
    [Theory]
    [InlineData(8, false)]
    [InlineData(64, false)]
    [InlineData(8, true)]
    [InlineData(64, true)]
    public Task Busy_streams_get_equal_shares(int count, bool direct) => OnLoop.RunAsync(async () =>
    {
        var settings = RawPeer.Setting(4, int.MaxValue);
        var (server, first) = await ServerUnderTest.WithTunnelAsync(settings: settings);
        await server.Peer.SendAsync(WindowUpdate, 0, 0, Int(int.MaxValue - 65_535));
        List<Http2Stream> streams = [first];
        while (streams.Count < count)
        {
            streams.Add(await server.OpenAsync((2 * streams.Count) + 1));
        }

        foreach (var stream in streams)
        {
            stream.WritesDirectly = direct;
            _ = WriteForeverAsync(stream);
        }

        // Four whole rounds of quanta, after what the first streams sent before the others had started.
        var shares = new Dictionary<int, long>();
        for (var total = -2L * count * 256 * 1024; total < 4L * count * 256 * 1024;)
        {
            var frame = await server.Peer.ExpectAsync(Data);
            if (total < 0)
            {
                total += frame.Payload.Length;
                continue;
            }

            shares[frame.StreamId] = shares.GetValueOrDefault(frame.StreamId) + frame.Payload.Length;
            total += frame.Payload.Length;
        }

        Assert.Equal(count, shares.Count);
        var sum = (double)shares.Values.Sum();
        var jain = sum * sum / (count * shares.Values.Sum(share => (double)share * share));
        Assert.InRange(jain, 0.95, 1.0001);
        server.Connection.Abort(Http2ErrorCode.Cancel);
    });

    [Fact]
    public Task A_small_message_waits_for_no_more_than_one_turn_of_each_busy_stream() => OnLoop.RunAsync(async () =>
    {
        var (server, quiet) = await ServerUnderTest.WithTunnelAsync(settings: RawPeer.Setting(4, int.MaxValue));
        await server.Peer.SendAsync(WindowUpdate, 0, 0, Int(int.MaxValue - 65_535));
        for (var id = 3; id < 19; id += 2)
        {
            _ = WriteForeverAsync(await server.OpenAsync(id));
        }

        for (var received = 0L; received < 4 << 20;)
        {
            received += (await server.Peer.ExpectAsync(Data)).Payload.Length;
        }

        await quiet.Output.WriteAsync("ping"u8.ToArray());
        var before = 0L;
        RawFrame frame;
        while ((frame = await server.Peer.ExpectAsync(Data)).StreamId != 1)
        {
            before += frame.Payload.Length;
        }

        // Eight turns of a quantum, and what the transport (1 MiB here) already held.
        Assert.InRange(before, 0, (8 * 288 * 1024) + (1 << 20) + (512 * 1024));
        server.Connection.Abort(Http2ErrorCode.Cancel);
    });

    private static async Task WriteForeverAsync(Http2Stream stream)
    {
        try
        {
            while (true)
            {
                var memory = stream.Output.GetMemory();
                stream.Output.Advance(memory.Length);
                await stream.Output.FlushAsync();
            }
        }
        catch (IOException)
        {
        }
    }
}
