using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;

namespace Ambient.ControlPlane.Authority;

/// <summary>Which pods run where, and as whom. Safe for concurrent use: informers write, certificate requests read.</summary>
internal sealed class PodDirectory
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Pod> _pods = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Node, string Namespace, string Account), int> _accounts = [];

    /// <summary>Takes a pod as it is now; null where it is gone.</summary>
    public void Set(string key, Pod? pod)
    {
        lock (_gate)
        {
            if (_pods.Remove(key, out var previous) && Place(previous) is { } left && --CountAt(left) == 0)
            {
                _accounts.Remove(left);
            }

            if (pod is not null)
            {
                _pods[key] = pod;
                if (Place(pod) is { } taken)
                {
                    CountAt(taken)++;
                }
            }
        }
    }

    public Pod? Find(string ns, string name)
    {
        lock (_gate)
        {
            return _pods.GetValueOrDefault(ResourceKey.Of(ns, name));
        }
    }

    /// <summary>Whether some pod of the service account is on the node and has not failed.</summary>
    public bool HasAccount(string node, string ns, string account)
    {
        lock (_gate)
        {
            return _accounts.ContainsKey((node, ns, account));
        }
    }

    private ref int CountAt((string Node, string Namespace, string Account) place) =>
        ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_accounts, place, out _);

    private static (string Node, string Namespace, string Account)? Place(Pod pod) =>
        pod.Status?.Phase == "Failed" || string.IsNullOrEmpty(pod.Spec?.NodeName)
            ? null
            : (pod.Spec.NodeName, pod.Metadata.Namespace ?? "", pod.Spec.ServiceAccountName ?? "default");
}
