using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ambient.Linux;

namespace Ambient.NodeAgent.Capture;

/// <summary>One table with a set of addresses per family, replaced in one transaction; a node has a few hundred pods at the most.</summary>
internal sealed class NftablesProbeRules(CaptureOptions options, int kubeletUser) : IProbeRules
{
    private const string Table = "istio-ambient-probes";
    private const string Removal = $"add table inet {Table}\ndelete table inet {Table}\n";

    public Task ApplyAsync(IReadOnlyCollection<IPAddress> pods, CancellationToken cancellation) => RunAsync(Script(pods), cancellation);

    public Task RemoveAsync(CancellationToken cancellation) => RunAsync(Removal, cancellation);

    private static async Task RunAsync(string script, CancellationToken cancellation)
    {
        using var node = NetworkNamespace.Current();
        await NamespaceCommands.RunAsync(node, "nft", ["-f", "-"], script, cancellation);
    }

    private string Script(IReadOnlyCollection<IPAddress> pods)
    {
        var script = new StringBuilder(Removal);
        script.Append(CultureInfo.InvariantCulture, $$"""
            add table inet {{Table}}
            add set inet {{Table}} pods4 { type ipv4_addr; }
            add set inet {{Table}} pods6 { type ipv6_addr; }
            add chain inet {{Table}} postrouting { type nat hook postrouting priority srcnat - 1; policy accept; }
            add rule inet {{Table}} postrouting meta l4proto tcp meta skuid {{kubeletUser}} ip daddr @pods4 counter snat ip to {{options.ProbeSource}}
            add rule inet {{Table}} postrouting meta l4proto tcp meta skuid {{kubeletUser}} ip6 daddr @pods6 counter snat ip6 to {{options.ProbeSourceV6}}

            """);
        AppendElements(script, "pods4", AddressFamily.InterNetwork, pods);
        AppendElements(script, "pods6", AddressFamily.InterNetworkV6, pods);
        return script.ToString();
    }

    private static void AppendElements(StringBuilder script, string set, AddressFamily family, IReadOnlyCollection<IPAddress> pods)
    {
        var addresses = pods.Where(address => address.AddressFamily == family).ToList();
        if (addresses.Count > 0)
        {
            script.Append(CultureInfo.InvariantCulture, $"add element inet {Table} {set} {{ {string.Join(", ", addresses)} }}\n");
        }
    }
}
