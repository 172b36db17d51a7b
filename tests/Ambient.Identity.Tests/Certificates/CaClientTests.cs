using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Ambient.Api;
using Ambient.Api.Certificates;
using Ambient.Identity.Certificates;
using Ambient.Xds.Grpc;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Identity.Tests.Certificates;

/// <summary>The client against a server that answers as a test wants, and against the recording of the real exchange.</summary>
public sealed class CaClientTests : IAsyncLifetime
{
    private static readonly SpiffeId Web = new("cluster.local", "shop", "web");
    private static readonly JsonElement Recording =
        JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden/xds/csr.json"))).RootElement;

    private readonly TestAuthority _authority = new();
    private readonly Dictionary<string, string> _headers = [];
    private readonly GrpcServer _server = new([new GrpcListener(new IPEndPoint(IPAddress.Loopback, 0))], NullLoggerFactory.Instance);
    private Func<IstioCertificateRequest, IEnumerable<string>> _answer;
    private IstioCertificateRequest? _request;

    public CaClientTests()
    {
        _answer = request => [Sign(request), _authority.RootPem];
        _server.Unary(GrpcMethods.CreateCertificate, (request, context) =>
        {
            _request = request;
            foreach (var header in context.Http.Request.Headers)
            {
                _headers[header.Key.ToLowerInvariant()] = header.Value.ToString();
            }

            _headers[":authority"] = context.Http.Request.Host.Value!;
            return Task.FromResult(new IstioCertificateResponse { CertChain = { _answer(request) } });
        });
    }

