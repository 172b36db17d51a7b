namespace Ambient.Http;

/// <summary>A connection to a server, seen from the client. Single-threaded: everything on it happens on one loop.</summary>
public interface IClientConnection
{
    /// <summary>The protocol it speaks.</summary>
    HttpVersion Version { get; }

    /// <summary>Reads until the connection is over, and closes its transport. Never throws for what the peer or the network does. Call it once.</summary>
    Task RunAsync();

    /// <summary><see cref="Send"/> would succeed: neither ending nor full.</summary>
    bool CanSend { get; }

    /// <summary>The connection takes no more requests and goes away; take it out of any pool.</summary>
    bool IsEnding { get; }

    /// <summary>Requests under way.</summary>
    int ActiveRequests { get; }

    /// <summary>
    /// Called when <see cref="CanSend"/> or <see cref="IsEnding"/> may have changed: an exchange was disposed, the peer closed an idle
    /// connection or announced its end.
    /// </summary>
    Action? CapacityChanged { get; set; }

    /// <summary>
    /// Sends a request's head, and with <paramref name="endStream"/> the whole of it. One that asks for an upgrade has no body; its raw bytes
    /// may be written when 101 has come. The head is copied. Throws if <see cref="CanSend"/> is false.
    /// </summary>
    IClientExchange Send(RequestHead head, bool endStream);

    /// <summary>As <see cref="IServerConnection.FlushRequested"/>.</summary>
    Action? FlushRequested { get; set; }

    /// <summary>Sends what the turn produced.</summary>
    void Flush();

    /// <summary>The owner's heartbeat, about once a second.</summary>
    /// <param name="nowMilliseconds">A monotonic clock.</param>
    void Tick(long nowMilliseconds);

    /// <summary>Ends when the exchanges under way have ended.</summary>
    void Drain();

    /// <summary>Ends at once.</summary>
    void Abort();
}
