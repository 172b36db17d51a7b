using System.Text;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Authority;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.ControlPlane.Tests.EndToEnd;

public sealed class AuthorityStoreTests : IAsyncLifetime
{
    private readonly ManualTime _time = new(DateTimeOffset.UtcNow);
    private ApiUnderTest _api = null!;

    public async Task InitializeAsync() => _api = await ApiUnderTest.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Fact]
    public async Task Replicas_that_start_together_agree_on_one_authority()
    {
        var issuers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Store().LoadAsync(default)));

        Assert.Single(issuers.Select(issuer => issuer.Certificate.Thumbprint).Distinct());
        Assert.Equal("O=cluster.local", issuers[0].Certificate.Subject);
        Assert.Equal("istio.io/ca-root", (await _api.Client.GetAsync(ResourceKinds.Secrets, "istio-system", "istio-ca-secret")).Type);
    }

    [Fact]
    public async Task In_the_last_fifth_of_its_life_the_root_is_renewed_with_the_same_key()
    {
        var first = await Store().LoadAsync(default);
        _time.Advance(TimeSpan.FromDays(3650 * 0.79));
        var kept = await Store().LoadAsync(default);
        _time.Advance(TimeSpan.FromDays(3650 * 0.02));
        var renewed = await Store().LoadAsync(default);

        Assert.Equal(first.Certificate.Thumbprint, kept.Certificate.Thumbprint);
        Assert.NotEqual(first.Certificate.Thumbprint, renewed.Certificate.Thumbprint);
        Assert.True(renewed.Key.Fits(first.Certificate));
        Assert.Equal(renewed.Certificate.Thumbprint, (await Store().LoadAsync(default)).Certificate.Thumbprint);
    }

    [Fact]
    public async Task A_plugged_in_secret_counts_more_than_our_own()
    {
        await Store().LoadAsync(default);
        var plugged = Issuer.SelfSigned(IssuerKey.Create(), "plugged", _time.GetUtcNow(), _time.GetUtcNow() + TimeSpan.FromDays(1));
        await PutAsync("cacerts", plugged);

        Assert.Equal("O=plugged", (await Store().LoadAsync(default)).Certificate.Subject);
    }

    [Fact]
    public async Task Files_count_most_of_all()
    {
        var folder = Directory.CreateTempSubdirectory("ambient-cacerts-");
        try
        {
            var plugged = Issuer.SelfSigned(IssuerKey.Create(), "files", _time.GetUtcNow(), _time.GetUtcNow() + TimeSpan.FromDays(1));
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, AuthorityFiles.Certificate), Issuer.Pem(plugged.Certificate));
            await File.WriteAllTextAsync(Path.Combine(folder.FullName, AuthorityFiles.Key), plugged.Key.ExportPem());

            Assert.Equal("O=files", (await Store(folder.FullName).LoadAsync(default)).Certificate.Subject);

            File.Delete(Path.Combine(folder.FullName, AuthorityFiles.Certificate));
            await Assert.ThrowsAsync<AuthorityException>(() => Store(folder.FullName).LoadAsync(default));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task A_secret_that_is_no_authority_is_an_error_and_is_not_overwritten()
    {
        var secret = new Secret
        {
            Metadata = new ObjectMeta { Namespace = "istio-system", Name = "istio-ca-secret" },
            Data = new Dictionary<string, string> { ["other"] = Convert.ToBase64String("x"u8) },
        };
        await _api.Client.CreateAsync(ResourceKinds.Secrets, secret);

        var error = await Assert.ThrowsAsync<AuthorityException>(() => Store().LoadAsync(default));

        Assert.Contains("secret istio-system/istio-ca-secret holds no ca-key.pem", error.Message, StringComparison.Ordinal);
    }

    private AuthorityStore Store(string folder = "/nonexistent") => new(
        _api.Client, new AuthorityOptions { Namespace = "istio-system", TrustDomain = "cluster.local", Folder = folder }, NullLogger.Instance, _time);

    private Task PutAsync(string name, Issuer issuer) => _api.Client.CreateAsync(ResourceKinds.Secrets, new Secret
    {
        Metadata = new ObjectMeta { Namespace = "istio-system", Name = name },
        Data = new Dictionary<string, string>
        {
            [AuthorityFiles.Certificate] = Convert.ToBase64String(Encoding.UTF8.GetBytes(Issuer.Pem(issuer.Certificate))),
            [AuthorityFiles.Key] = Convert.ToBase64String(Encoding.UTF8.GetBytes(issuer.Key.ExportPem())),
        },
    });
}
