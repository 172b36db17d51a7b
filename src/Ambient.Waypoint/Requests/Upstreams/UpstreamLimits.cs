using Ambient.Mesh.Http;

namespace Ambient.Waypoint.Requests.Upstreams;

/// <summary>What an upstream has in use, against the limits of its traffic policy. Shared by all loops.</summary>
internal sealed class UpstreamLimits
{
    private int _connections;
    private int _pending;
    private int _requests;
    private int _retries;

    /// <summary>Connections that are open or being opened.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Requests that wait for a connection.</summary>
    public int Pending => Volatile.Read(ref _pending);

    /// <summary>Requests under way.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>One more connection, if there may be one; a loop that has none to an endpoint always gets its first.</summary>
    public bool TryConnect(ConnectionPool limits, bool isFirst)
    {
        if (TryTake(ref _connections, limits.MaxConnections))
        {
            return true;
        }

        if (isFirst)
        {
            Interlocked.Increment(ref _connections);
        }

        return isFirst;
    }

    /// <summary>A connection has ended.</summary>
    public void Disconnected() => Interlocked.Decrement(ref _connections);

    /// <summary>One more request that waits, if there may be one.</summary>
    public bool TryWait(ConnectionPool limits) => TryTake(ref _pending, limits.MaxPendingRequests);

    /// <summary>A request waits no more.</summary>
    public void Waited() => Interlocked.Decrement(ref _pending);

    /// <summary>One more request, if there may be one.</summary>
    public bool TryBegin(ConnectionPool limits) => TryTake(ref _requests, limits.MaxRequests);

    /// <summary>A request has ended.</summary>
    public void Ended() => Interlocked.Decrement(ref _requests);

    /// <summary>One more retry, if there may be one.</summary>
    public bool TryRetry(ConnectionPool limits) => TryTake(ref _retries, limits.MaxRetries);

    /// <summary>A retry has ended.</summary>
    public void Retried() => Interlocked.Decrement(ref _retries);

    private static bool TryTake(ref int used, int limit)
    {
        if (Interlocked.Increment(ref used) <= limit)
        {
            return true;
        }

        Interlocked.Decrement(ref used);
        return false;
    }
}
