using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.ControlPlane.Authority;

/// <summary>Keeps the roots in a ConfigMap of every namespace, from where pods mount them.</summary>
internal sealed class RootPublisher
{
    public const string ConfigMapName = "istio-ca-root-cert";
    public const string ConfigMapKey = "root-cert.pem";
    private const string FieldManager = "istio-ca-root-publisher";

    /// <summary>Namespaces of the cluster's own in which no pod of a mesh runs, as Istio leaves them out.</summary>
    private static readonly HashSet<string> Excluded = ["kube-public", "kube-node-lease", "local-path-storage"];

    /// <summary>Writes at a time: enough for a cluster of thousands of namespaces, and no load for the API server.</summary>
    private const int Workers = 4;

    private readonly KubernetesClient _client;
    private readonly Func<string> _roots;
    private readonly Informer<Namespace> _namespaces;
    private readonly Informer<ConfigMap> _configMaps;
    private readonly WorkQueue<string> _queue;

    public RootPublisher(KubernetesClient client, Informer<Namespace> namespaces, Func<string> roots, ILogger logger)
    {
        _client = client;
        _roots = roots;
        _namespaces = namespaces;
        _configMaps = new Informer<ConfigMap>(
            client, ResourceKinds.ConfigMaps, new InformerOptions { FieldSelector = $"metadata.name={ConfigMapName}" }, logger);
        _queue = new WorkQueue<string>("roots", logger: logger);
        namespaces.Subscribe(change => _queue.Add(change.Object.Metadata.Name));
        _configMaps.Subscribe(change => _queue.Add(change.Object.Metadata.Namespace ?? ""));
    }

    /// <summary>Follows the ConfigMaps; every replica does, so that whoever comes to lead knows them.</summary>
    public Task WatchAsync(CancellationToken cancellation) => _configMaps.RunAsync(cancellation);

    /// <summary>Writes what is missing or different, until cancelled; only the leader does.</summary>
    public async Task WriteAsync(CancellationToken cancellation)
    {
        await _configMaps.SyncedAsync.WaitAsync(cancellation);
        Refresh();
        await _queue.RunAsync(WriteAsync, Workers, cancellation);
    }

    /// <summary>Looks at every namespace again, after the roots have changed.</summary>
    public void Refresh()
    {
        foreach (var ns in _namespaces.List())
        {
            _queue.Add(ns.Metadata.Name);
        }
    }

    private async Task WriteAsync(string ns, CancellationToken cancellation)
    {
        var roots = _roots();
        if (Excluded.Contains(ns)
            || _namespaces.Get(null, ns) is not { Metadata.DeletionTimestamp: null }
            || _configMaps.Get(ns, ConfigMapName)?.Data?.GetValueOrDefault(ConfigMapKey) == roots)
        {
            return;
        }

        var map = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "ConfigMap",
            ["metadata"] = new JsonObject
            {
                ["name"] = ConfigMapName,
                ["namespace"] = ns,
                ["labels"] = new JsonObject { ["istio.io/config"] = "true" },
            },
            ["data"] = new JsonObject { [ConfigMapKey] = roots },
        };
        try
        {
            await _client.PatchAsync(
                ResourceKinds.ConfigMaps, ns, ConfigMapName, map, PatchType.Apply, new PatchOptions(FieldManager: FieldManager, Force: true), cancellation);
        }
        catch (KubernetesException error) when (error.IsNotFound || error.Status == System.Net.HttpStatusCode.Forbidden && IsGone(ns))
        {
            // The namespace went away meanwhile.
        }
    }

    private bool IsGone(string ns) => _namespaces.Get(null, ns) is not { Metadata.DeletionTimestamp: null };
}
