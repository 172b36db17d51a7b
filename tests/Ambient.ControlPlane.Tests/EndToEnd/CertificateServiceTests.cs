using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ambient.Api.Certificates;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Authority;
using Ambient.Xds.Grpc;
using Google.Protobuf.WellKnownTypes;

namespace Ambient.ControlPlane.Tests.EndToEnd;

public sealed class CertificateServiceTests : IAsyncLifetime
{
    private ApiUnderTest _api = null!;
    private AppUnderTest _app = null!;

    public async Task InitializeAsync()
    {
        _api = await ApiUnderTest.StartAsync();
        await DiscoveryTests.FillAsync(_api, new RecordedSession().Start.Where(resource => resource.Kind() is "Namespace" or "Pod"));
        _app = await AppUnderTest.StartAsync(_api);
    }

    public async Task DisposeAsync()
    {
        await _app.DisposeAsync();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task A_pod_gets_a_certificate_for_itself_that_chains_to_the_published_root()
    {
        var chain = await AskAsync(await _api.TokenAsync("shop", "web", "web-1"));

        Assert.Equal("spiffe://cluster.local/ns/shop/sa/web", NameOf(chain[0]));
        Assert.Equal(await ProxyUnderTest.RootsAsync(_api, "shop"), chain[^1]);
        using var leaf = X509Certificate2.CreateFromPem(chain[0]);
        using var check = new X509Chain();
        check.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        check.ChainPolicy.CustomTrustStore.ImportFromPem(chain[^1]);
        check.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        Assert.True(check.Build(leaf));
    }

    [Fact]
    public async Task A_node_proxy_gets_one_for_a_workload_of_its_node()
    {
        var token = await _api.TokenAsync("istio-system", "ztunnel", "ztunnel-abc12");

        Assert.Equal("spiffe://cluster.local/ns/shop/sa/web", NameOf((await AskAsync(token, "spiffe://cluster.local/ns/shop/sa/web"))[0]));
        Assert.Equal("spiffe://cluster.local/ns/istio-system/sa/ztunnel", NameOf((await AskAsync(token))[0]));
    }

    [Fact]
    public async Task Every_other_impersonation_is_refused_in_the_same_words()
    {
        var ztunnel = await _api.TokenAsync("istio-system", "ztunnel", "ztunnel-abc12");
        var unbound = await _api.TokenAsync("istio-system", "ztunnel");
        var pod = await _api.TokenAsync("shop", "web", "web-1");
        (string Token, string Identity)[] attempts =
        [
            (ztunnel, "spiffe://cluster.local/ns/shop/sa/nobody"),
            (ztunnel, "no identity"),
            (unbound, "spiffe://cluster.local/ns/shop/sa/web"),
            (pod, "spiffe://cluster.local/ns/istio-system/sa/ztunnel"),
        ];

        foreach (var (token, identity) in attempts)
        {
            var refusal = await Assert.ThrowsAsync<GrpcException>(() => AskAsync(token, identity));
            Assert.Equal((GrpcStatus.Unauthenticated, "request impersonation authentication failure"), (refusal.Status, refusal.Detail));
        }
    }

    [Fact]
    public async Task A_token_for_others_is_refused()
    {
        var refusal = await Assert.ThrowsAsync<GrpcException>(async () => await AskAsync(await _api.TokenAsync("shop", "web", audience: "other")));

        Assert.Equal((GrpcStatus.Unauthenticated, "request authenticate failure"), (refusal.Status, refusal.Detail));
    }

    [Fact]
    public async Task A_bad_request_is_named_so_and_counted()
    {
        var token = await _api.TokenAsync("shop", "web", "web-1");

        Assert.Equal(GrpcStatus.InvalidArgument, (await Assert.ThrowsAsync<GrpcException>(() => AskAsync(token, request: "nonsense"))).Status);
        Assert.Equal(GrpcStatus.InvalidArgument, (await Assert.ThrowsAsync<GrpcException>(() => AskAsync(token, seconds: 91 * 86400))).Status);
        var (_, metrics) = await _app.GetAsync(_app.App.MonitoringEndPoint, "/metrics");
        Assert.Contains("\ncitadel_server_csr_parsing_err_count 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\ncitadel_server_csr_sign_err_count 1\n", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Roots_are_kept_in_every_namespace()
    {
        var roots = await ProxyUnderTest.RootsAsync(_api, "shop");
        await _api.PutAsync("apiVersion: v1\nkind: Namespace\nmetadata: {name: late}");
        Assert.Equal(roots, await ProxyUnderTest.RootsAsync(_api, "late"));

        await _api.Client.PatchAsync(
            ResourceKinds.ConfigMaps, "shop", RootPublisher.ConfigMapName,
            new System.Text.Json.Nodes.JsonObject { ["data"] = new System.Text.Json.Nodes.JsonObject { [RootPublisher.ConfigMapKey] = "forged" } },
            Ambient.Kubernetes.PatchType.Merge);
        await Until.TrueAsync(async () => await ProxyUnderTest.RootsAsync(_api, "shop") == roots, "the forged roots to be put right");

        await _api.Client.DeleteAsync(ResourceKinds.ConfigMaps, "late", RootPublisher.ConfigMapName);
        Assert.Equal(roots, await ProxyUnderTest.RootsAsync(_api, "late"));
    }

    [Fact]
    public async Task A_control_plane_that_starts_again_has_the_same_authority()
    {
        var before = await ProxyUnderTest.RootsAsync(_api, "shop");
        await _app.DisposeAsync();
        _app = await AppUnderTest.StartAsync(_api);

        var chain = await AskAsync(await _api.TokenAsync("shop", "web", "web-1"));

        Assert.Equal(before, chain[^1]);
    }

    private async Task<IReadOnlyList<string>> AskAsync(string token, string? identity = null, string? request = null, long seconds = 3600)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var message = new IstioCertificateRequest
        {
            Csr = request ?? new CertificateRequest("", key, HashAlgorithmName.SHA256).CreateSigningRequestPem(),
            ValidityDuration = seconds,
        };
        if (identity is not null)
        {
            message.Metadata = new Struct { Fields = { ["ImpersonatedIdentity"] = Value.ForString(identity) } };
        }

        await using var proxy = await ProxyUnderTest.ConnectAsync(_api, _app, token);
        var response = await proxy.Channel.UnaryAsync(GrpcMethods.CreateCertificate, message, TimeSpan.FromSeconds(10));
        return response.CertChain;
    }

    private static string NameOf(string pem)
    {
        using var certificate = X509Certificate2.CreateFromPem(pem);
        return certificate.Extensions.Single(extension => extension.Oid!.Value == "2.5.29.17").Format(false)["URI:".Length..];
    }
}
