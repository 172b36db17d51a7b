using Ambient.Hbone;
using Ambient.Linux;
using Ambient.Mesh.Http;
using Ambient.Waypoint.Serving;

namespace Ambient.Waypoint.Tcp;

/// <summary>
/// The connections of one loop that pass as bytes. When policies change each is judged again, and closed if it might not pass now. A
/// connection registers before it is first judged, so that no change falls between the two. On its loop only.
/// </summary>
internal sealed class TcpConnections(EventLoop loop) : IAsyncDisposable
{
    /// <summary>Connections judged before the loop's other work has its turn; a judgement takes a few microseconds.</summary>
    private const int JudgedPerTurn = 256;

    private readonly HashSet<TcpConnection> _connections = [];
    private readonly CancellationTokenSource _ending = new();
    private Task _judging = Task.CompletedTask;
    private bool _again;

    /// <summary>Those that stand, for dumps.</summary>
    public IReadOnlyCollection<TcpConnection> All => _connections;

    /// <summary>A new connection, which leaves when it is disposed.</summary>
    public TcpConnection Add(Passage passage, Http2Stream client)
    {
        var connection = new TcpConnection(this, passage, client);
        _connections.Add(connection);
        return connection;
    }

    /// <summary>The connection is over.</summary>
    public void Remove(TcpConnection connection) => _connections.Remove(connection);

    /// <summary>
    /// Judges all again. One whose policies are not all known is judged a moment later: a policy and the list that names it come in different
    /// messages, and the order says nothing.
    /// </summary>
    public void JudgeAgain(WaypointStore waypoint)
    {
        _again = true;
        if (_judging.IsCompleted)
        {
            _judging = JudgeAgainAsync(waypoint);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _judging;
        _ending.Dispose();
    }

    private async Task JudgeAgainAsync(WaypointStore waypoint)
    {
        while (_again && !_ending.IsCancellationRequested)
        {
            _again = false;
            if (await JudgeAsync(waypoint.Current, isLate: false))
            {
                try
                {
                    await loop.DelayAsync(LateConfiguration.Patience, _ending.Token);
                }
                catch (OperationCanceledException)
                {
                    return;
                }

                await JudgeAsync(waypoint.Current, isLate: true);
            }
        }
    }

    /// <returns>Whether some could not be judged yet.</returns>
    private async Task<bool> JudgeAsync(WaypointSnapshot waypoint, bool isLate)
    {
        var judged = 0;
        var isIncomplete = false;
        foreach (var connection in _connections.ToArray())
        {
            var verdict = connection.Judge(waypoint);
            if (!verdict.Allowed && !isLate && verdict.IsIncomplete())
            {
                isIncomplete = true;
            }
            else if (!verdict.Allowed)
            {
                connection.Close($"connection closed due to policy change: {connection.Words(waypoint, verdict)}");
            }

            if (++judged % JudgedPerTurn == 0)
            {
                await loop.Yield();
            }
        }

        return isIncomplete;
    }
}
