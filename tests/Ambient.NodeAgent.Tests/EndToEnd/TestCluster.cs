using System.Net;
using System.Text.Json.Nodes;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;

namespace Ambient.NodeAgent.Tests.EndToEnd;

/// <summary>The embedded API server with a client of an administrator.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    private readonly ApiServer.ApiServer _server;

    private TestCluster(ApiServer.ApiServer server)
    {
        _server = server;
        Kubeconfig = server.AdminKubeconfig();
        EndPoint = new IPEndPoint(IPAddress.Loopback, server.Url.Port);
        Client = new KubernetesClient(server.AdminConfig);
    }

    public string Kubeconfig { get; }

    public IPEndPoint EndPoint { get; }

    public KubernetesClient Client { get; }

    public static async Task<TestCluster> StartAsync() => new(await ApiServer.ApiServer.StartAsync());

    public Task CreateNamespaceAsync(string name, bool ambient) => Client.CreateAsync(ResourceKinds.Namespaces, new Namespace
    {
        Metadata = new() { Name = name, Labels = ambient ? new Dictionary<string, string> { [Labels.DataplaneMode] = Labels.Ambient } : null },
    });

    public Task LabelNamespaceAsync(string name, string? mode) =>
        Client.PatchAsync(ResourceKinds.Namespaces, null, name, Metadata("labels", Labels.DataplaneMode, mode), PatchType.Merge);

    public Task LabelPodAsync(Pod pod, string? mode) => Client.PatchAsync(
        ResourceKinds.Pods, pod.Metadata.Namespace, pod.Metadata.Name, Metadata("labels", Labels.DataplaneMode, mode), PatchType.Merge);

    public Task AnnotatePodAsync(Pod pod, string annotation, string? value) => Client.PatchAsync(
        ResourceKinds.Pods, pod.Metadata.Namespace, pod.Metadata.Name, Metadata("annotations", annotation, value), PatchType.Merge);

    public Task<Pod> CreatePodAsync(string ns, string name, string node) => Client.CreateAsync(ResourceKinds.Pods, new Pod
    {
        Metadata = new() { Namespace = ns, Name = name },
        Spec = new() { NodeName = node, Containers = [new() { Name = "app", Image = "ambient/echo" }] },
    });

    public Task SetAddressesAsync(Pod pod, params string[] addresses) => Client.PatchAsync(
        ResourceKinds.Pods, pod.Metadata.Namespace, pod.Metadata.Name,
        new JsonObject
        {
            ["status"] = new JsonObject
            {
                ["phase"] = "Running",
                ["podIP"] = addresses[0],
                ["podIPs"] = new JsonArray([.. addresses.Select(address => (JsonNode)new JsonObject { ["ip"] = address })]),
            },
        },
        PatchType.Merge, new PatchOptions("status"));

    public async Task<string?> RedirectionAsync(Pod pod) =>
        (await Client.GetAsync(ResourceKinds.Pods, pod.Metadata.Namespace, pod.Metadata.Name)).Metadata.Annotation(Annotations.Redirection);

    public async Task<IReadOnlyList<Event>> EventsAsync(Pod pod) =>
        [.. (await Client.ListAsync(ResourceKinds.Events, pod.Metadata.Namespace)).Items.Where(report => report.InvolvedObject?.Uid == pod.Metadata.Uid)];

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.DisposeAsync();
    }

    private static JsonObject Metadata(string part, string key, string? value) =>
        new() { ["metadata"] = new JsonObject { [part] = new JsonObject { [key] = value } } };
}
