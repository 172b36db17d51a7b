using System.Collections.Concurrent;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;
using Microsoft.Extensions.Logging;

namespace Ambient.NodeAgent.Enrolment;

/// <summary>The pods of this node and the namespaces, as the API server has them.</summary>
internal sealed class PodDirectory
{
    private readonly KubernetesClient _api;
    private readonly Informer<Pod> _pods;
    private readonly Informer<Namespace> _namespaces;
    private readonly ConcurrentDictionary<string, Pod> _byUid = new(StringComparer.Ordinal);

    public PodDirectory(KubernetesClient api, string nodeName, TimeProvider time, ILoggerFactory loggers)
    {
        _api = api;
        _pods = new(api, ResourceKinds.Pods, new() { FieldSelector = $"spec.nodeName={nodeName}" }, loggers.CreateLogger("pods"), time);
        _namespaces = new(api, ResourceKinds.Namespaces, null, loggers.CreateLogger("namespaces"), time);
        _pods.Subscribe(OnPod);
        _namespaces.Subscribe(OnNamespace);
    }

    /// <summary>Raised with the kind of a change and the UID of a pod that it may concern; must not block.</summary>
    public event Action<string, string>? Changed;

    /// <summary>The node's pods.</summary>
    public IEnumerable<Pod> All => _byUid.Values;

    /// <summary>The pod, or null once it is deleted.</summary>
    public Pod? Find(string uid) => _byUid.GetValueOrDefault(uid);

    /// <summary>The pod's namespace, or null while it is not known.</summary>
    public Namespace? NamespaceOf(Pod pod) => _namespaces.Get(null, pod.Metadata.Namespace ?? "");

    /// <summary>
    /// The pod as the API server has it this moment: while its sandbox is made, a copy may still show a namesake that is gone.
    /// </summary>
    /// <exception cref="PodUnknownException">The API server does not have it, or does not answer.</exception>
    public async Task<Pod> FetchAsync(string ns, string name, CancellationToken cancellation)
    {
        try
        {
            var pod = await _api.GetAsync(ResourceKinds.Pods, ns, name, cancellation);
            _byUid.TryAdd(pod.Metadata.Uid!, pod); // the watch may be behind; where it is not, its copy is at least as new
            return pod;
        }
        catch (Exception failure) when (failure is IOException or HttpRequestException)
        {
            throw new PodUnknownException($"whether pod {ns}/{name} belongs into the mesh cannot be told: {failure.Message}", failure);
        }
    }

    /// <summary>Completes when pods and namespaces are known.</summary>
    public Task SyncedAsync(CancellationToken cancellation) =>
        Task.WhenAll(_pods.SyncedAsync, _namespaces.SyncedAsync).WaitAsync(cancellation);

    /// <summary>Follows the API server until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellation) =>
        Task.WhenAll(_pods.RunAsync(cancellation), _namespaces.RunAsync(cancellation));

    private void OnPod(ResourceEvent<Pod> change)
    {
        // A pod that was deleted and made again under its name between two lists comes as one update with another UID.
        if (change.Old?.Metadata.Uid is { } old && old != change.New?.Metadata.Uid)
        {
            _byUid.TryRemove(old, out _);
            Changed?.Invoke("delete", old);
        }

        if (change.New is { Metadata.Uid: { } uid } pod)
        {
            _byUid[uid] = pod;
            Changed?.Invoke(change.Old is null ? "add" : "update", uid);
        }
    }

    private void OnNamespace(ResourceEvent<Namespace> change)
    {
        foreach (var (uid, pod) in _byUid)
        {
            if (pod.Metadata.Namespace == change.Object.Metadata.Name)
            {
                Changed?.Invoke("update", uid);
            }
        }
    }
}

/// <summary>The API server cannot tell about a pod.</summary>
internal sealed class PodUnknownException(string message, Exception inner) : Exception(message, inner);
