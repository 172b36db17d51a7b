using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ambient.Api;
using Ambient.Identity.Certificates;
using Ambient.Identity.Tests.Certificates;
using Ambient.Identity.Tls;

namespace Ambient.Identity.Tests.Tls;

/// <summary>Verdicts about chains are remembered, and nothing is accepted that would not be accepted without that.</summary>
public sealed class VerifiedChainTests : IDisposable
{
    private const string WebUri = "spiffe://cluster.local/ns/shop/sa/web";
    private const string DbUri = "spiffe://cluster.local/ns/shop/sa/db";

    private static readonly SpiffeId Web = SpiffeId.Parse(WebUri);
    private static readonly SpiffeId Db = SpiffeId.Parse(DbUri);

    private readonly TestAuthority _authority = new();
    private readonly ManualTime _time = new(DateTimeOffset.UtcNow);
    private readonly TlsOptions _options;

    public VerifiedChainTests() => _options = new TlsOptions { Verified = new VerifiedChains(100, _time) };

    public void Dispose() => _authority.Dispose();

    [Fact]
    public void A_chain_is_verified_once_for_each_role_whoever_asks()
    {
        using var web = _authority.Certificate(WebUri, options: _options);
        using var db = _authority.Certificate(DbUri, options: _options);
        using var shop = _authority.Certificate("spiffe://cluster.local/ns/shop/sa/shop", options: _options);
        Assert.Null(Shake(web, db));
        Assert.Equal(2, _options.Verified.Count);
        Assert.Null(Shake(web, db));
        Assert.Null(Shake(web, shop));
        Assert.Equal(3, _options.Verified.Count); // shop's is new; web's was seen by db, which trusts the same
        Assert.Null(Shake(shop, db));
        Assert.Equal(4, _options.Verified.Count); // shop as a client
    }

    [Fact]
    public void A_verdict_ends_with_the_first_certificate_of_its_chain()
    {
        // The clock stands still for OpenSSL: what ends here is the verdict, and what follows is OpenSSL's own, which still holds.
        var end = DateTimeOffset.UtcNow.AddMinutes(30);
        using var between = _authority.Intermediate("cluster one"); // for 30 days
        using var web = between.Certificate(WebUri, notAfter: end, roots: _authority.RootPem, intermediate: between.RootPem, options: _options);
        using var db = _authority.Certificate(DbUri, options: _options); // for an hour
        Assert.Null(Shake(web, db));
        Assert.True(Remembers(() => Assert.Null(Shake(web, db))));

        _time.Advance(TimeSpan.FromMinutes(29));
        Assert.True(Remembers(() => Assert.Null(Shake(web, db))));
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.False(Remembers(() => Assert.Null(Shake(web, db))));

        _time.Advance(TimeSpan.FromHours(-2)); // a clock that is put back before the beginning
        Assert.False(Remembers(() => Assert.Null(Shake(web, db))));
    }

    [Fact]
    public async Task What_expires_after_it_was_remembered_is_refused()
    {
        var options = new TlsOptions { Verified = new VerifiedChains(100, TimeProvider.System) };
        using var web = _authority.Certificate(WebUri, notAfter: DateTimeOffset.UtcNow.AddSeconds(3), options: options);
        using var db = _authority.Certificate(DbUri, options: options);
        Assert.Null(Shake(web, db));
        var remembered = options.Verified.Count;
        Assert.Equal(2, remembered);
        await Task.Delay(TimeSpan.FromSeconds(3.5));
        Assert.Equal(TlsFailure.PeerCertificateNotValidNow, Shake(web, db)?.Failure);
        Assert.True(options.Verified.Count < remembered);
    }

    [Fact]
    public void The_trust_anchors_end_counts_too()
    {
        using var root = new TestAuthority("short", validity: TimeSpan.FromMinutes(10));
        using var web = root.Certificate(WebUri, options: _options);
        using var db = root.Certificate(DbUri, options: _options);
        Assert.Null(Shake(web, db));
        _time.Advance(TimeSpan.FromMinutes(11));
        Assert.False(Remembers(() => Assert.Null(Shake(web, db))));
    }

    [Fact]
    public void Roots_that_change_refuse_what_the_old_ones_accepted()
    {
        using var next = new TestAuthority("the next root");
        using var web = _authority.Certificate(WebUri, options: _options);
        using var before = _authority.Certificate(DbUri, roots: _authority.RootPem, options: _options);
        using var both = _authority.Certificate(DbUri, roots: _authority.RootPem + "\n" + next.RootPem, options: _options);
        using var after = _authority.Certificate(DbUri, roots: next.RootPem, options: _options);
        Assert.Null(Shake(web, before));
        Assert.Null(Shake(web, both));
        Assert.Equal(TlsFailure.UntrustedPeer, Shake(web, after)?.Failure);
        Assert.Null(Shake(web, before));
    }

