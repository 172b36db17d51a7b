using System.Text.Json.Nodes;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox.Controllers;

/// <summary>Replica sets: as many pods as wanted. Pods are counted at the API server, never in a cache that may lag behind.</summary>
internal sealed class ReplicaSetController : Controller
{
    private readonly KubernetesClient _client;

    public ReplicaSetController(KubernetesClient client, ClusterState state, ILogger logger, TimeProvider time)
        : base("replicasets", logger, time)
    {
        _client = client;
        state.ReplicaSets.Subscribe(change => Queue.Add(ObjectKey.Of(change.Object)));
        state.Pods.Subscribe(change =>
        {
            if (Ownership.ControllerOf(change.Object, "ReplicaSet") is { } owner)
            {
                Queue.Add(owner);
            }
        });
    }

    /// <inheritdoc />
    protected override async Task ReconcileAsync(ObjectKey key, CancellationToken ct)
    {
        var path = ResourceKinds.ReplicaSets.Path(key.Namespace, key.Name);
        var set = await Ownership.ReadAsync(_client, path, ct);
        if (set is null || set["metadata"]!["deletionTimestamp"] is not null)
        {
            return;
        }

        var uid = (string?)set["metadata"]!["uid"];
        var wanted = (int?)set["spec"]!["replicas"] ?? 1;
        var hash = (string?)set["metadata"]!["labels"]?[Labels.PodTemplateHash] ?? Ownership.Hash(set["spec"]!["template"]!);
        var all = (await _client.ListAsync(ResourceKinds.Pods, key.Namespace, null, ct)).Items;
        var pods = all.Where(pod => Ownership.Owns(uid, pod) && Ownership.IsActive(pod)).ToArray();
        for (var count = pods.Length; count < wanted; count++)
        {
            await _client.SendJsonAsync(
                HttpMethod.Post, ResourceKinds.Pods.Path(key.Namespace), Ownership.PodOf(set, Labels.PodTemplateHash, hash, null), cancellationToken: ct);
        }

        // Those that are not ready go first, then the youngest.
        var surplus = pods.OrderBy(Ownership.IsReady).ThenByDescending(pod => pod.Metadata.CreationTimestamp).Take(Math.Max(0, pods.Length - wanted));
        foreach (var pod in surplus)
        {
            await _client.DeleteAsync(ResourceKinds.Pods, key.Namespace, pod.Metadata.Name, new DeleteOptions(Uid: pod.Metadata.Uid), ct);
        }

        var ready = pods.Count(Ownership.IsReady);
        await Ownership.WriteStatusAsync(_client, path, set, new JsonObject
        {
            ["observedGeneration"] = (long?)set["metadata"]!["generation"],
            ["replicas"] = pods.Length,
            ["fullyLabeledReplicas"] = pods.Length,
            ["readyReplicas"] = ready,
            ["availableReplicas"] = ready,
        }, ct);
    }
}
