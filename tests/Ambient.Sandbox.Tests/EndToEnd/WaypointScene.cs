using System.Text.Json;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Ambient.Sandbox.Demo;
using Ambient.Sandbox.Echo;

namespace Ambient.Sandbox.Tests.EndToEnd;

/// <summary>
/// A namespace whose services and pods stand behind a waypoint: callers <c>friend</c> and <c>foe</c>, a server in two versions. Whatever the server
/// sees comes from the waypoint.
/// </summary>
internal sealed class WaypointScene
{
    public const string Namespace = "gated";

    private const string Manifest = """
        apiVersion: v1
        kind: Namespace
        metadata:
          name: gated
          labels: {istio.io/dataplane-mode: ambient, istio.io/use-waypoint: gate}
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata:
          name: gate
          namespace: gated
          labels: {istio.io/waypoint-for: all}
        spec:
          gatewayClassName: istio-waypoint
          listeners:
            - {name: mesh, port: 15008, protocol: HBONE}
        """;

    /// <summary>One Deployment and its account: the echo server.</summary>
    private const string Application = """
        apiVersion: v1
        kind: ServiceAccount
        metadata: {name: NAME, namespace: gated}
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: NAME, namespace: gated}
        spec:
          replicas: 1
          selector:
            matchLabels: {name: NAME}
          template:
            metadata:
              labels: {name: NAME, app: APP, version: VERSION}
            spec:
              serviceAccountName: NAME
              terminationGracePeriodSeconds: 2
              nodeSelector: {kubernetes.io/hostname: NODE}
              containers:
                - name: echo
                  image: ambient/echo
                  env:
                    - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
                  readinessProbe:
                    httpGet: {path: /ready, port: 8080}
                    periodSeconds: 1
        """;

    /// <summary>A Service: declared ports for HTTP and TCP, and three of which nothing is said.</summary>
    private const string Reach = """
        apiVersion: v1
        kind: Service
        metadata: {name: NAME, namespace: gated}
        spec:
          selector: {SELECTOR}
          ports:
            - {name: http, port: 80, targetPort: 8080}
            - {name: tcp-echo, port: 9090}
            - {name: some, port: 7080, targetPort: 8080}
            - {name: second, port: 7081, targetPort: 8081}
            - {name: other, port: 7090, targetPort: 9090}
        """;

    private WaypointScene(MeshFixture mesh) => Mesh = mesh;

    internal MeshFixture Mesh { get; }

    public static async Task<WaypointScene> DeployAsync(MeshFixture mesh)
    {
        await mesh.KubectlOkAsync(Manifest, "apply", "-f", "-");
        var parts = new List<string>
        {
            Deployment("friend", "caller", "v1", "node-1"), Deployment("foe", "caller", "v1", "node-1"),
            Deployment("server-v1", "server", "v1", "node-2"), Deployment("server-v2", "server", "v2", "node-2"),
            Reach.Replace("NAME", "server", StringComparison.Ordinal).Replace("SELECTOR", "app: server", StringComparison.Ordinal),
        };
        foreach (var version in new[] { "v1", "v2" })
        {
            parts.Add(Reach.Replace("NAME", "server-" + version, StringComparison.Ordinal).Replace("SELECTOR", $"app: server, version: {version}", StringComparison.Ordinal));
        }

        await mesh.KubectlOkAsync(string.Join("\n---\n", parts), "apply", "-f", "-");
        await mesh.Sandbox.ReadyAsync(Namespace, TimeSpan.FromSeconds(45), default);
        var scene = new WaypointScene(mesh);
        await scene.GateIsReadyAsync("gate", 1);
        return scene;
    }

    /// <summary>Waits until a Gateway is programmed and so many of its pods are ready.</summary>
    internal async Task GateIsReadyAsync(string gate, int pods)
    {
        await Wait.ForAsync(async () => (await GatePodsAsync(gate)).Count == pods, TimeSpan.FromSeconds(40), $"{pods} ready pods of {gate}");
        await Mesh.KubectlOkAsync(null, "wait", "-n", Namespace, $"gateway/{gate}", "--for=condition=Programmed", "--timeout=10s");
    }

