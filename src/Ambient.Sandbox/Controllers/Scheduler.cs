using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox.Controllers;

/// <summary>Binds pods to nodes: those that the node selector allows, and of these the one with the fewest pods.</summary>
internal sealed class Scheduler : Controller
{
    private readonly KubernetesClient _client;
    private readonly ClusterState _state;

    public Scheduler(KubernetesClient client, ClusterState state, ILogger logger, TimeProvider time)
        : base("scheduler", logger, time)
    {
        _client = client;
        _state = state;
        state.Pods.Subscribe(change =>
        {
            if (change.New is { Spec.NodeName: null or "", Metadata.DeletionTimestamp: null } pod)
            {
                Queue.Add(ObjectKey.Of(pod));
            }
        });
    }

    /// <summary>Whether a node has all wanted labels and takes pods.</summary>
    public static bool Fits(Node node, IReadOnlyDictionary<string, string>? selector) =>
        node.Spec?.Unschedulable != true && (selector ?? new Dictionary<string, string>()).All(label => node.Metadata.Label(label.Key) == label.Value);

    /// <inheritdoc />
    protected override async Task ReconcileAsync(ObjectKey key, CancellationToken ct)
    {
        var pod = await _client.FindAsync(ResourceKinds.Pods, key.Namespace, key.Name, ct);
        if (pod is not { Spec.NodeName: null or "", Metadata.DeletionTimestamp: null })
        {
            return;
        }

        var pods = (await _client.ListAsync(ResourceKinds.Pods, null, null, ct)).Items;
        var best = _state.Nodes.List()
            .Where(node => Fits(node, pod.Spec?.NodeSelector))
            .OrderBy(node => pods.Count(other => other.Spec?.NodeName == node.Metadata.Name && SameOwner(other, pod)))
            .ThenBy(node => pods.Count(other => other.Spec?.NodeName == node.Metadata.Name))
            .ThenBy(node => node.Metadata.Name, StringComparer.Ordinal)
            .FirstOrDefault();
        if (best is null)
        {
            await RefuseAsync(pod, ct);
            Queue.AddAfter(key, TimeSpan.FromSeconds(1));
            return;
        }

        await _client.SendJsonAsync(HttpMethod.Post, ResourceKinds.Pods.Path(key.Namespace, key.Name) + "/binding", new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Binding",
            ["metadata"] = new JsonObject { ["name"] = key.Name, ["namespace"] = key.Namespace },
            ["target"] = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Node", ["name"] = best.Metadata.Name },
        }, cancellationToken: ct);
    }

    private async Task RefuseAsync(Pod pod, CancellationToken ct)
    {
        if ((pod.Status?.Conditions ?? []).Any(condition => condition is { Type: "PodScheduled", Status: "False" }))
        {
            return;
        }

        var selector = string.Join(',', (pod.Spec?.NodeSelector ?? new Dictionary<string, string>()).Select(label => $"{label.Key}={label.Value}"));
        await _client.PatchAsync(ResourceKinds.Pods, pod.Metadata.Namespace, pod.Metadata.Name, new JsonObject
        {
            ["status"] = new JsonObject
            {
                ["phase"] = "Pending",
                ["conditions"] = new JsonArray(new JsonObject
                {
                    ["type"] = "PodScheduled",
                    ["status"] = "False",
                    ["reason"] = "Unschedulable",
                    ["message"] = $"No node has the labels {selector}. Change the pod's nodeSelector or label a node.",
                }),
            },
        }, PatchType.Merge, new PatchOptions("status"), ct);
    }

    private static bool SameOwner(Pod one, Pod other) =>
        one.Metadata.OwnerReferences is [{ Uid: { } first }, ..] && other.Metadata.OwnerReferences is [{ Uid: { } second }, ..] && first == second;
}
