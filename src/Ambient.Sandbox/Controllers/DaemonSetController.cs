using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox.Controllers;

/// <summary>Daemon sets: one pod on every node that the template's selector allows; a new template replaces pods one node after the other.</summary>
internal sealed class DaemonSetController : Controller
{
    /// <summary>The label that tells which template a daemon's pod was made from.</summary>
    private const string HashLabel = "controller-revision-hash";

    private readonly KubernetesClient _client;
    private readonly ClusterState _state;

    public DaemonSetController(KubernetesClient client, ClusterState state, ILogger logger, TimeProvider time)
        : base("daemonsets", logger, time)
    {
        _client = client;
        _state = state;
        state.DaemonSets.Subscribe(change => Queue.Add(ObjectKey.Of(change.Object)));
        state.Nodes.Subscribe(_ =>
        {
            foreach (var set in state.DaemonSets.List())
            {
                Queue.Add(ObjectKey.Of(set));
            }
        });
        state.Pods.Subscribe(change =>
        {
            if (Ownership.ControllerOf(change.Object, "DaemonSet") is { } owner)
            {
                Queue.Add(owner);
            }
        });
    }

    /// <inheritdoc />
    protected override async Task ReconcileAsync(ObjectKey key, CancellationToken ct)
    {
        var path = ResourceKinds.DaemonSets.Path(key.Namespace, key.Name);
        var set = await Ownership.ReadAsync(_client, path, ct);
        if (set is null || set["metadata"]!["deletionTimestamp"] is not null)
        {
            return;
        }

        var uid = (string?)set["metadata"]!["uid"];
        var hash = Ownership.Hash(set["spec"]!["template"]!);
        var selector = set["spec"]!["template"]!["spec"]?["nodeSelector"]?.AsObject().ToDictionary(label => label.Key, label => (string?)label.Value ?? "");
        var nodes = _state.Nodes.List().Where(node => Scheduler.Fits(node, selector)).Select(node => node.Metadata.Name).Order(StringComparer.Ordinal).ToArray();
        var pods = (await _client.ListAsync(ResourceKinds.Pods, key.Namespace, null, ct)).Items.Where(pod => Ownership.Owns(uid, pod)).ToArray();
        foreach (var node in nodes)
        {
            // A daemon's port on the node is free again only when the old pod has gone entirely.
            if (!pods.Any(pod => pod.Spec?.NodeName == node))
            {
                await _client.SendJsonAsync(
                    HttpMethod.Post, ResourceKinds.Pods.Path(key.Namespace), Ownership.PodOf(set, HashLabel, hash, node), cancellationToken: ct);
            }
        }

        var outdated = pods.Where(pod => pod.Metadata.Label(HashLabel) != hash || !nodes.Contains(pod.Spec?.NodeName) || pod.Status?.Phase is "Failed" or "Succeeded").ToArray();
        var current = pods.Except(outdated).ToArray();
        if (outdated.FirstOrDefault(pod => pod.Metadata.DeletionTimestamp is null) is { } next
            && !pods.Any(pod => pod.Metadata.DeletionTimestamp is not null) && current.All(Ownership.IsReady))
        {
            await _client.DeleteAsync(ResourceKinds.Pods, key.Namespace, next.Metadata.Name, new DeleteOptions(Uid: next.Metadata.Uid), ct);
        }

        var ready = pods.Count(Ownership.IsReady);
        await Ownership.WriteStatusAsync(_client, path, set, new JsonObject
        {
            ["observedGeneration"] = (long?)set["metadata"]!["generation"],
            ["desiredNumberScheduled"] = nodes.Length,
            ["currentNumberScheduled"] = pods.Length,
            ["updatedNumberScheduled"] = current.Length,
            ["numberReady"] = ready,
            ["numberAvailable"] = ready,
            ["numberUnavailable"] = Math.Max(0, nodes.Length - ready),
            ["numberMisscheduled"] = 0,
        }, ct);
    }
}
