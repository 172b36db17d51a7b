using Ambient.Linux;

namespace Ambient.NodeAgent.Capture;

/// <summary>Captures the traffic of a pod: rules and routes in its namespace, read back after they were applied.</summary>
internal sealed class PodCapture(ICaptureBackend backend)
{
    /// <summary>The packet filter in use.</summary>
    public string Backend => backend.Name;

    /// <summary>What lets the kubelet's probes through to captured pods.</summary>
    public ProbeExemption CreateProbeExemption(CaptureOptions options, int kubeletUser) => new(backend.ProbeRules(options, kubeletUser));

    /// <summary>
    /// Chooses the packet filter: nftables where it is wanted and works, iptables otherwise. Asked once, in the node's own namespace.
    /// </summary>
    /// <exception cref="CaptureException">Neither works; the message says what to install.</exception>
    public static async Task<PodCapture> CreateAsync(bool preferNftables, CancellationToken cancellation)
    {
        using var node = NetworkNamespace.Current();
        var nftables = await NamespaceCommands.TryRunAsync(node, "nft", ["list", "tables"], cancellation) is not null;
        var iptables = await NamespaceCommands.TryRunAsync(node, "iptables", ["--version"], cancellation) is not null;
        ICaptureBackend backend = (nftables, iptables, preferNftables) switch
        {
            (true, _, true) or (true, false, false) => new NftablesBackend(),
            (_, true, _) => new IptablesBackend(),
            _ => throw new CaptureException("Neither nft nor iptables can be run: install nftables or iptables, and run with NET_ADMIN."),
        };
        return new PodCapture(backend);
    }

    /// <summary>Applies and reads back; safe to repeat.</summary>
    public async Task ApplyAsync(NetworkNamespace ns, CaptureOptions options, CancellationToken cancellation)
    {
        options = ForNamespace(ns, options);
        // Rules first: until the routes are there, captured connections fail, none passes by.
        await backend.ApplyAsync(ns, options, cancellation);
        await CaptureRouting.ApplyAsync(ns, options.IPv6, cancellation);
        if (await FindDriftInAsync(ns, options, cancellation) is { } drift)
        {
            throw new CaptureException($"The rules were applied and are not there: {drift}.");
        }
    }

    /// <summary>Null where everything is in place, otherwise what is not.</summary>
    public async Task<string?> FindDriftAsync(NetworkNamespace ns, CaptureOptions options, CancellationToken cancellation) =>
        await FindDriftInAsync(ns, ForNamespace(ns, options), cancellation);

    /// <summary>Takes rules and routes out.</summary>
    public async Task RemoveAsync(NetworkNamespace ns, CaptureOptions options, CancellationToken cancellation)
    {
        options = ForNamespace(ns, options);
        await backend.RemoveAsync(ns, options, cancellation);
        await CaptureRouting.RemoveAsync(ns, options.IPv6, cancellation);
    }

    private async Task<string?> FindDriftInAsync(NetworkNamespace ns, CaptureOptions options, CancellationToken cancellation) =>
        await backend.FindDriftAsync(ns, options, cancellation) ?? await CaptureRouting.FindDriftAsync(ns, options.IPv6, cancellation);

    /// <summary>A namespace whose loopback has no IPv6 cannot redirect to it, and has no IPv6 traffic to capture.</summary>
    private static CaptureOptions ForNamespace(NetworkNamespace ns, CaptureOptions options) => !options.IPv6
        ? options
        : options with { IPv6 = ns.ReadText("/proc/sys/net/ipv6/conf/lo/disable_ipv6")?.Trim() == "0" };
}
