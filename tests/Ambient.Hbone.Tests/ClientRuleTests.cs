using System.Text.Json;
using Ambient.Hbone.Tests.Support;
using static Ambient.Hbone.Tests.Support.RawFrame;

namespace Ambient.Hbone.Tests;

/// <summary>The client's side of the rules, and what both sides announce, compared with what ztunnel announces.</summary>
public sealed class ClientRuleTests
{
    private sealed record Fixture(Http2Connection Client, RawPeer Peer, Task<ConnectionEnd> End, Http2Stream Stream);

    private static readonly byte[] Ok = [0x88];

    public static TheoryData<string, byte, byte, int, byte[], Http2ErrorCode> ConnectionErrors => new()
    {
        { "HEADERS on a stream that was never opened", Headers, EndHeaders, 3, Ok, Http2ErrorCode.ProtocolError },
        { "HEADERS on an even stream", Headers, EndHeaders, 2, Ok, Http2ErrorCode.ProtocolError },
        { "PUSH_PROMISE", PushPromise, EndHeaders, 1, [0, 0, 0, 2], Http2ErrorCode.ProtocolError },
        { "SETTINGS_ENABLE_PUSH of a server", Settings, 0, 0, RawPeer.Setting(2, 1), Http2ErrorCode.ProtocolError },
        { "DATA on an idle stream", Data, 0, 7, [1], Http2ErrorCode.ProtocolError },
        { "WINDOW_UPDATE on an even stream", WindowUpdate, 0, 4, Int(1), Http2ErrorCode.ProtocolError },
    };

    [Theory]
    [MemberData(nameof(ConnectionErrors))]
    public Task A_server_that_breaks_a_rule_loses_the_connection(string name, byte type, byte flags, int id, byte[] payload, Http2ErrorCode code) => OnLoop.RunAsync(async () =>
    {
        Assert.NotEmpty(name);
        var (_, peer, end, _) = await StartAsync();
        await peer.SendAsync(type, flags, id, payload);
        await peer.ExpectGoAwayAsync(code);
        Assert.Equal(ConnectionEndReason.ProtocolError, (await end).Reason);
    });

    public static TheoryData<string, byte[]> MalformedResponses => new()
    {
        { "no status", RawPeer.Block(("x", "y")) },
        { "a status of two digits", RawPeer.Block((":status", "20")) },
        { "a status that is no number", RawPeer.Block((":status", "+20")) },
        { "101", RawPeer.Block((":status", "101")) },
        { "two statuses", RawPeer.Block((":status", "200"), (":status", "200")) },
        { "a request's pseudo-header field", RawPeer.Block((":status", "200"), (":path", "/")) },
        { "a connection-specific field", RawPeer.Block((":status", "200"), ("connection", "close")) },
        { "eleven interim responses", [] },
    };

    [Theory]
    [MemberData(nameof(MalformedResponses))]
    public Task A_malformed_response_costs_the_stream(string name, byte[] block) => OnLoop.RunAsync(async () =>
    {
        var (_, peer, _, stream) = await StartAsync();
        var waiting = stream.ResponseAsync().AsTask();
        var blocks = name.StartsWith("eleven", StringComparison.Ordinal) ? Enumerable.Repeat(RawPeer.Block((":status", "103")), 11) : [block];
        await peer.SendAsync([.. blocks.Select(bytes => new RawFrame(Headers, EndHeaders, 1, bytes))]);
        await peer.ExpectResetAsync(1, Http2ErrorCode.ProtocolError);
        await Assert.ThrowsAsync<Http2StreamException>(() => waiting);
        await peer.ExpectAliveAsync();
    });

    [Fact]
    public Task Data_before_the_response_costs_the_stream() => OnLoop.RunAsync(async () =>
    {
        var (_, peer, _, _) = await StartAsync();
        await peer.SendAsync(Data, 0, 1, [1]);
        await peer.ExpectResetAsync(1, Http2ErrorCode.ProtocolError);
    });

