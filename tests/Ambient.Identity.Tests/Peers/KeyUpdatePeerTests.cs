using System.Security.Cryptography;
using System.Text;
using Ambient.Identity.Tests.Tls;
using Ambient.Identity.Tls;

namespace Ambient.Identity.Tests.Peers;

/// <summary>
/// New keys in the middle of conversations with other implementations: theirs on their own account, ours every few records, and
/// theirs because we ask for them.
/// </summary>
public sealed class KeyUpdatePeerTests : PeerFixture
{
    private const string GnuTlsSuites = "NONE:+VERS-TLS1.3:+AES-256-GCM:+AES-128-GCM:+AEAD:+GROUP-ALL:+SIGN-ALL:+CTYPE-ALL";

    /// <summary>Reverses nothing, echoes all.</summary>
    private const string NodeServer = """
        const tls = require('tls'), fs = require('fs');
        const [cert, key, ca] = process.argv.slice(1, 4).map(f => fs.readFileSync(f));
        tls.createServer({ cert, key, ca, requestCert: true, minVersion: 'TLSv1.3', ALPNProtocols: ['h2'], allowHalfOpen: true }, s => s.pipe(s))
          .listen(0, '127.0.0.1', function () { console.log(this.address().port); });
        """;

    private const string NodeClient = """
        const tls = require('tls'), fs = require('fs');
        const [cert, key, ca] = process.argv.slice(2, 5).map(f => fs.readFileSync(f));
        tls.connect({ port: +process.argv[1], host: '127.0.0.1', cert, key, ca, checkServerIdentity: () => undefined, allowHalfOpen: true }, function () { this.pipe(this); });
        """;

    /// <summary>Records per key of ours; a prime, so that updates fall everywhere.</summary>
    private static TlsOptions Often(TlsCipher cipher) => new() { RecordsPerKey = 7, PreferredCipher = cipher };

    [Theory]
    [InlineData("k", TlsCipher.Aes128Gcm)]
    [InlineData("K", TlsCipher.Aes128Gcm)]
    [InlineData("k", TlsCipher.Aes256Gcm)]
    [InlineData("K", TlsCipher.Aes256Gcm)]
    public async Task S_server_with_tickets_changes_keys(string command, TlsCipher cipher)
    {
        using var db = Authority.Files(DbUri);
        using var web = Authority.Certificate(WebUri, options: Often(cipher));
        var port = PeerProcess.FreePort();
        using var server = new PeerProcess(
            "openssl", "s_server", "-accept", $"127.0.0.1:{port}", "-cert", db.Leaf, "-key", db.Key, "-CAfile", db.Root, "-tls1_3", "-Verify", "1",
            "-num_tickets", "5");
        await server.ListensOnAsync(port);
        await AsClientAsync(web, port, async connection =>
        {
            // It reads nothing while it waits for the end of the handshake, which may come in pieces: the first lines would then be one.
            await SeesAsync(server, line => line.StartsWith("CIPHER is ", StringComparison.Ordinal));
            for (var round = 0; round < 10; round++)
            {
                // Its commands are lines of their own, and it reads its input in pieces: one at a time.
                await SayAsync(server, command);
                await Task.Delay(30);
                await SayAsync(server, $"server {round}");
                Assert.Equal($"server {round}\n", Encoding.ASCII.GetString(await ReadAsync(connection, $"server {round}\n".Length)));
                await LoopPair.WriteAsync(connection.Output, Encoding.ASCII.GetBytes($"client {round}\n"));
                await SeesAsync(server, $"client {round}");
            }
        });
    }

    [Theory]
    [InlineData("k", TlsCipher.Aes128Gcm)]
    [InlineData("K", TlsCipher.Aes128Gcm)]
    [InlineData("k", TlsCipher.Aes256Gcm)]
    [InlineData("K", TlsCipher.Aes256Gcm)]
    public async Task S_client_changes_keys(string command, TlsCipher cipher)
    {
        using var web = Authority.Files(WebUri);
        using var db = Authority.Certificate(DbUri, options: Often(TlsCipher.Aes128Gcm));
        var suites = cipher == TlsCipher.Aes128Gcm ? "TLS_AES_128_GCM_SHA256" : "TLS_AES_256_GCM_SHA384";
        await AsServerAsync(
            db,
            port => new PeerProcess(
                "openssl", "s_client", "-connect", $"127.0.0.1:{port}", "-cert", web.Leaf, "-key", web.Key, "-CAfile", web.Root, "-tls1_3", "-ciphersuites", suites),
            async (connection, peer) =>
            {
                for (var round = 0; round < 10; round++)
                {
                    await SayAsync(peer, command);
                    await Task.Delay(30);
                    await SayAsync(peer, $"client {round}");
                    Assert.Equal($"client {round}\n", Encoding.ASCII.GetString(await ReadAsync(connection, $"client {round}\n".Length)));
                    await LoopPair.WriteAsync(connection.Output, Encoding.ASCII.GetBytes($"server {round}\n"));
                    await SeesAsync(peer, $"server {round}");
                }
            });
    }

