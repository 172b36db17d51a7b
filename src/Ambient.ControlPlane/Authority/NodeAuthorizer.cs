using Ambient.Api;

namespace Ambient.ControlPlane.Authority;

/// <summary>
/// Decides whether a node proxy may have a certificate for a workload: it may for those that run on its own node, so that a
/// stolen node is worth its own workloads and no more.
/// </summary>
/// <param name="trusted">The service accounts that may ask at all, <c>namespace/name</c>.</param>
/// <param name="pods">The cluster's pods.</param>
internal sealed class NodeAuthorizer(IReadOnlySet<string> trusted, PodDirectory pods)
{
    /// <summary>Why the caller may not act for the identity; null if it may. For our own log: callers are not told.</summary>
    public string? Refusal(Caller caller, SpiffeId requested)
    {
        var account = $"{caller.Identity.Namespace}/{caller.Identity.ServiceAccount}";
        if (!trusted.Contains(account))
        {
            return $"{account} is not allowed to impersonate (CA_TRUSTED_NODE_ACCOUNTS)";
        }

        if (caller.PodName is null)
        {
            return "the caller's token is not bound to a pod, so its node is unknown";
        }

        if (pods.Find(caller.Identity.Namespace, caller.PodName) is not { } pod)
        {
            return $"the caller's pod {caller.Identity.Namespace}/{caller.PodName} is not known (yet)";
        }

        if (pod.Metadata.Uid is null || pod.Metadata.Uid != caller.PodUid)
        {
            return $"pod {caller.PodName} was found, but its UID does not match the token's";
        }

        if ((pod.Spec?.ServiceAccountName ?? "default") != caller.Identity.ServiceAccount)
        {
            return $"pod {caller.PodName} was found, but its service account does not match the token's";
        }

        return pod.Spec?.NodeName is { Length: > 0 } node && pods.HasAccount(node, requested.Namespace, requested.ServiceAccount)
            ? null
            : $"no pod of {requested.Namespace}/{requested.ServiceAccount} is on node {pod.Spec?.NodeName} (yet)";
    }
}
