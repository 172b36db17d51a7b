using System.Net.Sockets;
using System.Text;
using Ambient.Linux;

namespace Ambient.NodeAgent.Capture;

/// <summary>Puts the capture rules into a namespace with iptables-restore, one atomic commit per table.</summary>
internal sealed class IptablesBackend : ICaptureBackend
{
    public string Name => "iptables";

    public IProbeRules ProbeRules(CaptureOptions options, int kubeletUser) => new IptablesProbeRules(options, kubeletUser);

    public async Task ApplyAsync(NetworkNamespace ns, CaptureOptions options, CancellationToken cancellation)
    {
        foreach (var family in Families(options))
        {
            var present = await SaveAsync(ns, family, cancellation);
            await NamespaceCommands.RunAsync(
                ns, Program(family, "restore"), ["--noflush", "--wait=30"], Script(IptablesRules.For(options, family), present), cancellation);
        }
    }

    public async Task<string?> FindDriftAsync(NetworkNamespace ns, CaptureOptions options, CancellationToken cancellation)
    {
        foreach (var family in Families(options))
        {
            var present = await SaveAsync(ns, family, cancellation);
            foreach (var table in IptablesRules.For(options, family))
            {
                var jumps = table.Jumps.Select(jump => $"-A {jump.Rule}");
                var ours = present.GetValueOrDefault(table.Name, []).Where(IsOurs).ToList();
                if (jumps.FirstOrDefault(jump => !ours.Contains(jump)) is { } missing)
                {
                    return $"{Program(family)} {table.Name}: missing {missing}";
                }

                // Rules of one chain apply in order, so they are compared in order.
                if (!ours.Where(rule => rule.StartsWith("-A ISTIO_", StringComparison.Ordinal)).SequenceEqual(table.Rules))
                {
                    return $"{Program(family)} {table.Name}: the rules of the ISTIO_ chains are not those that were applied";
                }
            }
        }

        return null;
    }

    public async Task RemoveAsync(NetworkNamespace ns, CaptureOptions options, CancellationToken cancellation)
    {
        foreach (var family in Families(options))
        {
            var present = await SaveAsync(ns, family, cancellation);
            var script = new StringBuilder();
            foreach (var (table, rules) in present.Where(table => table.Value.Any(IsOurs)))
            {
                script.Append('*').Append(table).Append('\n');
                AppendDeletedJumps(script, rules);
                foreach (var chain in rules.Where(rule => rule.StartsWith(":ISTIO_", StringComparison.Ordinal)))
                {
                    var name = chain[1..chain.IndexOf(' ', StringComparison.Ordinal)];
                    script.Append("-F ").Append(name).Append("\n-X ").Append(name).Append('\n');
                }

                script.Append("COMMIT\n");
            }

            if (script.Length > 0)
            {
                await NamespaceCommands.RunAsync(ns, Program(family, "restore"), ["--noflush", "--wait=30"], script.ToString(), cancellation);
            }
        }
    }

    /// <summary>Declaring a chain creates or empties it, so the same script serves a first and every later application.</summary>
    private static string Script(IReadOnlyList<IptablesTable> tables, Dictionary<string, List<string>> present)
    {
        var script = new StringBuilder();
        foreach (var table in tables)
        {
            script.Append('*').Append(table.Name).Append('\n');
            foreach (var jump in table.Jumps)
            {
                script.Append(':').Append(jump.To).Append(" - [0:0]\n");
            }

            AppendDeletedJumps(script, present.GetValueOrDefault(table.Name, []));
            foreach (var jump in table.Jumps)
            {
                script.Append("-A ").Append(jump.Rule).Append('\n');
            }

            foreach (var rule in table.Rules)
            {
                script.Append(rule).Append('\n');
            }

            script.Append("COMMIT\n");
        }

        return script.ToString();
    }

    private static void AppendDeletedJumps(StringBuilder script, List<string> rules)
    {
        foreach (var rule in rules.Where(rule => IsOurs(rule) && !rule.StartsWith("-A ISTIO_", StringComparison.Ordinal) && rule[0] == '-'))
        {
            script.Append("-D").Append(rule, 2, rule.Length - 2).Append('\n');
        }
    }

    private static bool IsOurs(string rule) => rule.Contains("ISTIO_", StringComparison.Ordinal);

    /// <summary>The rules and chains that are there, by table.</summary>
    private static async Task<Dictionary<string, List<string>>> SaveAsync(NetworkNamespace ns, AddressFamily family, CancellationToken cancellation)
    {
        var text = await NamespaceCommands.RunAsync(ns, Program(family, "save"), [], null, cancellation);
        var tables = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        List<string> table = [];
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line[0] == '*')
            {
                tables[line[1..]] = table = [];
            }
            else if (line[0] is '-' or ':')
            {
                table.Add(line);
            }
        }

        return tables;
    }

    private static IEnumerable<AddressFamily> Families(CaptureOptions options) =>
        options.IPv6 ? [AddressFamily.InterNetwork, AddressFamily.InterNetworkV6] : [AddressFamily.InterNetwork];

    private static string Program(AddressFamily family, string? suffix = null) =>
        (family == AddressFamily.InterNetworkV6 ? "ip6tables" : "iptables") + (suffix is null ? "" : $"-{suffix}");
}
