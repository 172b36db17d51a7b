using System.Runtime.CompilerServices;
using Ambient.Linux;

namespace Ambient.NodeAgent.Capture;

/// <summary>Puts the capture rules into a namespace as one nftables transaction.</summary>
internal sealed class NftablesBackend : ICaptureBackend
{
    /// <summary>What was read back right after each application; it goes with the handle of its namespace.</summary>
    private readonly ConditionalWeakTable<NetworkNamespace, string> _applied = [];

    public string Name => "nftables";

    public IProbeRules ProbeRules(CaptureOptions options, int kubeletUser) => new NftablesProbeRules(options, kubeletUser);

    public async Task ApplyAsync(NetworkNamespace ns, CaptureOptions options, CancellationToken cancellation)
    {
        await NamespaceCommands.RunAsync(ns, "nft", ["-f", "-"], NftablesRules.Script(options), cancellation);
        _applied.AddOrUpdate(ns, await ListAsync(ns, cancellation));
    }

    public async Task<string?> FindDriftAsync(NetworkNamespace ns, CaptureOptions options, CancellationToken cancellation)
    {
        var present = await ListAsync(ns, cancellation);
        var rules = present.Split('\n').Count(line => line.Contains("counter", StringComparison.Ordinal));
        if (rules != NftablesRules.RuleCount(options))
        {
            return $"nftables: {rules} capture rules where {NftablesRules.RuleCount(options)} were applied";
        }

        return _applied.TryGetValue(ns, out var applied) && applied != present
            ? "nftables: the capture rules are not those that were applied"
            : null;
    }

    public async Task RemoveAsync(NetworkNamespace ns, CaptureOptions options, CancellationToken cancellation)
    {
        await NamespaceCommands.RunAsync(ns, "nft", ["-f", "-"], NftablesRules.RemovalScript(), cancellation);
        _applied.Remove(ns);
    }

    /// <summary>Our tables without their counters (<c>-s</c>).</summary>
    private static async Task<string> ListAsync(NetworkNamespace ns, CancellationToken cancellation)
    {
        var ruleset = await NamespaceCommands.RunAsync(ns, "nft", ["-s", "list", "ruleset", "inet"], null, cancellation);
        return string.Concat(ruleset.Split("\ntable ").Where(table => table.Contains("istio-ambient-", StringComparison.Ordinal)));
    }
}
