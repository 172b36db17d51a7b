using Ambient.Linux;

namespace Ambient.Bench.Subjects;

/// <summary>What the kernel does in every namespace of a run, the same for all subjects.</summary>
internal static class NamespaceSettings
{
    private const string Tcp = "/proc/sys/net/ipv4/";

    public static void Apply(NetworkNamespace space)
    {
        // None that paces: bbr, many hosts' default, halves what a local link carries.
        space.WriteText(Tcp + "tcp_congestion_control", "cubic");

        // Thousands of connections a second to one address leave all its ports in TIME_WAIT: connecting then searches tens of thousands
        // of ports (80 ms each) instead of taking one. They may be used again as soon as timestamps tell old segments from new.
        space.WriteText(Tcp + "ip_local_port_range", "10240 65000");
        space.WriteText(Tcp + "tcp_tw_reuse", "1");
        if (space.ReadText(Tcp + "tcp_tw_reuse_delay") is not null)
        {
            space.WriteText(Tcp + "tcp_tw_reuse_delay", "1");
        }

        // Hundreds of connections begin at once; a dropped SYN comes again after a second.
        space.WriteText("/proc/sys/net/core/somaxconn", "4096");
        space.WriteText(Tcp + "tcp_max_syn_backlog", "4096");
    }
}
