using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.ApiServer;
using Ambient.Kubernetes;

namespace Ambient.Cli.Tests;

/// <summary>An API server of its own over real HTTP, with two namespaces; the test is its control plane.</summary>
internal sealed class ClusterUnderTest : IAsyncDisposable
{
    private readonly ApiServer.ApiServer _server;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("ambient-cli-");

    private ClusterUnderTest(ApiServer.ApiServer server)
    {
        _server = server;
        KubeConfigPath = Path.Combine(_folder.FullName, "kubeconfig");
        File.WriteAllText(KubeConfigPath, server.AdminKubeconfig());
        Client = new KubernetesClient(KubeConfig.Load(KubeConfigPath));
    }

    public string KubeConfigPath { get; }

    public KubernetesClient Client { get; }

    public static async Task<ClusterUnderTest> StartAsync(ApiServerOptions? options = null)
    {
        var cluster = new ClusterUnderTest(await ApiServer.ApiServer.StartAsync(options));
        await cluster.ApplyAsync("""
            apiVersion: v1
            kind: Namespace
            metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
            ---
            apiVersion: v1
            kind: Namespace
            metadata: {name: plain}
            """);
        return cluster;
    }

    public Task ApplyAsync(string yaml) => new ManifestApply(Client, "test").ApplyAsync(Manifests.Parse(yaml));

    /// <summary>Runs <c>ambientctl</c> against it.</summary>
    public Task<Outcome> RunAsync(string commandLine) => Ambientctl.RunAsync(KubeConfigPath, commandLine.Split(' '));

    public Task<Gateway?> GatewayAsync(string ns, string name) => Client.FindAsync(ResourceKinds.Gateways, ns, name);

    /// <summary>Says of a Gateway what a control plane says.</summary>
    public async Task ProgramAsync(string ns, string name, bool ready, string reason, string message)
    {
        var gateway = await Client.GetAsync(ResourceKinds.Gateways, ns, name);
        var now = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ");
        JsonObject Condition(string type, string status, string why, string text) => new()
        {
            ["type"] = type, ["status"] = status, ["reason"] = why, ["message"] = text,
            ["observedGeneration"] = gateway.Metadata.Generation, ["lastTransitionTime"] = now,
        };
        var status = new JsonObject
        {
            ["status"] = new JsonObject
            {
                ["conditions"] = new JsonArray(
                    Condition("Accepted", "True", "Accepted", "The gateway is valid."), Condition("Programmed", ready ? "True" : "False", reason, message)),
            },
        };
        await Client.PatchAsync(ResourceKinds.Gateways, ns, name, status, PatchType.Merge, new PatchOptions("status"));
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
