using System.Text;
using Ambient.Api;

namespace Ambient.NodeAgent.Capture;

/// <summary>The in-pod rules as one nftables transaction; the same rules in the same order as <see cref="IptablesRules"/>.</summary>
internal static class NftablesRules
{
    public const string NatTable = "istio-ambient-nat";
    public const string MangleTable = "istio-ambient-mangle";
    public const string RawTable = "istio-ambient-raw";

    private static readonly string IsProxy = $"mark & 0x{Marks.Mask:x} == 0x{Marks.Packet:x}";
    private static readonly string NotProxy = $"mark & 0x{Marks.Mask:x} != 0x{Marks.Packet:x}";

    /// <summary>All of our tables, those that the options leave out included: a change of options removes what it no longer wants.</summary>
    public static readonly string[] Tables = [NatTable, MangleTable, RawTable];

    /// <summary>A script for <c>nft -f -</c>: it replaces what is there in one step, so no packet passes between old and new rules.</summary>
    public static string Script(CaptureOptions options)
    {
        var script = new StringBuilder(RemovalScript());
        AppendTable(script, NatTable, "nat", -100, -100, "nat", NatPrerouting(options), NatOutput(options));
        AppendTable(script, MangleTable, "filter", -150, -150, "route",
            [$"meta {IsProxy} counter ct mark set ct mark & 0xfffff000 | 0x{Marks.Connection:x}"],
            // The application's packets only: a packet whose mark changes is routed again, and the proxy's own go the right way already.
            [$"meta {NotProxy} ct mark & 0x{Marks.Mask:x} == 0x{Marks.Connection:x} counter meta mark set ct mark"]);
        if (options.Dns)
        {
            AppendTable(script, RawTable, "filter", -300, -300, "filter",
                [$"udp sport 53 meta {NotProxy} counter ct zone set 1"],
                [$"udp dport 53 meta {IsProxy} counter ct zone set 1"]);
        }

        return script.ToString();
    }

    /// <summary>Adding a table before its deletion makes the deletion succeed whether or not it was there.</summary>
    public static string RemovalScript()
    {
        var script = new StringBuilder();
        foreach (var table in Tables)
        {
            script.Append("add table inet ").Append(table).Append("\ndelete table inet ").Append(table).Append('\n');
        }

        return script.ToString();
    }

    /// <summary>How many rules each chain of ours holds, as a first check of what was read back.</summary>
    public static int RuleCount(CaptureOptions options) =>
        NatPrerouting(options).Count + NatOutput(options).Count + 2 + (options.Dns ? 2 : 0);

    private static List<string> NatPrerouting(CaptureOptions options)
    {
        List<string> rules = [];
        foreach (var name in options.VirtualInterfaces)
        {
            rules.Add($"iifname \"{name}\" meta l4proto tcp counter redirect to :{Ports.Outbound}");
            rules.Add($"iifname \"{name}\" meta l4proto tcp counter return");
        }

        if (!options.BypassInbound)
        {
            rules.AddRange(Each(options, (ip, _, probe) => $"meta l4proto tcp {ip} saddr {probe} counter accept"));
            rules.AddRange(Each(options, (ip, loopback, _) =>
                $"{ip} daddr != {loopback} tcp dport != {Ports.Hbone} meta {NotProxy} counter redirect to :{Ports.InboundPlaintext}"));
        }

        return rules;
    }

    private static List<string> NatOutput(CaptureOptions options)
    {
        List<string> rules = [.. Each(options, (ip, _, probe) => $"meta l4proto tcp {ip} daddr {probe} counter accept")];
        if (options.Dns)
        {
            rules.Add($"oifname != \"lo\" meta {NotProxy} udp dport 53 counter redirect to :{Ports.Dns}");
            rules.AddRange(Each(options, (ip, loopback, _) =>
                $"{ip} daddr != {loopback} tcp dport 53 meta {NotProxy} counter redirect to :{Ports.Dns}"));
        }

        rules.Add($"meta l4proto tcp meta mark & 0x{Marks.Mask:x} == 0x{Marks.Connection:x} counter accept");
        rules.AddRange(Each(options, (ip, loopback, _) => $"oifname \"lo\" {ip} daddr != {loopback} counter accept"));
        rules.AddRange(Each(options, (ip, loopback, _) =>
            $"meta l4proto tcp {ip} daddr != {loopback} meta {NotProxy} counter redirect to :{Ports.Outbound}"));
        return rules;
    }

    private static IEnumerable<string> Each(CaptureOptions options, Func<string, string, string, string> rule)
    {
        yield return rule("ip", "127.0.0.1", options.ProbeSource.ToString());
        if (options.IPv6)
        {
            yield return rule("ip6", "::1", options.ProbeSourceV6.ToString());
        }
    }

    private static void AppendTable(
        StringBuilder script, string table, string type, int preroutingPriority, int outputPriority, string outputType,
        List<string> prerouting, List<string> output)
    {
        script.Append($$"""
            add table inet {{table}}
            add chain inet {{table}} prerouting { type {{type}} hook prerouting priority {{preroutingPriority}}; policy accept; }
            add chain inet {{table}} output { type {{outputType}} hook output priority {{outputPriority}}; policy accept; }
            add chain inet {{table}} istio-prerouting
            add chain inet {{table}} istio-output
            add rule inet {{table}} prerouting jump istio-prerouting
            add rule inet {{table}} output jump istio-output

            """);
        foreach (var (chain, rules) in new[] { ("istio-prerouting", prerouting), ("istio-output", output) })
        {
            foreach (var rule in rules)
            {
                script.Append("add rule inet ").Append(table).Append(' ').Append(chain).Append(' ').Append(rule).Append('\n');
            }
        }
    }
}
