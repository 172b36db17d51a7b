using System.Text;
using Ambient.Sandbox.Processes;

namespace Ambient.Sandbox.Network;

/// <summary>
/// The wires of a sandbox: a namespace with a bridge, a namespace per node that hangs on it, one link from the machine itself,
/// and routes so that every pod reaches every pod through its node.
/// </summary>
internal static class NodeNetwork
{
    /// <summary>
    /// Set in every namespace and nowhere else: nodes forward; the proxy's connections with the client's own source address would be
    /// dropped by reverse-path filtering; the machine's congestion control may pace local traffic (bbr does), cubic does not, nor does reno
    /// where the machine keeps cubic to itself (tcp_allowed_congestion_control).
    /// </summary>
    internal const string Settings = """
        echo 1 > /proc/sys/net/ipv4/ip_forward
        for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > "$file"; done
        { echo cubic > /proc/sys/net/ipv4/tcp_congestion_control; } 2>/dev/null || echo reno > /proc/sys/net/ipv4/tcp_congestion_control
        if [ -d /proc/sys/net/ipv6 ]; then
            echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
            for file in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > "$file"; done
            for file in /proc/sys/net/ipv6/conf/*/accept_ra; do echo 0 > "$file"; done
        fi
        ip link set lo up
        six() { [ ! -f /proc/net/if_inet6 ] || ip -6 "$@"; }
        """;

    /// <summary>Makes the bridge and the machine's link to it.</summary>
    public static async Task CreateFabricAsync(string id, AddressPlan plan, int nodes, CancellationToken ct)
    {
        var fabric = Names.Fabric(id);
        var link = Names.HostLink(id);
        await Command.ScriptAsync($"ip netns add {fabric}", ct);
        await Command.ScriptInAsync(fabric, $"""
            {Settings}
            ip link add br0 type bridge stp_state 0 mcast_snooping 0
            ip addr add {plan.Bridge4}/24 dev br0
            six addr add {plan.Bridge6}/64 dev br0 nodad
            ip link set br0 up
            """, ct);
        await Command.ScriptAsync($$"""
            ip link add {{link}} type veth peer name host netns {{fabric}}
            ip addr add {{plan.Host4}}/24 dev {{link}}
            six() { ip -6 "$@" 2>/dev/null || true; } # the machine itself may have IPv6 switched off
            six addr add {{plan.Host6}}/64 dev {{link}} nodad
            ip link set {{link}} up
            ip -n {{fabric}} link set host master br0 up
            {{PodRoutes(plan, Enumerable.Range(1, nodes), $"dev {link}")}}
            """, ct);
        await Command.ScriptInAsync(fabric, Settings + "\n" + PodRoutes(plan, Enumerable.Range(1, nodes), "dev br0"), ct);
    }

    /// <summary>Makes a node's namespace, plugs it into the bridge and routes to the other nodes' pods.</summary>
    public static async Task CreateNodeAsync(string id, AddressPlan plan, string node, int index, int nodes, CancellationToken ct)
    {
        var name = Names.Node(id, node);
        var addresses = plan.Node(index);
        await Command.ScriptAsync($"""
            ip netns add {name}
            ip -n {name} link add eth0 type veth peer name {node} netns {Names.Fabric(id)}
            ip -n {Names.Fabric(id)} link set {node} master br0 up
            """, ct);
        await Command.ScriptInAsync(name, $"""
            {Settings}
            ip addr add {addresses.Address4}/24 dev eth0
            six addr add {addresses.Address6}/64 dev eth0 nodad
            ip link set eth0 up
            ip route add {plan.ServiceRange4} dev eth0 # never taken: translation leads elsewhere, but the node's own sockets need a route first
            six route add {plan.ServiceRange6} dev eth0
            {PodRoutes(plan, Enumerable.Range(1, nodes).Where(other => other != index), "dev eth0")}
            """, ct);
    }

    private static string PodRoutes(AddressPlan plan, IEnumerable<int> nodes, string device)
    {
        var script = new StringBuilder();
        foreach (var node in nodes)
        {
            var to = plan.Node(node);
            script.AppendLine($"ip route add {to.PodRange4} via {to.Address4} {device}");
            script.AppendLine($"six route add {to.PodRange6} via {to.Address6} {device}");
        }

        return script.ToString();
    }
}
