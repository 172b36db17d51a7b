using Ambient.Proxy.Configuration;

namespace Ambient.Proxy.Sockets;

/// <summary>How a proxy makes its sockets.</summary>
public sealed record SocketSettings
{
    /// <summary>Whether IPv6 is used.</summary>
    public bool IPv6 { get; init; } = true;

    /// <summary>Whether listeners share their ports: the loops of one process, and a process with its successor.</summary>
    public bool ReusePort { get; init; } = true;

    /// <summary>Whether applications see their clients' addresses: required, never, or where possible (null).</summary>
    public bool? KeepSourceAddress { get; init; }

    /// <summary>The mark of the proxy's packets; null for none.</summary>
    public int? PacketMark { get; init; }

    /// <summary>TCP keep-alive; null for none.</summary>
    public KeepAlive? KeepAlive { get; init; }

    /// <summary>Whether unacknowledged data ends a connection too.</summary>
    public bool UserTimeout { get; init; }
}
