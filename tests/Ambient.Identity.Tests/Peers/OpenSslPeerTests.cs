using System.Security.Cryptography;
using System.Text;
using Ambient.Identity.Tests.Tls;
using Ambient.Identity.Tls;

namespace Ambient.Identity.Tests.Peers;

/// <summary>OpenSSL's own programs, in their own processes.</summary>
public sealed class OpenSslPeerTests : PeerFixture
{
    private static readonly byte[] Question = Encoding.ASCII.GetBytes("hello\n");

    [Fact]
    public async Task Two_megabytes_go_both_ways_with_s_client()
    {
        using var web = Authority.Files(WebUri);
        using var db = Authority.Certificate(DbUri);
        var up = RandomNumberGenerator.GetBytes(2 << 20);
        var down = RandomNumberGenerator.GetBytes(2 << 20);
        await AsServerAsync(db, port => Client(port, web, "-quiet", "-alpn", "h2"), async (connection, peer) =>
        {
            Assert.Equal(Web, connection.PeerIdentity);
            var sending = Task.Run(() => peer.Input.WriteAsync(up).AsTask());
            var receiving = Task.Run(peer.ReadAllAsync);
            var writing = LoopPair.WriteAsync(connection.Output, down);
            Assert.Equal(up, await ReadAsync(connection, up.Length));
            await Task.WhenAll(sending, writing);
            await connection.Output.CompleteAsync();
            Assert.Equal(down, await receiving);
        });
    }

