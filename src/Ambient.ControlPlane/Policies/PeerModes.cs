using Ambient.Api.Kubernetes;

namespace Ambient.ControlPlane.Policies;

/// <summary>Whether plaintext is accepted.</summary>
internal enum PeerMode
{
    Unset,
    Disable,
    Permissive,
    Strict,
}

/// <summary>Reads and inherits modes of PeerAuthentications.</summary>
internal static class PeerModes
{
    /// <summary>A mode that nobody knows is the strict one.</summary>
    public static PeerMode Parse(string? mode) => mode switch
    {
        null or "" or "UNSET" => PeerMode.Unset,
        "DISABLE" => PeerMode.Disable,
        "PERMISSIVE" => PeerMode.Permissive,
        _ => PeerMode.Strict,
    };

    public static PeerMode Of(PeerAuthentication? policy) => Parse(policy?.Spec?.Mtls?.Mode);

    public static PeerMode Or(this PeerMode mode, PeerMode inherited) => mode == PeerMode.Unset ? inherited : mode;

    public static bool HasSelector(PeerAuthentication policy) => policy.Spec?.Selector?.MatchLabels is { Count: > 0 };

    /// <summary>The one that counts where several would: the oldest, and of those the first by name.</summary>
    public static PeerAuthentication? Oldest(IEnumerable<PeerAuthentication> policies) =>
        policies.MinBy(policy => (policy.Metadata.CreationTimestamp ?? DateTimeOffset.MaxValue, policy.Metadata.Name));

    /// <summary>
    /// What a workload of a namespace gets where no policy selects it: the namespace's mode, else the mesh's. An unset one in
    /// between inherits; Istio reads it as "not strict" for port exemptions and then enforces nothing at all.
    /// </summary>
    public static PeerMode Inherited(IEnumerable<PeerAuthentication> ofNamespace, IEnumerable<PeerAuthentication> ofRoot)
    {
        var mesh = Of(Oldest(ofRoot.Where(policy => !HasSelector(policy))));
        return Of(Oldest(ofNamespace.Where(policy => !HasSelector(policy)))).Or(mesh);
    }
}
