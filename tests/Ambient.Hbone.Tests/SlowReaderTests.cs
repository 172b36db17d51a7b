using Ambient.Hbone.Tests.Support;
using static Ambient.Hbone.Tests.Support.RawFrame;

namespace Ambient.Hbone.Tests;

/// <summary>A connection that has met a slow reader narrows its windows, and widens those of readers that keep up.</summary>
public sealed class SlowReaderTests
{
    private const int Wide = 1 << 20;
    private const int Narrow = 65_535;

    private static readonly Http2Limits Limits = new() { StreamWindow = Wide, SlowStreamWindow = Narrow };

    [Fact]
    public Task A_reader_that_falls_behind_narrows_the_windows_of_all() => OnLoop.RunAsync(async () =>
    {
        var server = await WithSlowReaderAsync();
        // Under way before the peer had seen it: allowed.
        await server.Peer.SendAsync(Data, 0, 1, new byte[10_000]);
        await server.Peer.SendAsync(Settings, Ack, 0);
        await server.Peer.ExpectAliveAsync();
        // From here on the window of the slow stream is used up, and a new one has the narrow window.
        await server.Peer.SendAsync(Data, 0, 1, 1);
        await server.Peer.ExpectResetAsync(1, Http2ErrorCode.FlowControlError);
        await server.OpenAsync(3);
        await server.Peer.SendAsync(Enumerable.Repeat(new RawFrame(Data, 0, 3, new byte[13_107]), 5).ToArray());
        await server.Peer.ExpectAliveAsync();
        await server.Peer.SendAsync(Data, 0, 3, 1);
        await server.Peer.ExpectResetAsync(3, Http2ErrorCode.FlowControlError);
        server.Connection.Abort(Http2ErrorCode.Cancel);
    });

    [Fact]
    public Task A_slow_reader_gets_credit_again_once_it_has_caught_up() => OnLoop.RunAsync(async () =>
    {
        var server = await WithSlowReaderAsync();
        await server.Peer.SendAsync(Settings, Ack, 0);
        await server.Peer.ExpectAliveAsync();
        await server.Requests[0].Input.ReadExactlyAsync(70_000);
        var update = await server.Peer.ExpectAsync(WindowUpdate, 1);
        // What it read, and as much again because it keeps up now.
        Assert.Equal(70_000u + Narrow, update.Number);
        server.Connection.Abort(Http2ErrorCode.Cancel);
    });

    [Fact]
    public Task The_window_of_a_reader_that_keeps_up_grows_to_the_first_width_and_no_further() => OnLoop.RunAsync(async () =>
    {
        var server = await WithSlowReaderAsync();
        await server.Peer.SendAsync(Settings, Ack, 0);
        var stream = await server.OpenAsync(3);
        var window = (long)Narrow;
        for (var round = 0; round < 10; round++)
        {
            while (window > 16_000)
            {
                await server.Peer.SendAsync(Data, 0, 3, new byte[16_000]);
                await stream.Input.ReadExactlyAsync(16_000);
                window -= 16_000;
            }

            while (window < Narrow / 2)
            {
                window += (await server.Peer.ExpectAsync(WindowUpdate, 3)).Number;
            }
        }

        Assert.InRange(window, Wide / 2, Wide);
        server.Connection.Abort(Http2ErrorCode.Cancel);
    });

    /// <summary>Stream 1 has 70,000 bytes that nobody reads, and the narrow windows were announced.</summary>
    private static async Task<ServerUnderTest> WithSlowReaderAsync()
    {
        var (server, _) = await ServerUnderTest.WithTunnelAsync(Limits);
        await server.Peer.SendAsync(Enumerable.Repeat(new RawFrame(Data, 0, 1, new byte[14_000]), 5).ToArray());
        var settings = await server.Peer.ExpectAsync(Settings);
        Assert.Equal(RawPeer.Setting(4, Narrow), settings.Payload);
        return server;
    }
}
