namespace Ambient.Mesh.State;

/// <summary>
/// The current snapshot and the way to change it. Reading takes no lock; changes are made one after the other.
/// </summary>
public sealed class MeshStore
{
    private readonly Lock _writing = new();
    private readonly string? _localNode;
    private volatile MeshSnapshot _current = MeshSnapshot.Empty;

    /// <summary>Makes an empty store.</summary>
    /// <param name="localNode">The node whose workloads enrolment names; null or empty means that all are local.</param>
    public MeshStore(string? localNode = null) => _localNode = string.IsNullOrEmpty(localNode) ? null : localNode;

    /// <summary>Raised after each change, in order, on the thread that made it. Handlers must be quick.</summary>
    public event Action<MeshChange>? Changed;

    /// <summary>What is known now.</summary>
    public MeshSnapshot Current => _current;

    /// <summary>Whether a workload of this node is named so.</summary>
    public bool IsLocal(Model.Workload workload) => _localNode is null || workload.Node == _localNode;

    /// <summary>Makes the changes and publishes the new snapshot.</summary>
    public MeshChange Apply(MeshUpdate update)
    {
        lock (_writing)
        {
            var builder = new SnapshotBuilder(_current, _localNode);
            builder.Apply(update);
            var change = builder.Finish();
            _current = change.After;
            Changed?.Invoke(change);
            return change;
        }
    }
}
