using System.Text.Json.Nodes;
using Ambient.Api;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox.Controllers;

/// <summary>
/// Deployments: a replica set per pod template. A new template's set is brought up whole before the old ones are scaled to nothing.
/// </summary>
internal sealed class DeploymentController : Controller
{
    private readonly KubernetesClient _client;

    public DeploymentController(KubernetesClient client, ClusterState state, ILogger logger, TimeProvider time)
        : base("deployments", logger, time)
    {
        _client = client;
        state.Deployments.Subscribe(change => Queue.Add(ObjectKey.Of(change.Object)));
        state.ReplicaSets.Subscribe(change =>
        {
            if (Ownership.ControllerOf(change.Object, "Deployment") is { } owner)
            {
                Queue.Add(owner);
            }
        });
    }

    /// <inheritdoc />
    protected override async Task ReconcileAsync(ObjectKey key, CancellationToken ct)
    {
        var path = ResourceKinds.Deployments.Path(key.Namespace, key.Name);
        var deployment = await Ownership.ReadAsync(_client, path, ct);
        if (deployment is null || deployment["metadata"]!["deletionTimestamp"] is not null)
        {
            return;
        }

        var wanted = (int?)deployment["spec"]!["replicas"] ?? 1;
        var hash = Ownership.Hash(deployment["spec"]!["template"]!);
        var uid = (string?)deployment["metadata"]!["uid"];
        var sets = (await _client.ListAsync(ResourceKinds.ReplicaSets, key.Namespace, null, ct)).Items.Where(set => Ownership.Owns(uid, set)).ToArray();
        var current = sets.FirstOrDefault(set => set.Metadata.Label(Labels.PodTemplateHash) == hash);
        if (current is null)
        {
            await _client.SendJsonAsync(HttpMethod.Post, ResourceKinds.ReplicaSets.Path(key.Namespace), ReplicaSetOf(deployment, hash, wanted), cancellationToken: ct);
            return; // its appearance brings us back
        }

        if (current.Spec?.Replicas != wanted)
        {
            await ScaleAsync(current, wanted, ct);
        }

        var ready = current.Status?.ReadyReplicas ?? 0;
        foreach (var old in sets.Where(set => set != current && (set.Spec?.Replicas ?? 1) > 0))
        {
            if (ready >= wanted)
            {
                await ScaleAsync(old, 0, ct);
            }
        }

        await WriteStatusAsync(path, deployment, sets, current, wanted, ct);
    }

    private Task ScaleAsync(ReplicaSet set, int replicas, CancellationToken ct) => _client.PatchAsync(
        ResourceKinds.ReplicaSets, set.Metadata.Namespace, set.Metadata.Name,
        new JsonObject { ["spec"] = new JsonObject { ["replicas"] = replicas } }, PatchType.Merge, null, ct);

    private Task WriteStatusAsync(string path, JsonObject deployment, ReplicaSet[] sets, ReplicaSet current, int wanted, CancellationToken ct)
    {
        var ready = sets.Sum(set => set.Status?.ReadyReplicas ?? 0);
        var available = ready >= wanted;
        return Ownership.WriteStatusAsync(_client, path, deployment, new JsonObject
        {
            ["observedGeneration"] = (long?)deployment["metadata"]!["generation"],
            ["replicas"] = sets.Sum(set => set.Status?.Replicas ?? 0),
            ["updatedReplicas"] = current.Status?.Replicas ?? 0,
            ["readyReplicas"] = ready,
            ["availableReplicas"] = ready,
            ["unavailableReplicas"] = Math.Max(0, wanted - ready),
            ["conditions"] = new JsonArray(
                Condition("Available", available, available ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable"),
                Condition("Progressing", true, available ? "NewReplicaSetAvailable" : "ReplicaSetUpdated")),
        }, ct);
    }

    private static JsonObject Condition(string type, bool holds, string reason) => new()
    {
        ["type"] = type,
        ["status"] = holds ? "True" : "False",
        ["reason"] = reason,
    };

    private static JsonObject ReplicaSetOf(JsonObject deployment, string hash, int replicas)
    {
        var metadata = deployment["metadata"]!;
        var spec = deployment["spec"]!;
        var template = spec["template"]!.DeepClone().AsObject();
        var templateMetadata = template["metadata"] as JsonObject ?? [];
        templateMetadata["labels"] = WithHash(templateMetadata["labels"], hash);
        template["metadata"] = templateMetadata;
        var selector = spec["selector"]?.DeepClone().AsObject() ?? [];
        selector["matchLabels"] = WithHash(selector["matchLabels"], hash);
        return new JsonObject
        {
            ["apiVersion"] = "apps/v1",
            ["kind"] = "ReplicaSet",
            ["metadata"] = new JsonObject
            {
                ["name"] = $"{(string?)metadata["name"]}-{hash}",
                ["namespace"] = (string?)metadata["namespace"],
                ["labels"] = WithHash(templateMetadata["labels"], hash),
                ["ownerReferences"] = Ownership.Reference(deployment),
            },
            ["spec"] = new JsonObject { ["replicas"] = replicas, ["selector"] = selector, ["template"] = template },
        };
    }

    private static JsonObject WithHash(JsonNode? labels, string hash)
    {
        var all = labels?.DeepClone().AsObject() ?? [];
        all[Labels.PodTemplateHash] = hash;
        return all;
    }
}
