using Ambient.Api;
using Ambient.Identity.Certificates;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;

namespace Ambient.Ztunnel.Identities;

/// <summary>
/// Asks for the certificates of this node's workloads as soon as the mesh tells of them, and drops an identity with its last workload.
/// Hears of changes one at a time.
/// </summary>
internal sealed class CertificatePrefetch
{
    private readonly MeshStore _mesh;
    private readonly CertificateStore _certificates;

    /// <summary>Local workloads by identity.</summary>
    private readonly Dictionary<SpiffeId, HashSet<string>> _users = [];
    private readonly Dictionary<string, SpiffeId> _identities = new(StringComparer.Ordinal);

    public CertificatePrefetch(MeshStore mesh, CertificateStore certificates)
    {
        _mesh = mesh;
        _certificates = certificates;
        mesh.Changed += Note;
    }

    private void Note(MeshChange change)
    {
        foreach (var workload in change.WorkloadsRemoved)
        {
            Leave(workload.Uid);
        }

        foreach (var workload in change.WorkloadsAdded)
        {
            if (!NeedsCertificate(workload))
            {
                Leave(workload.Uid);
            }
            else if (!_identities.TryGetValue(workload.Uid, out var known) || known != workload.Identity)
            {
                Join(workload);
            }
        }
    }

    private bool NeedsCertificate(Workload workload) =>
        _mesh.IsLocal(workload) && (workload.NativeTunnel || workload.Protocol == TunnelProtocol.Hbone);

    private void Join(Workload workload)
    {
        var identity = workload.Identity;
        if (!_users.TryGetValue(identity, out var users))
        {
            _users[identity] = users = new HashSet<string>(StringComparer.Ordinal);
        }

        users.Add(workload.Uid);
        _certificates.Prefetch(identity);
        // A workload that changes its account: the old identity goes after the new one has come.
        Leave(workload.Uid, except: identity);
        _identities[workload.Uid] = identity;
    }

    private void Leave(string uid, SpiffeId? except = null)
    {
        if (!_identities.TryGetValue(uid, out var identity) || identity == except)
        {
            return;
        }

        _identities.Remove(uid);
        if (_users.TryGetValue(identity, out var users) && users.Remove(uid) && users.Count == 0)
        {
            _users.Remove(identity);
            _certificates.Forget(identity);
        }
    }
}