    [Fact]
    public void Another_certificate_of_the_same_name_is_verified_itself()
    {
        using var stranger = new TestAuthority("test root"); // of the same name, with another key
        using var web = _authority.Certificate(WebUri, options: _options);
        using var db = _authority.Certificate(DbUri, options: _options);
        using var forged = stranger.Certificate(WebUri, roots: _authority.RootPem, options: _options);
        Assert.Null(Shake(web, db));
        Assert.Equal(TlsFailure.UntrustedPeer, Shake(forged, db)?.Failure);

        // A refusal is not remembered either.
        var count = _options.Verified.Count;
        Assert.Equal(TlsFailure.UntrustedPeer, Shake(forged, db)?.Failure);
        Assert.Equal(count, _options.Verified.Count);
    }

    [Fact]
    public void What_was_good_for_a_client_is_not_good_for_a_server()
    {
        using var clientOnly = _authority.Certificate(DbUri, server: false, options: _options);
        using var db = _authority.Certificate(DbUri, options: _options);
        using var web = _authority.Certificate(WebUri, options: _options);
        Assert.Null(Shake(clientOnly, db));
        Assert.Equal(TlsFailure.UntrustedPeer, Shake(web, clientOnly)?.Failure);
        Assert.Null(Shake(clientOnly, db));

        using var serverOnly = _authority.Certificate(DbUri, client: false, options: _options);
        Assert.Null(Shake(web, serverOnly));
        Assert.Equal(TlsFailure.UntrustedPeer, Shake(serverOnly, db)?.Failure);
    }

    [Fact]
    public void Whose_it_is_is_judged_each_time()
    {
        using var web = _authority.Certificate(WebUri, options: _options);
        using var db = _authority.Certificate(DbUri, options: _options);
        using var elsewhere = _authority.Certificate("spiffe://elsewhere/ns/shop/sa/db", options: _options);
        Assert.Null(Shake(web, db));
        Assert.Equal(TlsFailure.WrongPeerIdentity, Shake(web, db, Web)?.Failure);
        Assert.Null(Shake(web, db));
        Assert.Equal(TlsFailure.WrongPeerIdentity, Shake(web, elsewhere, SpiffeId.Parse("spiffe://elsewhere/ns/shop/sa/db"))?.Failure);
    }

    [Fact]
    public void Who_shows_a_remembered_chain_without_its_key_is_refused()
    {
        using var web = _authority.Certificate(WebUri, options: _options);
        using var db = _authority.Certificate(DbUri, options: _options);
        Assert.Null(Shake(web, db));

        // A private key of the thief's own, that claims to have web's public key.
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var leaf = X509CertificateLoader.LoadCertificate(web.Chain[0].Der.Span);
        using var theirs = leaf.GetECDsaPublicKey()!;
        var der = key.ExportPkcs8PrivateKey();
        Point(theirs).CopyTo(der.AsSpan(der.AsSpan().IndexOf(Point(key))));
        using var stolen = PrivateKey.TakeDer(der);
        using var thief = WorkloadCertificate.Create([web.Chain[0].ToPem(), _authority.RootPem], stolen, _options);
        Assert.True(Remembers(() => Assert.Contains("bad signature", Shake(thief, db)?.Message, StringComparison.Ordinal)));
    }

    [Fact]
    public void What_is_not_used_is_forgotten_first_and_there_is_a_bound()
    {
        var chains = new VerifiedChains(8, _time);
        var good = new VerifiedChain(_time.GetUtcNow().AddHours(-1), _time.GetUtcNow().AddHours(1), []);
        for (var index = 0; index < 100; index++)
        {
            chains.Add(new VerifiedChainKey((UInt128)index, 0), good);
            Assert.NotNull(chains.Find(new VerifiedChainKey(0, 0)));
            Assert.InRange(chains.Count, 1, 8);
        }

        Assert.Null(chains.Find(new VerifiedChainKey(50, 0)));
    }

    private static byte[] Point(ECDsa key)
    {
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        return [4, .. point.X!, .. point.Y!];
    }

    /// <summary>Whether a handshake needed no new verdict.</summary>
    private bool Remembers(Action handshake)
    {
        var before = _options.Verified.Made;
        handshake();
        return _options.Verified.Made == before;
    }

    /// <summary>Both ends in memory. Null, or who refuses first, and why.</summary>
    private static TlsException? Shake(WorkloadCertificate client, WorkloadCertificate server, params SpiffeId[] expected)
    {
        using var from = new TlsSession(client.Client, PeerPolicy.AnyOf(expected.Length > 0 ? expected : [server.Identity]));
        using var to = new TlsSession(server.Server, PeerPolicy.TrustDomain(server.Identity.TrustDomain));
        byte[] bytes = [];
        while (true)
        {
            var left = from.Handshake(bytes, ended: false, out _);
            if (left == HandshakeState.Failed)
            {
                return from.Failure;
            }

            var right = to.Handshake(TlsSession.Output.ToArray(), ended: false, out _);
            if (right != HandshakeState.NeedsInput)
            {
                return right == HandshakeState.Failed ? to.Failure : null;
            }

            bytes = TlsSession.Output.ToArray();
        }
    }
}
