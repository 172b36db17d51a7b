using System.Net.Sockets;
using Ambient.Api;

namespace Ambient.NodeAgent.Capture;

/// <summary>
/// The in-pod rules for iptables, one address family at a time, as <c>iptables-save</c> prints them: so that what was asked for
/// and what is there compare line by line.
/// </summary>
internal static class IptablesRules
{
    public const string PreroutingChain = "ISTIO_PRERT";
    public const string OutputChain = "ISTIO_OUTPUT";

    private static readonly string Proxy = $"0x{Marks.Packet:x}/0x{Marks.Mask:x}";
    private static readonly string FromProxy = $"0x{Marks.Connection:x}/0x{Marks.Mask:x}";

    /// <summary>The tables of one family with the rules of our chains, in order.</summary>
    public static IReadOnlyList<IptablesTable> For(CaptureOptions options, AddressFamily family)
    {
        var tables = new List<IptablesTable> { Mangle(), Nat(options, family) };
        if (options.Dns)
        {
            tables.Insert(1, Raw());
        }

        return tables;
    }

    /// <summary>
    /// Remembers which connections the proxy opened, and sends the application's answers on them back to it. A packet whose mark changes is
    /// routed again, which costs a tenth of a new connection's processor time: the proxy's own packets, which need it not, keep theirs.
    /// </summary>
    private static IptablesTable Mangle() => new(
        "mangle",
        [new("PREROUTING", PreroutingChain), new("OUTPUT", OutputChain)],
        [
            $"-A {OutputChain} -m mark ! --mark {Proxy} -m connmark --mark {FromProxy} -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff",
            $"-A {PreroutingChain} -m mark --mark {Proxy} -j CONNMARK --set-xmark {FromProxy}",
        ]);

    /// <summary>Gives the proxy's own DNS queries a conntrack zone: application and proxy may use the same source port.</summary>
    private static IptablesTable Raw() => new(
        "raw",
        [new("PREROUTING", PreroutingChain), new("OUTPUT", OutputChain)],
        [
            $"-A {OutputChain} -p udp -m mark --mark {Proxy} -m udp --dport 53 -j CT --zone 1",
            $"-A {PreroutingChain} -p udp -m mark ! --mark {Proxy} -m udp --sport 53 -j CT --zone 1",
        ]);

    private static IptablesTable Nat(CaptureOptions options, AddressFamily family)
    {
        var v6 = family == AddressFamily.InterNetworkV6;
        var probe = v6 ? $"{options.ProbeSourceV6}/128" : $"{options.ProbeSource}/32";
        var notLoopback = v6 ? "! -d ::1/128" : "! -d 127.0.0.1/32";
        List<string> rules = [$"-A {OutputChain} -d {probe} -p tcp -m tcp -j ACCEPT"];
        if (options.Dns)
        {
            rules.Add($"-A {OutputChain} ! -o lo -p udp -m mark ! --mark {Proxy} -m udp --dport 53 -j REDIRECT --to-ports {Ports.Dns}");
            rules.Add($"-A {OutputChain} {notLoopback} -p tcp -m tcp --dport 53 -m mark ! --mark {Proxy} -j REDIRECT --to-ports {Ports.Dns}");
        }

        // Answers to the proxy, and what the pod says to its own address, stay direct; everything else is outbound.
        rules.Add($"-A {OutputChain} -p tcp -m mark --mark {FromProxy} -j ACCEPT");
        rules.Add($"-A {OutputChain} {notLoopback} -o lo -j ACCEPT");
        rules.Add($"-A {OutputChain} {notLoopback} -p tcp -m mark ! --mark {Proxy} -j REDIRECT --to-ports {Ports.Outbound}");

        foreach (var name in options.VirtualInterfaces)
        {
            rules.Add($"-A {PreroutingChain} -i {name} -p tcp -j REDIRECT --to-ports {Ports.Outbound}");
            rules.Add($"-A {PreroutingChain} -i {name} -p tcp -j RETURN");
        }

        if (!options.BypassInbound)
        {
            rules.Add($"-A {PreroutingChain} -s {probe} -p tcp -m tcp -j ACCEPT");
            rules.Add($"-A {PreroutingChain} {notLoopback} -p tcp -m tcp ! --dport {Ports.Hbone} -m mark ! --mark {Proxy} -j REDIRECT --to-ports {Ports.InboundPlaintext}");
        }

        return new("nat", [new("PREROUTING", PreroutingChain), new("OUTPUT", OutputChain)], rules);
    }
}

/// <summary>A built-in chain and the chain of ours that it jumps to.</summary>
internal readonly record struct IptablesJump(string From, string To)
{
    public string Rule => $"{From} -j {To}";
}

/// <summary>One table: the jumps into our chains, and the rules of our chains.</summary>
internal sealed record IptablesTable(string Name, IReadOnlyList<IptablesJump> Jumps, IReadOnlyList<string> Rules);
