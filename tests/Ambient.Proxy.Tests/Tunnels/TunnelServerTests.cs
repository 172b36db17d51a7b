using System.Net.Sockets;
using Ambient.Hbone;
using Ambient.Identity.Certificates;
using Ambient.Identity.Tls;
using Ambient.Linux;

namespace Ambient.Proxy.Tests.Tunnels;

public sealed class TunnelServerTests : ProxyFixture
{
    private static readonly RequestHeaders Connect = RequestHeaders.Connect("10.0.0.1:80");

    [Fact]
    public async Task Requests_are_served_with_the_peers_proved_identity() => await OnLoopAsync(async () =>
    {
        var seen = new List<string>();
        await using var server = Serve((tunnel, stream) =>
        {
            seen.Add($"{tunnel.PeerIdentity} {stream.Request.Authority}");
            return EchoAsync(tunnel, stream);
        });
        var tunnel = await DialAsync(server.Address);
        using var stream = tunnel.Connection.Open(Connect);
        Assert.Equal("hi"u8.ToArray(), await AskAsync(stream, "hi"u8.ToArray()));
        Assert.Equal([$"{Web} 10.0.0.1:80"], seen);
        Assert.Equal(1, server.Sockets);
        await tunnel.DisposeAsync();
        await UntilAsync(() => server.Sockets == 0, "the socket is gone");
    });

    [Fact]
    public async Task A_request_that_comes_along_with_the_handshake_is_served() => await OnLoopAsync(async () =>
    {
        await using var server = Serve((tunnel, stream) =>
        {
            Assert.False(tunnel.Ended.IsCompleted);
            Assert.Equal(Web, tunnel.PeerIdentity);
            return EchoAsync(tunnel, stream);
        });
        for (var round = 0; round < 20; round++)
        {
            // Sent within the turn in which the client's last handshake message goes out.
            var tunnel = await DialAsync(server.Address);
            using var stream = tunnel.Connection.Open(Connect);
            Assert.Equal("hi"u8.ToArray(), await AskAsync(stream, "hi"u8.ToArray()));
            await tunnel.DisposeAsync();
        }
    });

    [Fact]
    public async Task Who_is_no_peer_is_told_with_its_address_and_others_go_on() => await OnLoopAsync(async () =>
    {
        await using var server = Serve(EchoAsync);
        using var rubbish = await ConnectAsync(server.Address);
        await SendAsync(rubbish, "GET / HTTP/1.1\r\n\r\n"u8.ToArray());
        await UntilAsync(() => server.Refused.Count == 1, "rubbish is refused");
        Assert.Equal(rubbish.LocalEndPoint, server.Refused[0].Peer);
        Assert.Equal(TlsFailure.Protocol, Assert.IsType<TlsException>(server.Refused[0].Failure).Failure);

        var reset = await ConnectAsync(server.Address);
        reset.Abort();
        await UntilAsync(() => server.Refused.Count == 2, "a reset is told");

        var tunnel = await DialAsync(server.Address);
        using var stream = tunnel.Connection.Open(Connect);
        Assert.Equal("hi"u8.ToArray(), await AskAsync(stream, "hi"u8.ToArray()));
        await tunnel.DisposeAsync();
    });

    [Fact]
    public async Task Without_a_certificate_connections_are_refused_until_there_is_one() => await OnLoopAsync(async () =>
    {
        await using var server = Serve(EchoAsync);
        server.Context = _ => ValueTask.FromException<TlsContext>(new CertificateException("the CA is down"));
        await Assert.ThrowsAsync<TlsException>(() => DialAsync(server.Address));
        Assert.Equal("the CA is down", Assert.Single(server.Refused).Failure.Message);

        server.Context = null;
        await (await DialAsync(server.Address)).DisposeAsync();
    });

    [Fact]
    public async Task Stopping_lets_open_streams_go_on_and_ends_with_the_last() => await OnLoopAsync(async () =>
    {
        await using var server = Serve(EchoAsync);
        var tunnel = await DialAsync(server.Address);
        using var stream = tunnel.Connection.Open(Connect);
        await AskAsync(stream, "x"u8.ToArray());
        server.Server.Stop();
        var refused = await Assert.ThrowsAsync<LinuxException>(() => ConnectAsync(server.Address));
        Assert.Equal(Errno.ECONNREFUSED, refused.Error);
        await UntilAsync(() => tunnel.Connection.IsEnding, "the peer is told");
        Assert.Equal("more"u8.ToArray(), await AskAsync(stream, "more"u8.ToArray()));
        Assert.False(server.Running.IsCompleted);
        await stream.Output.CompleteAsync();
        Assert.True((await stream.Input.ReadAsync()).IsCompleted);
        await server.Running.WaitAsync(Limit);
        Assert.True((await tunnel.Ended.WaitAsync(Limit)).IsClean);
    });

    [Fact]
    public async Task Aborting_cuts_what_is_open() => await OnLoopAsync(async () =>
    {
        await using var server = Serve(EchoAsync);
        var tunnel = await DialAsync(server.Address);
        using var stream = tunnel.Connection.Open(Connect);
        await AskAsync(stream, "x"u8.ToArray());
        server.Server.Abort();
        await Assert.ThrowsAnyAsync<IOException>(async () => await stream.Input.ReadAsync());
        await server.Running.WaitAsync(Limit);
        await tunnel.Ended.WaitAsync(Limit);
    });

    [Fact]
    public async Task A_silent_connection_ends_with_its_deadline_and_a_stop_does_not_wait_for_it() => await OnLoopAsync(async () =>
    {
        await using var server = Serve(EchoAsync);
        using var silent = await ConnectAsync(server.Address);
        await UntilAsync(() => server.Sockets == 1, "it is accepted");
        server.Server.Stop();
        await server.Running.WaitAsync(TimeSpan.FromSeconds(2));
        Assert.Equal(0, server.Sockets);
    });
}
