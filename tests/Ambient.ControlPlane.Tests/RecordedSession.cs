using System.Text.Json.Nodes;

namespace Ambient.ControlPlane.Tests;

/// <summary>Where a recorded session's changes are made.</summary>
internal interface ICluster
{
    Task PutAsync(JsonObject resource);

    Task DeleteAsync(JsonObject resource);
}

/// <summary>What was pushed of one type after a step.</summary>
/// <param name="Type">The last word of the type's URL.</param>
/// <param name="Resources">By name.</param>
/// <param name="Removed">Names.</param>
/// <param name="Versions">By name; empty where the recorded server gives none.</param>
internal sealed record RecordedPush(
    string Type, IReadOnlyDictionary<string, JsonObject> Resources, IReadOnlyList<string> Removed, IReadOnlyDictionary<string, string> Versions);

/// <summary>The delta stream that was recorded, and the changes of the cluster that led to each push.</summary>
internal sealed class RecordedSession
{
    private readonly Dictionary<string, JsonObject> _world = new(StringComparer.Ordinal);
    private readonly List<(string What, List<RecordedPush> Pushes)> _steps = [];

    public RecordedSession()
    {
        foreach (var resource in Manifest.Read(File.ReadAllText(Manifest.Path("wds", "02-services", "input.yaml"))))
        {
            _world[KeyOf(resource)] = resource;
        }

        _world["Pod/istio-system/ztunnel-abc12"] = Ztunnel();
        List<RecordedPush> pushes = [];
        _steps.Add(("", pushes));
        foreach (var line in File.ReadLines(Manifest.Path("xds", "session.jsonl")).Select(line => JsonNode.Parse(line)!))
        {
            switch ((string)line["dir"]!)
            {
                case "step":
                    _steps.Add(((string)line["what"]!, pushes = []));
                    break;
                case "response":
                    pushes.Add(PushOf(line));
                    break;
            }
        }
    }

    /// <summary>What the cluster held when the stream began.</summary>
    public IEnumerable<JsonObject> Start => _world.Values.Select(resource => resource.DeepClone().AsObject());

    /// <summary>The pushes at the start.</summary>
    public IReadOnlyList<RecordedPush> First => _steps[0].Pushes;

    /// <summary>Steps by title with the pushes that followed, up to the end of the first stream.</summary>
    public IEnumerable<(string What, IReadOnlyList<RecordedPush> Pushes)> Steps =>
        _steps.Skip(1).TakeWhile(step => !step.What.StartsWith("the control plane restarts", StringComparison.Ordinal))
            .Select(step => (step.What, (IReadOnlyList<RecordedPush>)step.Pushes));

    /// <summary>Makes a step's change.</summary>
    public Task MakeAsync(string what, ICluster cluster) => what switch
    {
        "a pod becomes ready" => ChangeAsync(cluster, "Pod/shop/web-3", pod => pod["status"]!["conditions"]![0]!["status"] = "True"),
        "a pod loses its readiness" => ChangeAsync(cluster, "Pod/shop/web-3", pod => pod["status"]!["conditions"]![0]!["status"] = "False"),
        "a pod gains a label that a service selects by nothing" => ChangeAsync(cluster, "Pod/shop/web-1", pod => pod["metadata"]!["labels"]!["version"] = "v2"),
        "a pod leaves the selection of every service" => ChangeAsync(cluster, "Pod/shop/web-1", pod => pod["metadata"]!["labels"]!["app"] = "other"),
        "a pod is no longer captured" => ChangeAsync(cluster, "Pod/shop/web-1", pod => pod["metadata"]!["annotations"]!.AsObject().Remove("ambient.istio.io/redirection")),
        "a pod is deleted" => cluster.DeleteAsync(Copy("Pod/shop/web-1")),
        "a pod of the same name and address comes" => RestoreAsync(cluster, "Pod/shop/web-1"),
        "a service changes a port" => ChangeAsync(cluster, "Service/shop/web-ext", service => service["spec"]!["ports"]![0]!["port"] = 8000),
        "a service is deleted" => cluster.DeleteAsync(Copy("Service/shop/web-ext")),
        "a policy is added" => cluster.PutAsync(Policy("web", "shop")),
        "the policy changes its rules only" => cluster.PutAsync(Policy("web", "pay")),
        "the policy changes its selector" => cluster.PutAsync(Policy("nothing", "pay")),
        "the policy is deleted" => cluster.DeleteAsync(Policy("nothing", "pay")),
        "the namespace turns strict" => cluster.PutAsync(Strict()),
        "and permissive again" => cluster.DeleteAsync(Strict()),
        "the namespace leaves the mesh" => ChangeAsync(cluster, "Namespace/shop", ns => ns["metadata"]!["labels"]!.AsObject().Remove("istio.io/dataplane-mode")),
        "the namespace joins again" => ChangeAsync(cluster, "Namespace/shop", ns => ns["metadata"]!["labels"]!["istio.io/dataplane-mode"] = "ambient"),
        _ => throw new NotSupportedException(what),
    };

    public static string KeyOf(JsonObject resource) => string.Join('/', new[]
    {
        resource.Kind(), (string?)resource["metadata"]!["namespace"], (string)resource["metadata"]!["name"]!,
    }.Where(part => part is not null));

    private JsonObject Copy(string key) => _world[key].DeepClone().AsObject();

    private Task ChangeAsync(ICluster cluster, string key, Action<JsonObject> change)
    {
        change(_world[key]);
        return cluster.PutAsync(Copy(key));
    }

    private Task RestoreAsync(ICluster cluster, string key)
    {
        _world[key] = Manifest.Read(File.ReadAllText(Manifest.Path("wds", "02-services", "input.yaml"))).Single(resource => KeyOf(resource) == key);
        return cluster.PutAsync(Copy(key));
    }

    private static RecordedPush PushOf(JsonNode response) => new(
        ((string)response["typeUrl"]!).Split('.')[^1],
        response["resources"]!.AsArray().ToDictionary(resource => (string)resource!["name"]!, resource => resource!["resource"]!.AsObject()),
        [.. response["removed"]!.AsArray().Select(name => (string)name!)],
        response["resources"]!.AsArray().ToDictionary(resource => (string)resource!["name"]!, resource => (string)resource!["version"]!));

    private static JsonObject Policy(string app, string from) => Manifest.Read($$"""
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: p, namespace: shop}
        spec:
          selector:
            matchLabels: {app: {{app}} }
          rules:
          - from:
            - source: {namespaces: [{{from}}]}
        """)[0];

    private static JsonObject Strict() => Manifest.Read("""
        apiVersion: security.istio.io/v1
        kind: PeerAuthentication
        metadata: {name: default, namespace: shop}
        spec: {mtls: {mode: STRICT}}
        """)[0];

    private static JsonObject Ztunnel() => Manifest.Read("""
        apiVersion: v1
        kind: Pod
        metadata:
          name: ztunnel-abc12
          namespace: istio-system
          labels: {app: ztunnel}
        spec:
          serviceAccountName: ztunnel
          nodeName: node-1
          containers:
          - {name: istio-proxy, image: ztunnel}
        status:
          phase: Running
          podIP: 10.8.0.200
          podIPs: [{ip: 10.8.0.200}]
          conditions: [{type: Ready, status: "True"}]
        """)[0];
}
