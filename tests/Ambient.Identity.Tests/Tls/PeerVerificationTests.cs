using Ambient.Api;
using Ambient.Identity.Certificates;
using Ambient.Identity.Tls;

namespace Ambient.Identity.Tests.Tls;

/// <summary>Who is refused, by which side, and what both sides are told.</summary>
public sealed class PeerVerificationTests : IAsyncDisposable
{
    private const string WebUri = "spiffe://cluster.local/ns/shop/sa/web";
    private const string DbUri = "spiffe://cluster.local/ns/shop/sa/db";

    private static readonly SpiffeId Db = SpiffeId.Parse(DbUri);

    private readonly TestAuthority _authority = new();
    private readonly TestAuthority _stranger = new("another root");
    private readonly LoopPair _pair = new();

    public async ValueTask DisposeAsync()
    {
        await _pair.DisposeAsync();
        _authority.Dispose();
        _stranger.Dispose();
    }

    [Fact]
    public async Task A_server_of_another_authority_is_refused() =>
        await ClientRefusesAsync(_stranger.Certificate(DbUri, roots: _authority.RootPem), TlsFailure.UntrustedPeer, "roots that our CA gave us", Db);

    [Fact]
    public async Task An_expired_server_is_refused() => await ClientRefusesAsync(
        _authority.Certificate(DbUri, DateTimeOffset.UtcNow.AddHours(-2), DateTimeOffset.UtcNow.AddHours(-1)),
        TlsFailure.PeerCertificateNotValidNow,
        "clocks",
        Db);

    [Fact]
    public async Task A_server_that_is_not_valid_yet_is_refused() => await ClientRefusesAsync(
        _authority.Certificate(DbUri, DateTimeOffset.UtcNow.AddHours(1), DateTimeOffset.UtcNow.AddHours(2)),
        TlsFailure.PeerCertificateNotValidNow,
        "clocks",
        Db);

    [Fact]
    public async Task A_server_with_a_client_certificate_is_refused() =>
        await ClientRefusesAsync(_authority.Certificate(DbUri, server: false), TlsFailure.UntrustedPeer, "extended key usage", Db);

    [Theory]
    [InlineData("spiffe://cluster.local/ns/shop/sa/other")]
    [InlineData("spiffe://elsewhere/ns/shop/sa/db")]
    [InlineData("spiffe://cluster.local/ns/shop/sa/db/")]
    [InlineData("spiffe://cluster.local/ns/shop/sa/dbx")]
    [InlineData("https://cluster.local/ns/shop/sa/db")]
    public async Task A_server_with_another_identity_is_refused(string uri) =>
        await ClientRefusesAsync(WithNames(uri, "spiffe://cluster.local/ns/z/sa/z"), TlsFailure.WrongPeerIdentity, uri, Db);

    [Fact]
    public async Task A_client_that_expects_nobody_refuses_everybody() =>
        await ClientRefusesAsync(_authority.Certificate(DbUri), TlsFailure.WrongPeerIdentity, "no identity is expected");

    [Fact]
    public async Task Any_of_a_servers_names_may_be_the_expected_one_and_the_first_identity_counts() => await OnLoopAsync(async () =>
    {
        using var web = _authority.Certificate(WebUri);
        using var db = WithNames("urn:x", "spiffe://cluster.local/ns/shop/sa/first", DbUri);
        var (client, server) = await _pair.ConnectAsync(web, db, Db);
        Assert.Equal(new SpiffeId("cluster.local", "shop", "first"), client.PeerIdentity);
        client.Dispose();
        server.Dispose();
    });

    [Fact]
    public async Task An_authority_with_an_RSA_key_is_as_good() => await OnLoopAsync(async () =>
    {
        using var authority = TestAuthority.WithRsa();
        using var web = authority.Certificate(WebUri);
        using var db = authority.Certificate(DbUri);
        var (client, server) = await _pair.ConnectAsync(web, db, Db);
        client.Dispose();
        server.Dispose();
    });

    [Fact]
    public async Task Intermediates_are_presented_and_either_authority_may_be_the_root() => await OnLoopAsync(async () =>
    {
        using var intermediate = _authority.Intermediate("cluster one");
        using var other = _authority.Intermediate("cluster two");
        using var web = intermediate.Certificate(WebUri, roots: _authority.RootPem, intermediate: intermediate.RootPem);
        using var db = other.Certificate(DbUri, roots: _authority.RootPem, intermediate: other.RootPem);
        var (client, server) = await _pair.ConnectAsync(web, db, Db);
        client.Dispose();
        server.Dispose();

        // Who was handed the intermediate as its root trusts that alone, and what it signed.
        using var narrow = intermediate.Certificate(DbUri, roots: intermediate.RootPem, intermediate: intermediate.RootPem);
        (client, server) = await _pair.ConnectAsync(web, narrow, Db);
        client.Dispose();
        server.Dispose();
        var (clientSocket, serverSocket) = await _pair.SocketsAsync();
        using var stranger = other.Certificate(WebUri, roots: _authority.RootPem, intermediate: other.RootPem);
        var accepting = TlsConnection.ServerAsync(serverSocket, narrow.Server, LoopPair.Limit).AsTask();
        using var connection = await TlsConnection.ClientAsync(clientSocket, stranger.Client, [Db], LoopPair.Limit);
        var refused = await Assert.ThrowsAsync<TlsException>(() => accepting);
        Assert.Equal(TlsFailure.UntrustedPeer, refused.Failure);
    });

    [Fact]
    public async Task A_client_of_another_authority_is_refused() => await ServerRefusesAsync(
        _stranger.Certificate(WebUri, roots: _authority.RootPem), TlsFailure.UntrustedPeer, "roots that our CA gave us");

