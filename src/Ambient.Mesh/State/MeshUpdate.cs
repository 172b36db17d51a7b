using Ambient.Mesh.Model;

namespace Ambient.Mesh.State;

/// <summary>Changes that arrived together and take effect together.</summary>
public sealed class MeshUpdate
{
    /// <summary>Workloads that are new or changed.</summary>
    public List<Workload> Workloads { get; } = [];

    /// <summary>Services that are new or changed.</summary>
    public List<Service> Services { get; } = [];

    /// <summary>Policies that are new or changed.</summary>
    public List<Policy> Policies { get; } = [];

    /// <summary>Resource names of workloads (uid) and services (<c>namespace/hostname</c>) that are gone.</summary>
    public List<string> RemovedAddresses { get; } = [];

    /// <summary>Keys of policies that are gone.</summary>
    public List<string> RemovedPolicies { get; } = [];

    /// <summary>Whether nothing changes.</summary>
    public bool IsEmpty => Workloads.Count + Services.Count + Policies.Count + RemovedAddresses.Count + RemovedPolicies.Count == 0;
}

/// <summary>What an update did.</summary>
/// <param name="Before">The snapshot before it.</param>
/// <param name="After">The snapshot after it.</param>
/// <param name="PoliciesChanged">Whether a policy came, changed or went.</param>
/// <param name="WorkloadsPoliced">Uids of workloads whose own list of policies changed.</param>
/// <param name="WorkloadsAdded">Workloads that are new or changed.</param>
/// <param name="WorkloadsRemoved">Workloads that are gone.</param>
public sealed record MeshChange(
    MeshSnapshot Before,
    MeshSnapshot After,
    bool PoliciesChanged,
    IReadOnlySet<string> WorkloadsPoliced,
    IReadOnlyList<Workload> WorkloadsAdded,
    IReadOnlyList<Workload> WorkloadsRemoved);
