using Ambient.Api;

namespace Ambient.ControlPlane.Authority;

/// <summary>Who a token says that a caller is.</summary>
/// <param name="Identity">The service account, in the mesh's trust domain.</param>
/// <param name="PodName">The pod that the token is bound to; null for a token of no pod.</param>
/// <param name="PodUid">That pod's uid.</param>
internal sealed record Caller(SpiffeId Identity, string? PodName, string? PodUid)
{
    public override string ToString() => PodName is null ? Identity.ToString() : $"{Identity} (pod {PodName})";
}
