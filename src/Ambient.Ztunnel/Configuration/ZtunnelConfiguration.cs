using Ambient.Api;
using Ambient.Mesh.State;
using Ambient.Proxy.Configuration;
using Ambient.Proxy.Sockets;

namespace Ambient.Ztunnel.Configuration;

/// <summary>Whether one proxy serves all pods of a node or only its own network namespace.</summary>
public enum ProxyMode
{
    /// <summary>All pods of the node, in their network namespaces, as the node agent enrols them.</summary>
    Shared,

    /// <summary>One workload, in the proxy's own network namespace.</summary>
    Dedicated,
}

/// <summary>What can be set of the node proxy beyond what every proxy has, with its defaults; immutable. Names and defaults are those of Istio's node proxy.</summary>
public sealed record ZtunnelConfiguration : ProxyConfiguration
{
    /// <summary>Everything has its default.</summary>
    public ZtunnelConfiguration()
    {
    }

    /// <summary>What every proxy has is set.</summary>
    public ZtunnelConfiguration(ProxyConfiguration shared)
        : base(shared)
    {
    }

    /// <summary>Whom the proxy serves (PROXY_MODE).</summary>
    public ProxyMode Mode { get; init; }

    /// <summary>The workload of a dedicated proxy (PROXY_WORKLOAD_INFO).</summary>
    public WorkloadKey? DedicatedWorkload { get; init; }

    /// <summary>Whether connections are proxied at all (ENABLE_PROXY).</summary>
    public bool Proxy { get; init; } = true;

    /// <summary>Whether applications see their clients' addresses (ENABLE_ORIG_SRC): required, never, or where possible (null).</summary>
    public bool? KeepSourceAddress { get; init; }

    /// <summary>The mark of the proxy's packets (PACKET_MARK); null for none.</summary>
    public int? PacketMark { get; init; } = Marks.Packet;

    /// <summary>The node agent's socket (INPOD_UDS).</summary>
    public string InpodSocket { get; init; } = "/var/run/ztunnel/ztunnel.sock";

    /// <summary>Whether listeners in pods share their ports with a successor (INPOD_PORT_REUSE).</summary>
    public bool InpodPortReuse { get; init; } = true;

    /// <summary>Whether PROXY protocol targets are dialled on loopback (LOCALHOST_APP_TUNNEL).</summary>
    public bool LocalhostAppTunnel { get; init; } = true;

    /// <summary>How sockets are made.</summary>
    public SocketSettings Sockets => new()
    {
        IPv6 = IPv6,
        ReusePort = InpodPortReuse,
        KeepSourceAddress = KeepSourceAddress,
        PacketMark = PacketMark,
        KeepAlive = KeepAlive,
        UserTimeout = UserTimeout,
    };
}