    public async Task InitializeAsync() => await _server.StartAsync(CancellationToken.None);

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _authority.Dispose();
    }

    [Fact]
    public async Task The_request_is_the_recorded_one_but_for_its_key()
    {
        using var certificate = await RequestAsync(impersonate: false);
        Assert.Equal(Web, certificate.Identity);

        var recorded = Recording[0];
        foreach (var header in recorded.GetProperty("headers").EnumerateObject())
        {
            var wanted = header.Value[0].GetString();
            var sent = _headers[header.Name];
            // The authority is the address that the channel was made for; the recording leaves the token out.
            Assert.True(header.Name == ":authority" || wanted == "Bearer (a token)" ? sent.Length > 0 : sent == wanted, $"{header.Name}: {sent}");
        }

        var message = recorded.GetProperty("msg");
        Assert.Equal(["csr", "validityDuration"], message.EnumerateObject().Select(property => property.Name));
        Assert.Equal(message.GetProperty("validityDuration").GetString(), _request!.ValidityDuration.ToString());
        Assert.Null(_request.Metadata);
        Assert.Equal(WithoutKey(message.GetProperty("csr").GetString()!), WithoutKey(_request.Csr));
        Assert.EndsWith("-----END CERTIFICATE REQUEST-----\n", _request.Csr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_recorded_answer_is_read_and_refused_because_it_is_for_another_key()
    {
        var chain = Recording[1].GetProperty("msg").GetProperty("certChain").EnumerateArray().Select(pem => pem.GetString()!).ToList();
        var leaf = Assert.Single(CertificateDetails.ReadPem(chain[0]));
        Assert.Equal(new SpiffeId("cluster.local", "istio-system", "ztunnel"), leaf.Identity);
        Assert.Equal(DateTimeOffset.Parse("2026-11-22T10:39:45Z"), leaf.NotAfter);
        Assert.Single(CertificateDetails.ReadPem(chain[^1]));

        _answer = _ => chain;
        var error = await Assert.ThrowsAsync<CertificateException>(() => RequestAsync(impersonate: true));
        Assert.Contains("private key", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_node_proxy_says_for_whom_it_asks()
    {
        using var certificate = await RequestAsync(impersonate: true);
        var field = Assert.Single(_request!.Metadata.Fields);
        Assert.Equal(("ImpersonatedIdentity", "spiffe://cluster.local/ns/shop/sa/web"), (field.Key, field.Value.StringValue));
    }

    [Fact]
    public async Task Every_request_has_its_own_key()
    {
        using var first = await RequestAsync(impersonate: true);
        var csr = _request!.Csr;
        using var second = await RequestAsync(impersonate: true);
        Assert.NotEqual(csr, _request!.Csr);
        Assert.NotEqual(first.Chain[0].Der.ToArray(), second.Chain[0].Der.ToArray());
    }

    [Fact]
    public async Task Several_roots_and_intermediates_are_taken()
    {
        using var other = new TestAuthority("other");
        _answer = request => [Sign(request), other.RootPem, _authority.RootPem + "\n" + other.RootPem];
        using var certificate = await RequestAsync(impersonate: true);
        Assert.Equal(2, certificate.Chain.Count);
        Assert.Equal(2, certificate.Roots.Count);
    }

    [Fact]
    public async Task What_is_no_use_is_refused_with_a_reason()
    {
        await RefusedAsync(request => [Sign(request)], "root certificates last");
        await RefusedAsync(_ => [], "root certificates last");
        await RefusedAsync(request => ["rubbish", _authority.RootPem], "Element 0 of the CA's answer holds no PEM certificate");
        await RefusedAsync(request => [Sign(request), "rubbish"], "the roots, holds no PEM certificate");
        await RefusedAsync(
            request => ["-----BEGIN CERTIFICATE-----\nMTIz\n-----END CERTIFICATE-----", _authority.RootPem], "is not X.509");
        await RefusedAsync(request => [Sign(request, uri: "spiffe://cluster.local/ns/shop/sa/other"), _authority.RootPem], "a certificate for spiffe://cluster.local/ns/shop/sa/other");
        await RefusedAsync(request => [Sign(request, uri: null), _authority.RootPem], "names no SPIFFE identity");
        await RefusedAsync(
            request => [Sign(request, notAfter: DateTimeOffset.UtcNow.AddMinutes(-1)), _authority.RootPem], "compare the clocks");
        await RefusedAsync(
            _ => throw new GrpcException(GrpcStatus.Unauthenticated, "request impersonation authentication failure"),
            "Unauthenticated: request impersonation authentication failure");
    }

    [Fact]
    public async Task An_authority_that_is_not_there_is_named()
    {
        using var channel = new GrpcChannel(new Uri("http://127.0.0.1:1"));
        var client = new CaClient(channel, TimeSpan.FromDays(1), impersonate: true, TimeProvider.System);
        var error = await Assert.ThrowsAsync<CertificateException>(() => client.IssueAsync(Web, CancellationToken.None));
        Assert.Contains("http://127.0.0.1:1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_is_wiped_when_it_is_taken_over()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var der = key.ExportPkcs8PrivateKey();
        using (PrivateKey.TakeDer(der))
        {
            Assert.All(der, value => Assert.Equal(0, value));
        }

        var rubbish = new byte[] { 1, 2, 3 };
        Assert.Throws<Ambient.Identity.OpenSsl.OpenSslException>(() => PrivateKey.TakeDer(rubbish));
        Assert.All(rubbish, value => Assert.Equal(0, value));
    }

    private async Task RefusedAsync(Func<IstioCertificateRequest, IEnumerable<string>> answer, string words)
    {
        _answer = answer;
        var error = await Assert.ThrowsAsync<CertificateException>(() => RequestAsync(impersonate: true));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    private async Task<WorkloadCertificate> RequestAsync(bool impersonate)
    {
        using var channel = new GrpcChannel(new Uri($"http://{_server.EndPoints[0]}"), new GrpcChannelOptions
        {
            Metadata = _ => new ValueTask<IReadOnlyList<KeyValuePair<string, string>>>(
                [new("authorization", "Bearer (a token)"), new("clusterid", "Kubernetes")]),
        });
        var client = new CaClient(channel, TimeSpan.FromSeconds(86400), impersonate, TimeProvider.System);
        return await client.IssueAsync(Web, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(10));
    }

    private string Sign(IstioCertificateRequest request, string? uri = "", DateTimeOffset? notAfter = null)
    {
        var csr = CertificateRequest.LoadSigningRequestPem(
            request.Csr, HashAlgorithmName.SHA256, CertificateRequestLoadOptions.UnsafeLoadCertificateExtensions);
        var name = uri == "" ? Web.ToString() : uri;
        return _authority.IssueFor(csr.PublicKey, name is null ? [] : [name], DateTimeOffset.UtcNow.AddMinutes(-5), notAfter);
    }

    /// <summary>The signed part of a request, with its public key set to zero.</summary>
    private static byte[] WithoutKey(string pem)
    {
        var fields = PemEncoding.Find(pem);
        Assert.Equal("CERTIFICATE REQUEST", pem[fields.Label]);
        var request = new AsnReader(Convert.FromBase64String(pem[fields.Base64Data]), AsnEncodingRules.DER).ReadSequence();
        var signed = request.PeekEncodedValue().ToArray();
        var info = request.ReadSequence();
        info.ReadInteger();
        info.ReadEncodedValue();
        var key = info.ReadSequence();
        key.ReadEncodedValue();
        var point = key.ReadBitString(out _);
        signed.AsSpan(signed.AsSpan().IndexOf(point), point.Length).Clear();
        // The algorithm of the signature follows; the signature itself differs with the key.
        return [.. signed, .. request.PeekEncodedValue().ToArray()];
    }
}