    /// <summary>The pods of a waypoint that are ready and stay.</summary>
    internal async Task<IReadOnlyList<Pod>> GatePodsAsync(string gate = "gate") =>
        [.. (await Mesh.Client.ListAsync(ResourceKinds.Pods, Namespace, new ListOptions { LabelSelector = $"gateway.networking.k8s.io/gateway-name={gate}" })).Items
            .Where(pod => pod.Metadata.DeletionTimestamp is null && pod.Status?.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) == true)];

    /// <summary>The pod of an application.</summary>
    internal async Task<Pod> PodAsync(string name) =>
        (await Mesh.Client.ListAsync(ResourceKinds.Pods, Namespace, new ListOptions { LabelSelector = $"name={name}" })).Items
            .First(pod => pod.Metadata.DeletionTimestamp is null && pod.Status?.PodIP is not null);

    /// <summary>The network namespace of an application's pod.</summary>
    internal async Task<string> SpaceAsync(string name)
    {
        var pod = await PodAsync(name);
        return Names.NamespacePath(Names.Pod(Mesh.Sandbox.Id, Namespace, pod.Metadata.Name, pod.Metadata.Uid!));
    }

    /// <summary>Asks for something by HTTP, on a connection of its own; null where no answer came.</summary>
    internal async Task<(int Status, EchoAnswer? Answer)> AskAsync(string from, string url, params string[] options)
    {
        var pod = await PodAsync(from);
        var result = await PodExec.CaptureAsync(Mesh.Sandbox.Id, Mesh.Client, Namespace, pod.Metadata.Name,
            ["curl", "--silent", "--max-time", "10", "--noproxy", "*", "--write-out", "\n%{http_code}", .. options, url], default);
        var at = result.Output.LastIndexOf('\n');
        var status = int.Parse(result.Output[(at + 1)..], System.Globalization.CultureInfo.InvariantCulture);
        return (status, status == 200 ? JsonSerializer.Deserialize(result.Output[..at], EchoJson.Default.EchoAnswer) : null);
    }

    /// <summary>Applies manifests, does something, and deletes them.</summary>
    internal async Task WithAsync(string manifest, Func<Task> does)
    {
        await Mesh.KubectlOkAsync(manifest, "apply", "-f", "-");
        try
        {
            await does();
        }
        finally
        {
            await Mesh.KubectlOkAsync(manifest, "delete", "--wait=false", "-f", "-");
        }
    }

    /// <summary>An HTTP client in a pod, whose requests go to one port of a service of the scene.</summary>
    internal async Task<PodHttp> HttpAsync(string from, string service, int port = 80) =>
        new(await SpaceAsync(from), await Mesh.ServiceAsync(Namespace, service), port);

    /// <summary>Lines that the pods of a waypoint have logged.</summary>
    internal async Task<IReadOnlyList<string>> GateLogAsync(string gate = "gate")
    {
        var lines = new List<string>();
        foreach (var file in Directory.GetFiles(Mesh.Sandbox.LogFolder, $"{Namespace}_{gate}-*.log"))
        {
            lines.AddRange(await File.ReadAllLinesAsync(file));
        }

        return lines;
    }

    /// <summary>Waits for a line in a waypoint's log.</summary>
    internal async Task<string> GateLineAsync(params string[] parts)
    {
        string? found = null;
        await Wait.ForAsync(
            async () => (found = (await GateLogAsync()).LastOrDefault(line => parts.All(part => line.Contains(part, StringComparison.Ordinal)))) is not null,
            TimeSpan.FromSeconds(5), $"a line of the waypoint with {string.Join(", ", parts)}");
        return found!;
    }

    /// <summary>The page of metrics of a pod of the waypoint.</summary>
    internal async Task<string> GateMetricsAsync(Pod pod)
    {
        var caller = await PodAsync("friend");
        return await Mesh.ExecAsync(Namespace, caller.Metadata.Name, null, $"curl -s --max-time 5 http://{pod.Status!.PodIP}:15020/metrics");
    }

    private static string Deployment(string name, string app, string version, string node) => Application
        .Replace("NAME", name, StringComparison.Ordinal).Replace("APP", app, StringComparison.Ordinal)
        .Replace("VERSION", version, StringComparison.Ordinal).Replace("NODE", node, StringComparison.Ordinal);
}