    [Fact]
    public async Task Keys_are_updated_when_s_client_asks()
    {
        using var web = Authority.Files(WebUri);
        using var db = Authority.Certificate(DbUri);
        await AsServerAsync(db, port => Client(port, web), async (connection, peer) =>
        {
            for (var round = 0; round < 3; round++)
            {
                await Task.Delay(100);
                await peer.Input.WriteAsync(Question);
                await peer.Input.FlushAsync();
                Assert.Equal(Question, await ReadAsync(connection, Question.Length));
                await Task.Delay(100);
                await peer.Input.WriteAsync("K\n"u8.ToArray());
                await peer.Input.FlushAsync();
                await Task.Delay(100);
                await LoopPair.WriteAsync(connection.Output, Encoding.ASCII.GetBytes($"answer {round}\n"));
                string? line;
                do
                {
                    line = await peer.Lines.ReadLineAsync().WaitAsync(LoopPair.Limit);
                    Assert.True(line is not null, peer.Errors);
                }
                while (line != $"answer {round}");
            }

            Assert.Contains("KEYUPDATE", peer.Errors, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_s_client_is_shown_is_the_leaf_and_its_intermediates_and_never_the_root(bool intermediate)
    {
        using var web = Authority.Files(WebUri);
        using var between = Authority.Intermediate("cluster one");
        using var db = intermediate
            ? between.Certificate(DbUri, roots: Authority.RootPem, intermediate: between.RootPem)
            : Authority.Certificate(DbUri);
        await AsServerAsync(db, port => Client(port, web, "-showcerts", "-alpn", "h2"), async (connection, peer) =>
        {
            await LoopPair.WriteAsync(connection.Output, Question);
            var shown = 0;
            while (await peer.Lines.ReadLineAsync().WaitAsync(LoopPair.Limit) is { } line && line != "hello")
            {
                shown += line.Contains("BEGIN CERTIFICATE", StringComparison.Ordinal) ? 1 : 0;
            }

            Assert.Equal(intermediate ? 2 : 1, shown);
        });
    }

    [Fact]
    public async Task S_server_answers_and_sees_our_certificate()
    {
        using var db = Authority.Files(DbUri);
        using var web = Authority.Certificate(WebUri);
        var port = PeerProcess.FreePort();
        using var server = Server(port, db, "-rev", "-alpn", "h2");
        await server.ListensOnAsync(port);
        await AsClientAsync(web, port, async connection =>
        {
            Assert.Equal(Db, connection.PeerIdentity);
            await LoopPair.WriteAsync(connection.Output, Question);
            Assert.Equal("olleh\n"u8.ToArray(), await ReadAsync(connection, Question.Length));
            await connection.CloseAsync(LoopPair.Limit);
        });
    }

    [Fact]
    public async Task A_client_without_a_certificate_is_refused()
    {
        using var web = Authority.Files(WebUri);
        await RefusedAsync(port => new PeerProcess("openssl", "s_client", "-connect", $"127.0.0.1:{port}", "-CAfile", web.Root, "-tls1_3", "-quiet"),
            TlsFailure.NoPeerCertificate);
    }

    [Fact]
    public async Task A_client_of_another_authority_is_refused()
    {
        using var stranger = new TestAuthority("a stranger");
        using var files = stranger.Files(WebUri);
        await File.WriteAllTextAsync(files.Root, Authority.RootPem);
        await RefusedAsync(port => Client(port, files, "-quiet"), TlsFailure.UntrustedPeer);
    }

    [Fact]
    public async Task A_client_without_an_identity_is_refused()
    {
        using var files = Authority.Files(null);
        await RefusedAsync(port => Client(port, files, "-quiet"), TlsFailure.WrongPeerIdentity);
    }

    [Fact]
    public async Task TLS_1_2_is_refused()
    {
        using var files = Authority.Files(WebUri);
        await RefusedAsync(port => new PeerProcess(
            "openssl", "s_client", "-connect", $"127.0.0.1:{port}", "-cert", files.Leaf, "-key", files.Key, "-tls1_2", "-quiet"), TlsFailure.NothingInCommon);
    }

    [Fact]
    public async Task A_client_that_wants_another_protocol_is_refused()
    {
        using var files = Authority.Files(WebUri);
        await RefusedAsync(port => Client(port, files, "-quiet", "-alpn", "http/1.1"), TlsFailure.NothingInCommon);
    }

    [Fact]
    public async Task A_client_with_another_cipher_is_refused()
    {
        using var files = Authority.Files(WebUri);
        await RefusedAsync(port => Client(port, files, "-quiet", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"), TlsFailure.NothingInCommon);
    }

    [Fact]
    public async Task A_server_of_TLS_1_2_is_refused()
    {
        using var db = Authority.Files(DbUri);
        using var web = Authority.Certificate(WebUri);
        var port = PeerProcess.FreePort();
        using var server = new PeerProcess("openssl", "s_server", "-accept", $"127.0.0.1:{port}", "-cert", db.Leaf, "-key", db.Key, "-tls1_2", "-quiet");
        await server.ListensOnAsync(port);
        var failure = await Assert.ThrowsAsync<TlsException>(() => AsClientAsync(web, port, _ => Task.CompletedTask));
        Assert.Equal(TlsFailure.NothingInCommon, failure.Failure);
    }

    [Fact]
    public async Task A_killed_peer_cuts_the_stream()
    {
        using var web = Authority.Files(WebUri);
        using var db = Authority.Certificate(DbUri);
        await AsServerAsync(db, port => Client(port, web, "-quiet"), async (connection, peer) =>
        {
            await peer.Input.WriteAsync(Question);
            await peer.Input.FlushAsync();
            Assert.Equal(Question, await ReadAsync(connection, Question.Length));
            peer.Kill();
            var failure = await Assert.ThrowsAsync<TlsException>(async () => await connection.Input.ReadAsync());
            Assert.Contains(failure.Failure, new[] { TlsFailure.Truncated, TlsFailure.ConnectionLost });
        });
    }

    private async Task RefusedAsync(Func<int, PeerProcess> start, TlsFailure reason)
    {
        using var db = Authority.Certificate(DbUri);
        var failure = await Assert.ThrowsAsync<TlsException>(() => AsServerAsync(db, start, (_, _) => Task.CompletedTask));
        Assert.Equal(reason, failure.Failure);
    }

    private static PeerProcess Client(int port, PeerFiles files, params string[] more) => new(
        "openssl",
        ["s_client", "-connect", $"127.0.0.1:{port}", "-cert", files.Leaf, "-key", files.Key, "-CAfile", files.Root, "-tls1_3", "-verify_return_error", .. more]);

    private static PeerProcess Server(int port, PeerFiles files, params string[] more) => new(
        "openssl",
        ["s_server", "-accept", $"127.0.0.1:{port}", "-cert", files.Leaf, "-key", files.Key, "-CAfile", files.Root, "-tls1_3", "-Verify", "1", "-verify_return_error", .. more]);
}
