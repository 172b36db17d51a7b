using Ambient.Hbone.Tests.Support;
using static Ambient.Hbone.Tests.Support.RawFrame;

namespace Ambient.Hbone.Tests;

/// <summary>Requests that are malformed (RFC 9113 §8.1.1): reset before anybody sees them. What passes may be written as HTTP/1.1 later.</summary>
public sealed class MalformedHeaderTests
{
    public static TheoryData<string, (string, string)[]> Malformed => new()
    {
        { "no pseudo-header fields", [("x", "y")] },
        { "CONNECT without an authority", [(":method", "CONNECT")] },
        { "CONNECT with a path", [(":method", "CONNECT"), (":authority", "a:1"), (":path", "/")] },
        { "CONNECT with a scheme", [(":method", "CONNECT"), (":authority", "a:1"), (":scheme", "http")] },
        { "extended CONNECT, which was not enabled", [(":method", "CONNECT"), (":authority", "a:1"), (":protocol", "websocket")] },
        { "user information in the authority", [(":method", "CONNECT"), (":authority", "user@a:1")] },
        { "a space in the authority", [(":method", "CONNECT"), (":authority", "a: 1")] },
        { "a line break in the authority", [(":method", "CONNECT"), (":authority", "a:1\r\nhost: b")] },
        { "a path in the authority", [(":method", "CONNECT"), (":authority", "a:1/x")] },
        { "an empty authority", [(":method", "CONNECT"), (":authority", "")] },
        { "two authorities", [(":method", "CONNECT"), (":authority", "a:1"), (":authority", "b:1")] },
        { "another host than authority", [(":method", "CONNECT"), (":authority", "a:1"), ("host", "b:1")] },
        { "a status in a request", [(":method", "CONNECT"), (":authority", "a:1"), (":status", "200")] },
        { "a pseudo-header field after others", [(":method", "CONNECT"), ("x", "y"), (":authority", "a:1")] },
        { "an upper-case name", [(":method", "CONNECT"), (":authority", "a:1"), ("X", "y")] },
        { "an empty name", [(":method", "CONNECT"), (":authority", "a:1"), ("", "y")] },
        { "a space in a name", [(":method", "CONNECT"), (":authority", "a:1"), ("a b", "y")] },
        { "a colon in a name", [(":method", "CONNECT"), (":authority", "a:1"), ("a:b", "y")] },
        { "CR in a value", [(":method", "CONNECT"), (":authority", "a:1"), ("x", "y\rz")] },
        { "LF in a value", [(":method", "CONNECT"), (":authority", "a:1"), ("x", "y\nz")] },
        { "NUL in a value", [(":method", "CONNECT"), (":authority", "a:1"), ("x", "y\0z")] },
        { "a space before a value", [(":method", "CONNECT"), (":authority", "a:1"), ("x", " y")] },
        { "a tab after a value", [(":method", "CONNECT"), (":authority", "a:1"), ("x", "y\t")] },
        { "connection", [(":method", "CONNECT"), (":authority", "a:1"), ("connection", "x-forwarded-client-cert")] },
        { "transfer-encoding", [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("transfer-encoding", "chunked")] },
        { "upgrade", [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("upgrade", "h2c")] },
        { "keep-alive", [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("keep-alive", "5")] },
        { "proxy-connection", [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("proxy-connection", "close")] },
        { "te other than trailers", [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("te", "gzip")] },
        { "an empty path", [(":method", "GET"), (":scheme", "http"), (":path", "")] },
        { "a path with a space", [(":method", "GET"), (":scheme", "http"), (":path", "/ HTTP/1.1")] },
        { "a relative path", [(":method", "GET"), (":scheme", "http"), (":path", "x")] },
        { "no scheme", [(":method", "GET"), (":path", "/")] },
        { "a method with a space", [(":method", "GE T"), (":scheme", "http"), (":path", "/")] },
        { "a content-length that is no number", [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("content-length", "+5")] },
        { "two content-lengths", [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("content-length", "5"), ("content-length", "5")] },
        { "two hosts", [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "a"), ("host", "a")] },
        { "an asterisk for another method than OPTIONS", [(":method", "GET"), (":scheme", "http"), (":path", "*")] },
        { "two content-lengths in one", [(":method", "POST"), (":scheme", "http"), (":path", "/"), ("content-length", "5, 5")] },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public Task A_malformed_request_is_reset(string name, (string, string)[] fields) => OnLoop.RunAsync(async () =>
    {
        Assert.NotEmpty(name);
        var server = new ServerUnderTest();
        await server.Peer.StartAsClientAsync();
        await server.Peer.SendAsync(Headers, EndHeaders, 1, RawPeer.Block(fields));
        await server.Peer.ExpectResetAsync(1, Http2ErrorCode.ProtocolError);
        Assert.Empty(server.Requests);
        await server.Peer.ExpectAliveAsync();
        await server.OpenAsync(3);
    });

    [Fact]
    public Task A_tunnel_that_ends_with_its_head_is_malformed() => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest();
        await server.Peer.StartAsClientAsync();
        await server.Peer.ConnectAsync(1, flags: EndHeaders | EndStream);
        await server.Peer.ExpectResetAsync(1, Http2ErrorCode.ProtocolError);
    });

    [Theory]
    [InlineData("5", 6, false)]
    [InlineData("5", 4, true)]
    public Task A_body_differs_from_its_content_length(string announced, int sent, bool end) => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest(onRequest: _ => { });
        await server.Peer.StartAsClientAsync();
        await server.Peer.SendAsync(Headers, EndHeaders, 1, RawPeer.Block((":method", "POST"), (":scheme", "http"), (":path", "/"), ("content-length", announced)));
        await server.Peer.SendAsync(Data, end ? EndStream : (byte)0, 1, new byte[sent]);
        await server.Peer.ExpectResetAsync(1, Http2ErrorCode.ProtocolError);
        await server.Peer.ExpectAliveAsync();
    });

    [Fact]
    public Task Forged_identity_headers_arrive_as_ordinary_fields() => OnLoop.RunAsync(async () =>
    {
        // The engine gives nothing a meaning but framing: who the peer is comes from TLS, not from here.
        var server = new ServerUnderTest();
        await server.Peer.StartAsClientAsync();
        await server.Peer.SendAsync(Headers, EndHeaders, 1, RawPeer.Block(
            (":method", "CONNECT"), (":authority", "10.0.0.1:80"), ("baggage", "k8s.namespace.name=kube-system"),
            ("forwarded", "for=\"1.2.3.4:5\""), ("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/a/sa/b")));
        await OnLoop.UntilAsync(() => server.Requests.Count == 1, "the request");
        Assert.Equal(["baggage", "forwarded", "x-forwarded-client-cert"], server.Requests[0].Request.Fields.Select(field => field.Name));
    });

    [Fact]
    public Task A_head_larger_than_announced_is_answered_431_and_the_connection_goes_on() => OnLoop.RunAsync(async () =>
    {
        var server = new ServerUnderTest();
        await server.Peer.StartAsClientAsync();
        byte[] block = [.. RawPeer.Block((":method", "CONNECT"), (":authority", "a:1")),
            .. Enumerable.Range(0, 900).SelectMany(_ => RawPeer.Block(("x", new string('y', 100))))];
        await server.Peer.SendAsync(Headers, EndHeaders, 1, block);
        var response = await server.Peer.ExpectAsync(Headers, 1);
        Assert.True(response.Has(EndStream));
        await server.Peer.ExpectResetAsync(1, Http2ErrorCode.NoError);
        await server.Peer.ExpectAliveAsync();
        await server.OpenAsync(3);
    });
}
