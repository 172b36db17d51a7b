using Ambient.Hbone;
using Ambient.Linux;
using Ambient.Proxy.Connections;

namespace Ambient.Ztunnel.Pods;

/// <summary>
/// The connections of one pod on one loop, those that are being set up included: owns them until each has closed itself. On its loop,
/// but for <see cref="Shown"/>.
/// </summary>
internal sealed class ConnectionSet(LiveConnections live, Action<int> changed)
{
    private readonly Lock _lock = new();
    private readonly HashSet<CarriedConnection> _connections = [];
    private TaskCompletionSource? _empty;

    public LiveConnections Live { get; } = live;

    /// <summary>What stands now. From any thread.</summary>
    public IReadOnlyList<TrackedConnection> Shown
    {
        get
        {
            lock (_lock)
            {
                return [.. _connections.Select(connection => connection.Shown).OfType<TrackedConnection>()];
            }
        }
    }

    /// <summary>A new connection, which leaves by itself. The lock is taken twice a connection, never for a chunk.</summary>
    /// <param name="captured">The application's socket, owned from now on; null for what comes through a tunnel.</param>
    /// <param name="stream">What comes through a tunnel, owned from now on.</param>
    public CarriedConnection Add(TcpSocket? captured, Http2Stream? stream = null)
    {
        var connection = new CarriedConnection(this, captured, stream);
        lock (_lock)
        {
            _connections.Add(connection);
        }

        changed(1);
        return connection;
    }

    public void Remove(CarriedConnection connection)
    {
        bool removed, isEmpty;
        lock (_lock)
        {
            removed = _connections.Remove(connection);
            isEmpty = _connections.Count == 0;
        }

        if (removed)
        {
            changed(-1);
        }

        if (isEmpty && _empty is { } empty)
        {
            _empty = null;
            empty.SetResult();
        }
    }

    /// <summary>Cuts all, whose sockets were captured.</summary>
    public void Abort()
    {
        foreach (var connection in _connections.ToList())
        {
            connection.Captured.Abort();
        }
    }

    /// <summary>Completes when none is left.</summary>
    public async Task WhenEmptyAsync()
    {
        while (_connections.Count > 0)
        {
            await (_empty ??= new TaskCompletionSource()).Task;
        }
    }
}
