using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Ambient.Kubernetes.Tests;

public sealed class KubeConfigTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ambient-kubeconfig-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Inline_data_and_files_beside_the_kubeconfig_are_read()
    {
        var (certificate, key) = Certificate();
        File.WriteAllText(Path.Combine(_folder, "ca.pem"), certificate);
        File.WriteAllText(Path.Combine(_folder, "config"), $"""
            apiVersion: v1
            kind: Config
            current-context: one
            contexts:
            - name: one
              context: {"{"}cluster: c1, user: u1, namespace: shop{"}"}
            - name: two
              context: {"{"}cluster: c2, user: u2{"}"}
            clusters:
            - name: c1
              cluster:
                server: https://10.0.0.1:6443
                certificate-authority: ca.pem
                tls-server-name: kubernetes
            - name: c2
              cluster:
                server: https://[fd00::1]:6443
                insecure-skip-tls-verify: true
            users:
            - name: u1
              user:
                client-certificate-data: {Base64(certificate)}
                client-key-data: {Base64(key)}
            - name: u2
              user: {"{"}token: "123", tokenFile: token{"}"}
            """);
        var first = KubeConfig.Load(Path.Combine(_folder, "config"));
        Assert.Equal(new Uri("https://10.0.0.1:6443"), first.Server);
        Assert.Equal("shop", first.Namespace);
        Assert.Equal("kubernetes", first.TlsServerName);
        Assert.Single(first.CertificateAuthorities!);
        Assert.True(first.ClientCertificate!.HasPrivateKey);
        var second = KubeConfig.Load(Path.Combine(_folder, "config"), "two");
        Assert.Equal("[fd00::1]", second.Server.Host);
        Assert.True(second.InsecureSkipTlsVerify);
        Assert.Equal("123", second.Token);
        Assert.Equal(Path.Combine(_folder, "token"), second.TokenFile);
        Assert.Equal("default", second.Namespace);
    }

    [Theory]
    [InlineData("kind: Config", "current-context is not set")]
    [InlineData("current-context: x", "contexts has no entry named x")]
    [InlineData("current-context: x\ncontexts: [{name: x, context: {cluster: c}}]", "clusters has no entry named c")]
    [InlineData("current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: nonsense}}]", "not an absolute URL")]
    [InlineData("current-context: x\ncontexts: [{name: x, context: {cluster: c, user: z}}]\nclusters: [{name: c, cluster: {server: 'http://a'}}]\nusers: [{name: z, user: {exec: {}}}]", "authenticates by exec")]
    [InlineData("current-context: x\ncontexts: [{name: x, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'http://a', certificate-authority-data: '%'}}]", "is not base64")]
    public void A_config_that_cannot_be_used_says_what_is_missing(string yaml, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => KubeConfig.Parse(yaml)).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_rotated_token_file_is_read_again_when_the_old_token_is_refused()
    {
        var file = Path.Combine(_folder, "token");
        File.WriteAllText(file, "old\n");
        var good = "old";
        await using var server = await ScriptedServer.StartAsync(async context =>
        {
            if (context.Request.Headers.Authorization != $"Bearer {good}")
            {
                context.Response.StatusCode = 401;
                return;
            }

            await context.Response.WriteAsync("{}");
        });
        using var client = server.Client(file);
        await client.GetJsonAsync("/version");
        good = "new";
        var refused = await Assert.ThrowsAsync<KubernetesException>(() => client.GetJsonAsync("/version"));
        Assert.Equal(401, (int)refused.Status);
        File.WriteAllText(file, "new\n");
        await client.GetJsonAsync("/version");
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static (string Certificate, string Key) Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue);
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }
}
