using System.Security.Cryptography;
using Ambient.Identity.Tests.Tls;
using Ambient.Identity.Tls;

namespace Ambient.Identity.Tests.Peers;

/// <summary>GnuTLS, and Node's TLS.</summary>
public sealed class OtherPeerTests : PeerFixture
{
    private const string GnuTlsSuites = "NONE:+VERS-TLS1.3:+AES-256-GCM:+AES-128-GCM:+AEAD:+GROUP-ALL:+SIGN-ALL:+CTYPE-ALL";

    /// <summary>Echoes what comes, tells what it saw of us, and sends its answer in pieces of random size.</summary>
    private const string NodeServer = """
        const tls = require('tls'), fs = require('fs');
        const [cert, key, ca] = process.argv.slice(1, 4).map(f => fs.readFileSync(f));
        tls.createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3', ALPNProtocols: ['h2'], allowHalfOpen: true }, s => {
          console.log(JSON.stringify({ sni: s.servername, alpn: s.alpnProtocol, cipher: s.getCipher().standardName, resumed: s.isSessionReused(), peer: s.getPeerCertificate().subjectaltname }));
          s.on('data', d => { while (d.length) { const n = 1 + Math.floor(Math.random() * 30000); s.write(d.subarray(0, n)); d = d.subarray(n); } });
          s.on('end', () => s.end());
        }).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
        """;

    /// <summary>Sends what comes on its standard input, prints what it receives, and ends when both have ended.</summary>
    private const string NodeClient = """
        const tls = require('tls'), fs = require('fs');
        const [cert, key, ca] = process.argv.slice(2, 5).map(f => fs.readFileSync(f));
        const s = tls.connect({ port: +process.argv[1], host: '127.0.0.1', cert, key, ca, checkServerIdentity: () => undefined, ALPNProtocols: ['h2'], allowHalfOpen: true });
        process.stdin.pipe(s);
        s.pipe(process.stdout);
        """;

    [Fact]
    public async Task Gnutls_serv_echoes()
    {
        using var db = Authority.Files(DbUri);
        using var web = Authority.Certificate(WebUri);
        var port = PeerProcess.FreePort();
        using var server = new PeerProcess(
            "gnutls-serv", "--echo", "--port", $"{port}", "--x509certfile", db.Leaf, "--x509keyfile", db.Key, "--x509cafile", db.Root,
            "--require-client-cert", "--verify-client-cert", "--alpn", "h2", "--alpn-fatal", "--priority", GnuTlsSuites, "--quiet");
        await server.ListensOnAsync(port);
        var line = new byte[200_000];
        Array.Fill(line, (byte)'x');
        line[^1] = (byte)'\n';
        await AsClientAsync(web, port, async connection =>
        {
            Assert.Equal(Db, connection.PeerIdentity);
            var writing = LoopPair.WriteAsync(connection.Output, line);
            Assert.Equal(line, await ReadAsync(connection, line.Length));
            await writing;
            await connection.CloseAsync(LoopPair.Limit);
        });
    }

    [Fact]
    public async Task Gnutls_cli_converses()
    {
        using var web = Authority.Files(WebUri);
        using var db = Authority.Certificate(DbUri);
        await AsServerAsync(db, port => new PeerProcess(
            "gnutls-cli", "--port", $"{port}", "--x509certfile", web.Leaf, "--x509keyfile", web.Key, "--insecure", "--alpn", "h2",
            "--priority", GnuTlsSuites, "--logfile", "/dev/null", "127.0.0.1"), async (connection, peer) =>
        {
            Assert.Equal(Web, connection.PeerIdentity);
            await peer.Input.WriteAsync("hello\n"u8.ToArray());
            await peer.Input.FlushAsync();
            Assert.Equal("hello\n"u8.ToArray(), await ReadAsync(connection, 6));
            await LoopPair.WriteAsync(connection.Output, "and back\n"u8.ToArray());
            await connection.Output.CompleteAsync();
            Assert.Contains("and back", await peer.Lines.ReadToEndAsync().WaitAsync(LoopPair.Limit), StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task Node_as_server_echoes_in_pieces_after_its_tickets()
    {
        using var db = Authority.Files(DbUri);
        using var web = Authority.Certificate(WebUri);
        using var server = new PeerProcess("node", "-e", NodeServer, db.Leaf, db.Key, db.Root);
        var port = int.Parse((await server.Lines.ReadLineAsync().WaitAsync(LoopPair.Limit))!);
        var data = RandomNumberGenerator.GetBytes(5_000_000);
        await AsClientAsync(web, port, async connection =>
        {
            var reading = LoopPair.ReadToEndAsync(connection.Input);
            await LoopPair.WriteAsync(connection.Output, data, 12345);
            await connection.Output.CompleteAsync();
            Assert.Equal(data, await reading);
        });
        var seen = await server.Lines.ReadLineAsync().WaitAsync(LoopPair.Limit);
        Assert.Equal(
            $$"""{"sni":false,"alpn":"h2","cipher":"TLS_AES_256_GCM_SHA384","resumed":false,"peer":"URI:{{WebUri}}"}""", seen);
    }

    [Fact]
    public async Task Node_as_client_sends_and_receives_with_half_close()
    {
        using var web = Authority.Files(WebUri);
        using var db = Authority.Certificate(DbUri);
        var up = RandomNumberGenerator.GetBytes(3_000_000);
        var down = RandomNumberGenerator.GetBytes(3_000_000);
        await AsServerAsync(db, port => new PeerProcess("node", "-e", NodeClient, $"{port}", web.Leaf, web.Key, web.Root), async (connection, peer) =>
        {
            Assert.Equal(Web, connection.PeerIdentity);
            var sending = Task.Run(async () =>
            {
                await peer.Input.WriteAsync(up);
                peer.Input.Close();
            });
            var receiving = Task.Run(peer.ReadAllAsync);
            Assert.Equal(up, await LoopPair.ReadToEndAsync(connection.Input));
            await sending;
            await LoopPair.WriteAsync(connection.Output, down, 54321);
            await connection.Output.CompleteAsync();
            Assert.Equal(down, await receiving);
            await peer.ExitAsync();
        });
    }
}
