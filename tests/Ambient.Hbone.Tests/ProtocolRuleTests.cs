using System.Text;
using Ambient.Hbone.Tests.Support;
using static Ambient.Hbone.Tests.Support.RawFrame;

namespace Ambient.Hbone.Tests;

/// <summary>What RFC 9113 calls an error, with the code it asks for: connection errors end the connection, stream errors do not.</summary>
public sealed class ProtocolRuleTests
{
    private sealed record Offence(string Name, Http2ErrorCode Code, params RawFrame[] Frames);

    private static readonly byte[] Head = RawPeer.Block((":method", "CONNECT"), (":authority", "a:1"));

    public static TheoryData<string> ConnectionErrorNames => [.. ConnectionErrors.Select(offence => offence.Name)];

    public static TheoryData<string> StreamErrorNames => [.. StreamErrors.Select(offence => offence.Name)];

    private static Offence[] ConnectionErrors =>
    [
        new("DATA on stream 0", Http2ErrorCode.ProtocolError, new RawFrame(Data, 0, 0, [1])),
        new("DATA on an idle stream", Http2ErrorCode.ProtocolError, new RawFrame(Data, 0, 5, [1])),
        new("DATA padded beyond its length", Http2ErrorCode.ProtocolError, new RawFrame(Data, Padded, 1, [5, 1, 2])),
        new("DATA padded without a pad length", Http2ErrorCode.FrameSizeError, new RawFrame(Data, Padded, 1, [])),
        new("HEADERS on stream 0", Http2ErrorCode.ProtocolError, new RawFrame(Headers, EndHeaders, 0, Head)),
        new("HEADERS on an even stream", Http2ErrorCode.ProtocolError, new RawFrame(Headers, EndHeaders, 2, Head)),
        new("HEADERS padded beyond their length", Http2ErrorCode.ProtocolError, new RawFrame(Headers, EndHeaders | Padded, 3, [200, 1])),
        new("HEADERS without room for their priority", Http2ErrorCode.FrameSizeError, new RawFrame(Headers, EndHeaders | HasPriority, 3, [0, 0])),
        new("HEADERS that cannot be decompressed", Http2ErrorCode.CompressionError, new RawFrame(Headers, EndHeaders, 3, [0xff, 0xff, 0xff])),
        new("HEADERS with an index beyond the tables", Http2ErrorCode.CompressionError, new RawFrame(Headers, EndHeaders, 3, [0xfe])),
        new("HEADERS with index zero", Http2ErrorCode.CompressionError, new RawFrame(Headers, EndHeaders, 3, [0x80])),
        new("a table larger than announced", Http2ErrorCode.CompressionError, new RawFrame(Headers, EndHeaders, 3, [0x3f, 0xff, 0xff, 0x03])),
        new("CONTINUATION without HEADERS", Http2ErrorCode.ProtocolError, new RawFrame(Continuation, EndHeaders, 1, Head)),
        new("another frame inside a field block", Http2ErrorCode.ProtocolError, new RawFrame(Headers, 0, 3, Head), new RawFrame(Ping, 0, 0, new byte[8])),
        new("CONTINUATION of another stream", Http2ErrorCode.ProtocolError, new RawFrame(Headers, 0, 3, Head), new RawFrame(Continuation, EndHeaders, 1, [])),
        new("an unknown frame inside a field block", Http2ErrorCode.ProtocolError, new RawFrame(Headers, 0, 3, Head), new RawFrame(99, 0, 3, [])),
        new("PRIORITY on stream 0", Http2ErrorCode.ProtocolError, new RawFrame(Priority, 0, 0, new byte[5])),
        new("RST_STREAM on stream 0", Http2ErrorCode.ProtocolError, new RawFrame(Reset, 0, 0, new byte[4])),
        new("RST_STREAM on an idle stream", Http2ErrorCode.ProtocolError, new RawFrame(Reset, 0, 9, new byte[4])),
        new("RST_STREAM of five bytes", Http2ErrorCode.FrameSizeError, new RawFrame(Reset, 0, 1, new byte[5])),
        new("SETTINGS on a stream", Http2ErrorCode.ProtocolError, new RawFrame(Settings, 0, 1, new byte[6])),
        new("SETTINGS of seven bytes", Http2ErrorCode.FrameSizeError, new RawFrame(Settings, 0, 0, new byte[7])),
        new("an acknowledgement with entries", Http2ErrorCode.FrameSizeError, new RawFrame(Settings, Ack, 0, new byte[6])),
        new("ENABLE_PUSH of 2", Http2ErrorCode.ProtocolError, new RawFrame(Settings, 0, 0, RawPeer.Setting(2, 2))),
        new("INITIAL_WINDOW_SIZE of 2^31", Http2ErrorCode.FlowControlError, new RawFrame(Settings, 0, 0, RawPeer.Setting(4, 1u << 31))),
        new("MAX_FRAME_SIZE of 16383", Http2ErrorCode.ProtocolError, new RawFrame(Settings, 0, 0, RawPeer.Setting(5, 16_383))),
        new("MAX_FRAME_SIZE of 2^24", Http2ErrorCode.ProtocolError, new RawFrame(Settings, 0, 0, RawPeer.Setting(5, 1 << 24))),
        new("PUSH_PROMISE", Http2ErrorCode.ProtocolError, new RawFrame(PushPromise, EndHeaders, 1, [0, 0, 0, 2])),
        new("PING on a stream", Http2ErrorCode.ProtocolError, new RawFrame(Ping, 0, 1, new byte[8])),
        new("PING of seven bytes", Http2ErrorCode.FrameSizeError, new RawFrame(Ping, 0, 0, new byte[7])),
        new("GOAWAY on a stream", Http2ErrorCode.ProtocolError, new RawFrame(GoAway, 0, 1, new byte[8])),
        new("GOAWAY of seven bytes", Http2ErrorCode.FrameSizeError, new RawFrame(GoAway, 0, 0, new byte[7])),
        new("WINDOW_UPDATE of three bytes", Http2ErrorCode.FrameSizeError, new RawFrame(WindowUpdate, 0, 0, new byte[3])),
        new("a connection window update of zero", Http2ErrorCode.ProtocolError, new RawFrame(WindowUpdate, 0, 0, new byte[4])),
        new("WINDOW_UPDATE on an idle stream", Http2ErrorCode.ProtocolError, new RawFrame(WindowUpdate, 0, 7, Int(1))),
        new("a connection window past 2^31-1", Http2ErrorCode.FlowControlError, new RawFrame(WindowUpdate, 0, 0, Int(int.MaxValue))),
        new("an initial window that takes a stream past 2^31-1", Http2ErrorCode.FlowControlError,
            new RawFrame(WindowUpdate, 0, 1, Int(1_000)), new RawFrame(Settings, 0, 0, RawPeer.Setting(4, int.MaxValue))),
        new("a frame larger than announced", Http2ErrorCode.FrameSizeError, new RawFrame(Data, 0, 1, new byte[(1 << 20) + 1])),
        new("DATA after the end of a closed stream", Http2ErrorCode.StreamClosed,
            new RawFrame(Headers, EndHeaders | EndStream, 3, RawPeer.Block((":method", "GET"), (":scheme", "http"), (":path", "/"))),
            new RawFrame(Data, 0, 3, [1])),
        new("an older stream opened late", Http2ErrorCode.StreamClosed,
            new RawFrame(Headers, EndHeaders, 9, Head), new RawFrame(Headers, EndHeaders, 5, Head)),
    ];

