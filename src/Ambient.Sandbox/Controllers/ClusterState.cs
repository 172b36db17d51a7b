using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.Sandbox.Controllers;

/// <summary>What all controllers look at: one informer per kind.</summary>
internal sealed class ClusterState(KubernetesClient client, ILogger logger, TimeProvider time)
{
    public Informer<Namespace> Namespaces { get; } = new(client, ResourceKinds.Namespaces, null, logger, time);
    public Informer<Node> Nodes { get; } = new(client, ResourceKinds.Nodes, null, logger, time);
    public Informer<Pod> Pods { get; } = new(client, ResourceKinds.Pods, null, logger, time);
    public Informer<Service> Services { get; } = new(client, ResourceKinds.Services, null, logger, time);
    public Informer<EndpointSlice> EndpointSlices { get; } = new(client, ResourceKinds.EndpointSlices, null, logger, time);
    public Informer<Deployment> Deployments { get; } = new(client, ResourceKinds.Deployments, null, logger, time);
    public Informer<ReplicaSet> ReplicaSets { get; } = new(client, ResourceKinds.ReplicaSets, null, logger, time);
    public Informer<DaemonSet> DaemonSets { get; } = new(client, ResourceKinds.DaemonSets, null, logger, time);

    /// <summary>Follows the API until cancelled.</summary>
    public Task RunAsync(CancellationToken ct) => Task.WhenAll(
        Namespaces.RunAsync(ct), Nodes.RunAsync(ct), Pods.RunAsync(ct), Services.RunAsync(ct),
        EndpointSlices.RunAsync(ct), Deployments.RunAsync(ct), ReplicaSets.RunAsync(ct), DaemonSets.RunAsync(ct));

    /// <summary>Completes when every informer holds the present state.</summary>
    public Task SyncedAsync() => Task.WhenAll(
        Namespaces.SyncedAsync, Nodes.SyncedAsync, Pods.SyncedAsync, Services.SyncedAsync,
        EndpointSlices.SyncedAsync, Deployments.SyncedAsync, ReplicaSets.SyncedAsync, DaemonSets.SyncedAsync);
}
