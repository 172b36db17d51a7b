namespace Ambient.Http;

/// <summary>A client's connection, seen from the server. Single-threaded: everything on it happens on one loop.</summary>
public interface IServerConnection
{
    /// <summary>
    /// Serves requests until the connection is over, and closes its transport. Never throws for what the peer or the network does. Call it once.
    /// </summary>
    Task RunAsync();

    /// <summary>Requests under way.</summary>
    int ActiveRequests { get; }

    /// <summary>
    /// Asks the owner to call <see cref="Flush"/> once at the end of the present loop turn, so that everything a turn produces leaves in one
    /// send. Null: each message flushes by itself.
    /// </summary>
    Action? FlushRequested { get; set; }

    /// <summary>Sends what the turn produced.</summary>
    void Flush();

    /// <summary>The owner's heartbeat, about once a second: time-outs are measured by it.</summary>
    /// <param name="nowMilliseconds">A monotonic clock.</param>
    void Tick(long nowMilliseconds);

    /// <summary>Ends gracefully: requests under way are answered, and the client is told to send no more.</summary>
    void Drain();

    /// <summary>Ends at once.</summary>
    void Abort();
}