    [Fact]
    public Task Streams_are_limited_by_both_sides_and_room_is_announced() => OnLoop.RunAsync(async () =>
    {
        var (near, far) = MemoryTransport.Create();
        var peer = new RawPeer(far);
        var client = Http2Connection.Client(near, Http2Limits.ForClient(), new ByteBudget(ByteBudget.DefaultLimit));
        _ = client.RunAsync();
        Assert.Equal(100, client.MaxStreams); // assumed until the peer says otherwise
        var calls = 0;
        client.CapacityChanged = () => calls++;
        await peer.SendAsync(Settings, 0, 0, RawPeer.Setting(3, 2));
        await client.PeerSettings;
        Assert.Equal(2, client.MaxStreams);
        var first = client.Open(RequestHeaders.Connect("a:1"));
        client.Open(RequestHeaders.Connect("b:1"));
        Assert.False(client.CanOpen);
        Assert.Throws<InvalidOperationException>(() => client.Open(RequestHeaders.Connect("c:1")));
        var before = calls;
        first.Reset(Http2ErrorCode.Cancel);
        Assert.Equal(before + 1, calls);
        Assert.True(client.CanOpen);
        await peer.SendAsync(Settings, 0, 0, RawPeer.Setting(3, uint.MaxValue));
        await OnLoop.UntilAsync(() => client.MaxStreams == 200, "our own limit");
    });

    [Fact]
    public Task A_server_refuses_streams_beyond_its_limit_and_takes_new_ones_later() => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest();
        await server.Peer.StartAsClientAsync();
        for (var id = 1; id < 401; id += 2)
        {
            await server.Peer.ConnectAsync(id);
        }

        await server.Peer.ConnectAsync(401);
        await server.Peer.ExpectResetAsync(401, Http2ErrorCode.RefusedStream);
        Assert.Equal(200, server.Connection.ActiveStreams);
        server.Requests[7].Reset(Http2ErrorCode.Cancel);
        await server.OpenAsync(403);
    });

    [Fact]
    public Task Both_sides_announce_what_ztunnel_announces() => OnLoop.RunAsync(async () =>
    {
        var (near, far) = MemoryTransport.Create();
        var budget = new ByteBudget(ByteBudget.DefaultLimit);
        _ = Http2Connection.Client(near, Http2Limits.ForClient(), budget).RunAsync();
        var clientPeer = new RawPeer(far);
        await clientPeer.SkipPrefaceAsync();
        Assert.Equal(Recorded("hbone-client.jsonl"), await AnnouncedAsync(clientPeer));
        var server = new ServerUnderTest();
        Assert.Equal(Recorded("hbone-server.jsonl"), await AnnouncedAsync(server.Peer));
    });

    private static async Task<Fixture> StartAsync()
    {
        var (near, far) = MemoryTransport.Create();
        var peer = new RawPeer(far);
        var client = Http2Connection.Client(near, Http2Limits.ForClient(), new ByteBudget(ByteBudget.DefaultLimit));
        var end = client.RunAsync();
        await peer.SkipPrefaceAsync();
        await peer.StartAsServerAsync();
        return new Fixture(client, peer, end, client.Open(RequestHeaders.Connect("a:1")));
    }

    /// <summary>SETTINGS as the recordings write them: values that are not sent have the protocol's defaults.</summary>
    private static async Task<SortedDictionary<string, long>> AnnouncedAsync(RawPeer peer)
    {
        var settings = new SortedDictionary<string, long>(StringComparer.Ordinal)
        {
            ["headerTableSize"] = 4_096,
            ["enablePush"] = 1,
            ["maxConcurrentStreams"] = uint.MaxValue,
            ["enableConnectProtocol"] = 0,
        };
        string[] names = ["", "headerTableSize", "enablePush", "maxConcurrentStreams", "initialWindowSize", "maxFrameSize", "maxHeaderListSize"];
        var payload = (await peer.ExpectAsync(Settings)).Payload;
        for (var offset = 0; offset < payload.Length; offset += 6)
        {
            settings[names[payload[offset + 1]]] = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(payload.AsSpan(offset + 2));
        }

        settings["maxHeaderSize"] = settings["maxHeaderListSize"]; // Node's second name for it
        var update = await peer.ExpectAsync(WindowUpdate);
        Assert.Equal(0, update.StreamId);
        Assert.Equal((16u << 20) - 65_535, update.Number);
        return settings;
    }

    private static SortedDictionary<string, long> Recorded(string file)
    {
        var line = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Golden", "hbone", file)).Single(line => line.Contains("\"event\":\"settings\"", StringComparison.Ordinal));
        using var json = JsonDocument.Parse(line);
        return new SortedDictionary<string, long>(
            json.RootElement.GetProperty("settings").EnumerateObject().ToDictionary(
                property => property.Name,
                property => property.Value.ValueKind switch { JsonValueKind.True => 1, JsonValueKind.False => 0, _ => property.Value.GetInt64() }),
            StringComparer.Ordinal);
    }
}