    [Theory]
    [MemberData(nameof(ConnectionErrorNames))]
    public Task A_connection_error_is_answered_with_GOAWAY(string name) => OnLoop.RunAsync(async () =>
    {
        var offence = ConnectionErrors.Single(offence => offence.Name == name);
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        var reading = stream.Input.ReadToEndAsync();
        await server.Peer.SendAsync(offence.Frames);
        await server.Peer.ExpectGoAwayAsync(offence.Code);
        await server.ExpectEndAsync(ConnectionEndReason.ProtocolError);
        Assert.Equal(offence.Code, (await server.End).Code);
        await Assert.ThrowsAsync<Http2ConnectionException>(() => reading);
    });

    private static Offence[] StreamErrors =>
    [
        new("a stream window update of zero", Http2ErrorCode.ProtocolError, new RawFrame(WindowUpdate, 0, 1, new byte[4])),
        new("a stream window past 2^31-1", Http2ErrorCode.FlowControlError, new RawFrame(WindowUpdate, 0, 1, Int(int.MaxValue))),
        new("PRIORITY of four bytes", Http2ErrorCode.FrameSizeError, new RawFrame(Priority, 0, 1, new byte[4])),
        new("DATA after END_STREAM", Http2ErrorCode.StreamClosed, new RawFrame(Data, EndStream, 1, [1]), new RawFrame(Data, 0, 1, [1])),
        new("HEADERS after END_STREAM", Http2ErrorCode.StreamClosed, new RawFrame(Data, EndStream, 1, [1]), new RawFrame(Headers, EndHeaders | EndStream, 1, RawPeer.Block(("x", "y")))),
        new("HEADERS inside a tunnel", Http2ErrorCode.ProtocolError, new RawFrame(Headers, EndHeaders | EndStream, 1, RawPeer.Block(("x", "y")))),
    ];

