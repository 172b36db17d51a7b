using System.Net;
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

    private readonly HashSet<LiveConnection> _connections = [];

    /// <summary>The connections, for dumps.</summary>
    public IReadOnlyCollection<LiveConnection> All => _connections;

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
                connection.Judge(mesh, workload);
                if (++judged % JudgedPerTurn == 0)
                {
                    await loop.Yield();
                }
            }
        }
    }

    internal void Remove(LiveConnection connection) => _connections.Remove(connection);
}

/// <summary>One inbound connection, as policies see it.</summary>
public sealed class LiveConnection : IDisposable
{
    private readonly LiveConnections _owner;
    private readonly ConnectionFacts _facts;
    private readonly Action<string> _close;

    internal LiveConnection(LiveConnections owner, string workloadUid, ConnectionFacts facts, Action<string> close)
    {
        _owner = owner;
        WorkloadUid = workloadUid;
        _facts = facts;
        _close = close;
    }

    /// <summary>The workload that takes it.</summary>
    public string WorkloadUid { get; }

    /// <summary>The client.</summary>
    public IPAddress Source => _facts.Source;

    /// <summary>What policies look at.</summary>
    public ConnectionFacts Facts => _facts;

    /// <summary>Closes it if the policies of the snapshot do not let it in.</summary>
    internal void Judge(MeshSnapshot mesh, Workload workload)
    {
        var verdict = Authorizer.Evaluate(mesh, workload, _facts);
        if (!verdict.Allowed)
        {
            _close($"connection closed due to policy change: {VerdictExplanation.Render(mesh, workload, _facts, verdict)}");
        }
    }

    /// <summary>The connection is over.</summary>
    public void Dispose() => _owner.Remove(this);
}