    [Fact]
    public async Task A_client_of_another_trust_domain_is_refused() => await ServerRefusesAsync(
        _authority.Certificate("spiffe://elsewhere/ns/shop/sa/web"), TlsFailure.WrongPeerIdentity, "trust domain cluster.local");

    [Fact]
    public async Task A_client_with_a_server_certificate_is_refused() => await ServerRefusesAsync(
        _authority.Certificate(WebUri, client: false), TlsFailure.UntrustedPeer, "extended key usage");

    [Fact]
    public async Task An_expired_client_is_refused() => await ServerRefusesAsync(
        _authority.Certificate(WebUri, DateTimeOffset.UtcNow.AddHours(-2), DateTimeOffset.UtcNow.AddHours(-1)),
        TlsFailure.PeerCertificateNotValidNow,
        "not valid now");

    [Fact]
    public async Task A_silent_client_runs_into_the_deadline() => await OnLoopAsync(async () =>
    {
        using var db = _authority.Certificate(DbUri);
        var (silent, socket) = await _pair.SocketsAsync();
        var failure = await Assert.ThrowsAsync<TlsException>(
            async () => await TlsConnection.ServerAsync(socket, db.Server, TimeSpan.FromMilliseconds(200)));
        Assert.Equal(TlsFailure.HandshakeTimeout, failure.Failure);
        Assert.True(socket.IsClosed);
        silent.Dispose();
    });

    [Fact]
    public async Task A_client_that_goes_away_or_talks_rubbish_is_told_apart() => await OnLoopAsync(async () =>
    {
        using var db = _authority.Certificate(DbUri);
        var (leaving, first) = await _pair.SocketsAsync();
        leaving.Dispose();
        var failure = await Assert.ThrowsAsync<TlsException>(async () => await TlsConnection.ServerAsync(first, db.Server, LoopPair.Limit));
        Assert.Equal(TlsFailure.ClosedDuringHandshake, failure.Failure);

        var (rubbish, second) = await _pair.SocketsAsync();
        await LoopPair.SendAsync(rubbish, "GET / HTTP/1.1\r\n\r\n"u8.ToArray());
        failure = await Assert.ThrowsAsync<TlsException>(async () => await TlsConnection.ServerAsync(second, db.Server, LoopPair.Limit));
        Assert.Equal(TlsFailure.Protocol, failure.Failure);
        rubbish.Dispose();
    });

    [Fact]
    public async Task A_handshake_can_be_given_up() => await OnLoopAsync(async () =>
    {
        using var web = _authority.Certificate(WebUri);
        var (socket, silent) = await _pair.SocketsAsync();
        using var cancellation = new CancellationTokenSource(100);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await TlsConnection.ClientAsync(socket, web.Client, [Db], LoopPair.Limit, cancellation.Token));
        silent.Dispose();
    });

    private WorkloadCertificate WithNames(params string[] uris)
    {
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        using var copy = PrivateKey.Copy(key);
        return WorkloadCertificate.Create([_authority.Issue(key, uris), _authority.RootPem], copy);
    }

    private async Task ClientRefusesAsync(WorkloadCertificate db, TlsFailure reason, string words, params SpiffeId[] expected) => await OnLoopAsync(async () =>
    {
        using var web = _authority.Certificate(WebUri);
        var (clientSocket, serverSocket) = await _pair.SocketsAsync();
        var accepting = TlsConnection.ServerAsync(serverSocket, db.Server, LoopPair.Limit).AsTask();
        var failure = await Assert.ThrowsAsync<TlsException>(
            async () => await TlsConnection.ClientAsync(clientSocket, web.Client, expected, LoopPair.Limit));
        Assert.Equal(reason, failure.Failure);
        Assert.Contains(words, failure.Message, StringComparison.Ordinal);
        var told = await Assert.ThrowsAsync<TlsException>(() => accepting);
        Assert.Equal(TlsFailure.RefusedByPeer, told.Failure);
        db.Dispose();
    });

    private async Task ServerRefusesAsync(WorkloadCertificate web, TlsFailure reason, string words) => await OnLoopAsync(async () =>
    {
        using var db = _authority.Certificate(DbUri);
        var (clientSocket, serverSocket) = await _pair.SocketsAsync();
        var accepting = TlsConnection.ServerAsync(serverSocket, db.Server, LoopPair.Limit).AsTask();

        // In TLS 1.3 the client is done before the server has seen its certificate; it learns of the refusal when it reads.
        using var client = await TlsConnection.ClientAsync(clientSocket, web.Client, [Db], LoopPair.Limit);
        var failure = await Assert.ThrowsAsync<TlsException>(() => accepting);
        Assert.Equal(reason, failure.Failure);
        Assert.Contains(words, failure.Message, StringComparison.Ordinal);
        var told = await Assert.ThrowsAsync<TlsException>(async () => await client.Input.ReadAsync());
        Assert.Equal(TlsFailure.RefusedByPeer, told.Failure);

        // What is written after that fails with the same reason, wherever it is noticed; it must not fail anywhere else.
        client.Output.GetMemory();
        client.Output.Advance(1);
        await client.Output.FlushAsync();
        await _pair.Loop.Yield();
        await _pair.Loop.Yield();
        var late = Assert.Throws<TlsException>(() => client.Output.GetMemory());
        Assert.Equal(TlsFailure.RefusedByPeer, late.Failure);
        web.Dispose();
    });

    private async Task OnLoopAsync(Func<Task> test) => await _pair.Loop.RunAsync(test).WaitAsync(TimeSpan.FromSeconds(20));
}