    [Theory]
    [MemberData(nameof(StreamErrorNames))]
    public Task A_stream_error_costs_the_stream_only(string name) => OnLoop.RunAsync(async () =>
    {
        var offence = StreamErrors.Single(offence => offence.Name == name);
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        await server.Peer.SendAsync(offence.Frames);
        await server.Peer.ExpectResetAsync(1, offence.Code);
        Assert.Equal(offence.Code, stream.ResetCode);
        Assert.True(stream.Aborted.IsCancellationRequested);
        await server.Peer.ExpectAliveAsync();
        await server.OpenAsync(3);
    });

    [Fact]
    public Task More_data_than_the_streams_window_costs_the_stream() => OnLoop.RunAsync(async () =>
    {
        var (server, _) = await ServerUnderTest.WithTunnelAsync(new Http2Limits { StreamWindow = 65_535 });
        for (var sent = 0; sent < 4; sent++)
        {
            await server.Peer.SendAsync(Data, 0, 1, new byte[16_384]);
        }

        await server.Peer.ExpectResetAsync(1, Http2ErrorCode.FlowControlError);
        await server.Peer.ExpectAliveAsync();
    });

    [Fact]
    public Task More_data_than_the_connections_window_costs_the_connection() => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest(new Http2Limits { ConnectionWindow = 65_535, StreamWindow = 1 << 20 }, pauseAt: 4 << 20);
        await server.Peer.StartAsClientAsync();
        await server.OpenAsync(1);

        // One frame: credit goes back on receipt, so that only a single frame can exceed what is left.
        await server.Peer.SendAsync(Data, 0, 1, new byte[65_536]);
        await server.Peer.ExpectGoAwayAsync(Http2ErrorCode.FlowControlError);
    });

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")]
    public Task Another_protocol_is_refused(string bytes) => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest();
        await server.Peer.SendBytesAsync(Encoding.ASCII.GetBytes(bytes));
        await server.Peer.ExpectGoAwayAsync(Http2ErrorCode.ProtocolError);
        await server.ExpectEndAsync(ConnectionEndReason.ProtocolError);
    });

    [Fact]
    public Task The_first_frame_is_SETTINGS() => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest();
        await server.Peer.SendBytesAsync(RawPeer.Preface);
        await server.Peer.SendAsync(Ping, 0, 0, new byte[8]);
        await server.Peer.ExpectGoAwayAsync(Http2ErrorCode.ProtocolError);
    });

    [Fact]
    public Task Unknown_frames_settings_flags_and_the_reserved_bit_are_ignored() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        await server.Peer.SendAsync(
            new RawFrame(77, 0xff, 1, new byte[100]),
            new RawFrame(Settings, 0xfe, 0, RawPeer.Setting(0xabc, 5)),
            new RawFrame(Priority, 0, 1, [0, 0, 0, 1, 16]), // depends on itself: obsolete, and no reason to reset
            new RawFrame(Priority, 0, 99, new byte[5]),
            new RawFrame(Data, 0xf0, unchecked((int)0x8000_0001), "ok"u8.ToArray()));
        Assert.Equal("ok"u8.ToArray(), await stream.Input.ReadExactlyAsync(2));
        await server.Peer.ExpectAliveAsync();
    });

    [Fact]
    public Task Frames_that_cross_a_reset_of_ours_are_ignored() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        stream.Reset(Http2ErrorCode.Cancel);
        await server.Peer.ExpectResetAsync(1, Http2ErrorCode.Cancel);
        await server.Peer.SendAsync(
            new RawFrame(Data, 0, 1, new byte[1_000]), new RawFrame(WindowUpdate, 0, 1, Int(5)), new RawFrame(Reset, 0, 1, Int(8)));
        await server.Peer.ExpectAliveAsync();
    });

    [Fact]
    public Task A_stream_reset_long_ago_is_answered_with_a_reset_and_not_with_the_connections_end() => OnLoop.RunAsync(async () =>
    {
        var (server, stream) = await ServerUnderTest.WithTunnelAsync();
        stream.Reset(Http2ErrorCode.Cancel);
        for (var id = 3; id < 3 + (2 * 600); id += 2)
        {
            (await server.OpenAsync(id)).Reset(Http2ErrorCode.Cancel);
        }

        await server.Peer.SendAsync(Data, 0, 1, [1]);
        await server.Peer.ExpectResetAsync(1, Http2ErrorCode.StreamClosed);
        await server.Peer.ExpectAliveAsync();
    });

    [Fact]
    public Task A_request_handler_that_throws_ends_the_connection_and_is_heard_of() => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest(onRequest: _ => throw new InvalidTimeZoneException("a mistake"));
        await server.Peer.StartAsClientAsync();
        await server.Peer.ConnectAsync(1);
        await server.Peer.ExpectGoAwayAsync(Http2ErrorCode.InternalError);
        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => server.End);
    });
}
