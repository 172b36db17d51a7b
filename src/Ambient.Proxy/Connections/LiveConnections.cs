using Ambient.Linux;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;

namespace Ambient.Proxy.Connections;

/// <summary>
/// The inbound connections of one loop that policies let in. When policies change, each is asked about again, and closed if it would
/// not be let in now. A connection registers before it is first judged, so that no change falls between the two. On its loop only.
/// </summary>
public sealed class LiveConnections(EventLoop loop)
{
    /// <summary>Connections judged before the loop's other work has its turn; a judgement takes a few microseconds.</summary>
    private const int JudgedPerTurn = 256;

    private readonly HashSet<ILiveConnection> _connections = [];

    /// <summary>The connections, for dumps.</summary>
    public IReadOnlyCollection<ILiveConnection> All => _connections;

    /// <summary>Registers a connection until it is removed.</summary>
    public void Add(ILiveConnection connection) => _connections.Add(connection);

    /// <summary>The connection is over.</summary>
    public void Remove(ILiveConnection connection) => _connections.Remove(connection);

    /// <summary>Registers a connection until it is disposed.</summary>
    /// <param name="workloadUid">The workload that takes it.</param>
    /// <param name="facts">What policies may look at.</param>
    /// <param name="close">Closes it, with the reason for its record.</param>
    public LiveConnection Register(string workloadUid, ConnectionFacts facts, Action<string> close)
    {
        var connection = new LiveConnection(this, workloadUid, facts, close);
        _connections.Add(connection);
        return connection;
    }

    /// <summary>Judges connections again by a snapshot, each of those that are concerned, whatever other round is under way.</summary>
    /// <param name="mesh">The snapshot after the change.</param>
    /// <param name="concerns">Whether a workload is concerned at all.</param>
    public async Task ReevaluateAsync(MeshSnapshot mesh, Func<string, bool> concerns)
    {
        var judged = 0;
        foreach (var connection in _connections.ToArray())
        {
            if (_connections.Contains(connection) && concerns(connection.WorkloadUid) && mesh.Workloads.TryGetValue(connection.WorkloadUid, out var workload))
            {
                Judge(connection, mesh, workload);
                if (++judged % JudgedPerTurn == 0)
                {
                    await loop.Yield();
                }
            }
        }
    }

    /// <summary>Closes a connection if the policies of the snapshot do not let it in.</summary>
    private static void Judge(ILiveConnection connection, MeshSnapshot mesh, Workload workload)
    {
        var facts = connection.Facts;
        var verdict = Authorizer.Evaluate(mesh, workload, facts);
        if (!verdict.Allowed)
        {
            connection.Close($"connection closed due to policy change: {VerdictExplanation.Render(mesh, workload, facts, verdict)}");
        }
    }
}

/// <summary>An inbound connection, as policies see it.</summary>
public interface ILiveConnection
{
    /// <summary>The workload that takes it.</summary>
    string WorkloadUid { get; }

    /// <summary>What policies may look at.</summary>
    ConnectionFacts Facts { get; }

    /// <summary>Closes it, with the reason for its record.</summary>
    void Close(string reason);
}

/// <summary>A connection that registered with what closes it.</summary>
public sealed class LiveConnection : ILiveConnection, IDisposable
{
    private readonly LiveConnections _owner;
    private readonly Action<string> _close;

    internal LiveConnection(LiveConnections owner, string workloadUid, ConnectionFacts facts, Action<string> close)
    {
        _owner = owner;
        WorkloadUid = workloadUid;
        Facts = facts;
        _close = close;
    }

    /// <inheritdoc/>
    public string WorkloadUid { get; }

    /// <inheritdoc/>
    public ConnectionFacts Facts { get; }

    /// <inheritdoc/>
    public void Close(string reason) => _close(reason);

    /// <summary>The connection is over.</summary>
    public void Dispose() => _owner.Remove(this);
}
