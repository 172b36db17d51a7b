using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ambient.Linux;

namespace Ambient.NodeAgent.Capture;

/// <summary>
/// Lets the kubelet's probes reach captured pods: on their way out of the node they get a source that the in-pod rules let pass.
/// Only connections of the kubelet's user (root on nearly every node) to pods in the mesh are given it.
/// </summary>
internal sealed class ProbeExemption(CaptureOptions options, int kubeletUser) : IDisposable
{
    private const string Table = "istio-ambient-probes";

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly Dictionary<string, IReadOnlyList<string>> _pods = new(StringComparer.Ordinal);

    /// <summary>Lets probes of this pod pass.</summary>
    public Task AddAsync(string uid, IReadOnlyList<string> addresses, CancellationToken cancellation) =>
        ChangeAsync(() => _pods[uid] = addresses, cancellation);

    /// <summary>Treats the pod's addresses, which another pod may get next, as any other.</summary>
    public Task RemoveAsync(string uid, CancellationToken cancellation) => ChangeAsync(() => _pods.Remove(uid), cancellation);

    /// <summary>Writes the rules again; something on the node may have flushed them.</summary>
    public Task ReassertAsync(CancellationToken cancellation) => ChangeAsync(static () => { }, cancellation);

    /// <summary>Takes the rules out of the node.</summary>
    public static async Task UninstallAsync(CancellationToken cancellation)
    {
        using var node = NetworkNamespace.Current();
        await NamespaceCommands.RunAsync(node, "nft", ["-f", "-"], Removal, cancellation);
    }

    public void Dispose() => _turn.Dispose();

    private static string Removal => $"add table inet {Table}\ndelete table inet {Table}\n";

    private async Task ChangeAsync(Action change, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            change();
            using var node = NetworkNamespace.Current();
            await NamespaceCommands.RunAsync(node, "nft", ["-f", "-"], Script(), cancellation);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>One transaction with all pods of the node, of which there are a few hundred at the most.</summary>
    private string Script()
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
        AppendElements(script, "pods4", AddressFamily.InterNetwork);
        AppendElements(script, "pods6", AddressFamily.InterNetworkV6);
        return script.ToString();
    }

    private void AppendElements(StringBuilder script, string set, AddressFamily family)
    {
        var addresses = _pods.Values.SelectMany(pod => pod).Select(IPAddress.Parse).Where(address => address.AddressFamily == family).Distinct().ToList();
        if (addresses.Count > 0)
        {
            script.Append(CultureInfo.InvariantCulture, $"add element inet {Table} {set} {{ {string.Join(", ", addresses)} }}\n");
        }
    }
}
