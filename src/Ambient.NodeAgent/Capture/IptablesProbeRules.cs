using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ambient.Linux;

namespace Ambient.NodeAgent.Capture;

/// <summary>A chain of our own with a rule per address, for nodes without nft; the first of POSTROUTING, before a masquerade.</summary>
internal sealed class IptablesProbeRules(CaptureOptions options, int kubeletUser) : IProbeRules
{
    private const string Chain = "AMBIENT_PROBES";

    public async Task ApplyAsync(IReadOnlyCollection<IPAddress> pods, CancellationToken cancellation)
    {
        using var node = NetworkNamespace.Current();
        foreach (var (program, family, source) in Families())
        {
            // Declaring the chain creates or empties it; iptables-restore commits the table in one step.
            var script = new StringBuilder($"*nat\n:{Chain} - [0:0]\n");
            foreach (var pod in pods.Where(pod => pod.AddressFamily == family))
            {
                script.Append(CultureInfo.InvariantCulture, $"-A {Chain} -d {pod} -p tcp -m owner --uid-owner {kubeletUser} -j SNAT --to-source {source}\n");
            }

            var present = await NamespaceCommands.TryRunAsync(node, program, ["-w", "-t", "nat", "-C", "POSTROUTING", "-j", Chain], cancellation) is not null;
            script.Append(present ? "" : $"-I POSTROUTING 1 -j {Chain}\n").Append("COMMIT\n");
            await NamespaceCommands.RunAsync(node, $"{program}-restore", ["--noflush", "--wait=30"], script.ToString(), cancellation);
        }
    }

    public async Task RemoveAsync(CancellationToken cancellation)
    {
        using var node = NetworkNamespace.Current();
        foreach (var (program, _, _) in Families())
        {
            await NamespaceCommands.TryRunAsync(node, program, ["-w", "-t", "nat", "-D", "POSTROUTING", "-j", Chain], cancellation);
            await NamespaceCommands.TryRunAsync(node, program, ["-w", "-t", "nat", "-F", Chain], cancellation);
            await NamespaceCommands.TryRunAsync(node, program, ["-w", "-t", "nat", "-X", Chain], cancellation);
        }
    }

    private IEnumerable<(string Program, AddressFamily Family, IPAddress Source)> Families()
    {
        yield return ("iptables", AddressFamily.InterNetwork, options.ProbeSource);
        if (options.IPv6)
        {
            yield return ("ip6tables", AddressFamily.InterNetworkV6, options.ProbeSourceV6);
        }
    }
}
