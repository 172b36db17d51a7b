namespace Ambient.Linux.Faults;

/// <summary>What a descriptor's calls may suffer.</summary>
internal enum WatchedKind
{
    /// <summary>Packets on a unix socket, an eventfd: it can only be stalled.</summary>
    Other,

    /// <summary>Takes TCP connections: it can be stalled, and connections can die before they are taken.</summary>
    Listener,

    /// <summary>A TCP connection: everything.</summary>
    Connection,
}

/// <summary>What an epoll reports on: enough to make it report again, and the descriptor's own random sequence.</summary>
internal sealed class WatchedDescriptor(int epoll, int descriptor, byte[] change, WatchedKind kind, long ordinal, int seed)
{
    public int Epoll => epoll;

    public int Number => descriptor;

    public WatchedKind Kind => kind;

    /// <summary>The event as registered.</summary>
    public ReadOnlySpan<byte> Change => change;

    public Random Random { get; } = new(unchecked((seed * 397) ^ (int)ordinal));

    /// <summary>Counts the registrations of the process.</summary>
    public long Ordinal => ordinal;

    /// <summary>It is to be reset by a call soon.</summary>
    public bool IsDoomed { get; set; }

    /// <summary>Calls so far.</summary>
    public long Calls { get; set; }
}