    [Theory]
    [InlineData(TlsCipher.Aes128Gcm)]
    [InlineData(TlsCipher.Aes256Gcm)]
    public async Task Gnutls_serv_follows_our_keys_and_changes_its_own_when_asked(TlsCipher cipher)
    {
        using var db = Authority.Files(DbUri);
        using var web = Authority.Certificate(WebUri, options: Often(cipher));
        var port = PeerProcess.FreePort();
        using var server = new PeerProcess(
            "gnutls-serv", "--echo", "--port", $"{port}", "--x509certfile", db.Leaf, "--x509keyfile", db.Key, "--x509cafile", db.Root,
            "--require-client-cert", "--verify-client-cert", "--alpn", "h2", "--priority", GnuTlsSuites, "--quiet");
        await server.ListensOnAsync(port);
        await AsClientAsync(web, port, connection => EchoesAsync(connection, rounds: 60, largest: 3000));
    }

    [Fact]
    public async Task Gnutls_cli_follows_our_keys()
    {
        using var web = Authority.Files(WebUri);
        using var db = Authority.Certificate(DbUri, options: Often(TlsCipher.Aes128Gcm));
        await AsServerAsync(
            db,
            port => new PeerProcess(
                "gnutls-cli", "--port", $"{port}", "--x509certfile", web.Leaf, "--x509keyfile", web.Key, "--insecure", "--alpn", "h2",
                "--priority", GnuTlsSuites, "--logfile", "/dev/null", "127.0.0.1"),
            async (connection, peer) =>
            {
                for (var round = 0; round < 30; round++)
                {
                    await SayAsync(peer, $"client {round}");
                    Assert.Equal($"client {round}\n", Encoding.ASCII.GetString(await ReadAsync(connection, $"client {round}\n".Length)));
                    await LoopPair.WriteAsync(connection.Output, Encoding.ASCII.GetBytes($"server {round}\n"));
                    await SeesAsync(peer, $"server {round}");
                }
            });
    }

    [Fact]
    public async Task Node_as_server_follows_our_keys_and_changes_its_own_when_asked()
    {
        using var db = Authority.Files(DbUri);
        using var web = Authority.Certificate(WebUri, options: Often(TlsCipher.Aes128Gcm));
        using var server = new PeerProcess("node", "-e", NodeServer, db.Leaf, db.Key, db.Root);
        var port = int.Parse((await server.Lines.ReadLineAsync().WaitAsync(LoopPair.Limit))!);
        await AsClientAsync(web, port, connection => EchoesAsync(connection, rounds: 60, largest: 60_000));
    }

    [Fact]
    public async Task Node_as_client_follows_our_keys_and_changes_its_own_when_asked()
    {
        using var web = Authority.Files(WebUri);
        using var db = Authority.Certificate(DbUri, options: Often(TlsCipher.Aes128Gcm));
        await AsServerAsync(
            db,
            port => new PeerProcess("node", "-e", NodeClient, $"{port}", web.Leaf, web.Key, web.Root),
            (connection, _) => EchoesAsync(connection, rounds: 60, largest: 60_000));
    }

    /// <summary>Sends lines of random length and expects each back.</summary>
    private static async Task EchoesAsync(TlsConnection connection, int rounds, int largest)
    {
        for (var round = 0; round < rounds; round++)
        {
            var line = Encoding.ASCII.GetBytes(Convert.ToBase64String(RandomNumberGenerator.GetBytes(1 + RandomNumberGenerator.GetInt32(largest))) + "\n");
            var writing = LoopPair.WriteAsync(connection.Output, line);
            Assert.Equal(line, await ReadAsync(connection, line.Length));
            await writing;
        }

        Assert.InRange(connection.KeyUpdates.Sent, rounds / 10, int.MaxValue);
        Assert.InRange(connection.KeyUpdates.Received, rounds / 10, int.MaxValue);
    }

    private static async Task SayAsync(PeerProcess peer, string line)
    {
        await peer.Input.WriteAsync(Encoding.ASCII.GetBytes(line + "\n"));
        await peer.Input.FlushAsync();
    }

    private static Task SeesAsync(PeerProcess peer, string line) => SeesAsync(peer, seen => seen == line);

    private static async Task SeesAsync(PeerProcess peer, Predicate<string> wanted)
    {
        string? seen;
        do
        {
            seen = await peer.Lines.ReadLineAsync().WaitAsync(LoopPair.Limit);
            Assert.True(seen is not null, peer.Errors);
        }
        while (!wanted(seen));
    }
}
