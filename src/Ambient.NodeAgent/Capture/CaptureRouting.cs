using Ambient.Api;
using Ambient.Linux;

namespace Ambient.NodeAgent.Capture;

/// <summary>
/// The route by which answers of the application to a client whose address the proxy borrowed come back to the proxy:
/// packets with the connection mark are delivered locally, whatever their destination.
/// </summary>
internal static class CaptureRouting
{
    private const string Table = "100";
    private const string Priority = "32764";

    private static readonly string Mark = $"0x{Marks.Connection:x}/0x{Marks.Mask:x}";

    public static async Task ApplyAsync(NetworkNamespace ns, bool v6, CancellationToken cancellation)
    {
        foreach (var (family, everything) in Families(v6))
        {
            await NamespaceCommands.RunAsync(ns, "ip", [family, "route", "replace", "local", everything, "dev", "lo", "table", Table], null, cancellation);
            if (!await HasRuleAsync(ns, family, cancellation))
            {
                await NamespaceCommands.RunAsync(ns, "ip", [family, "rule", "add", "fwmark", Mark, "lookup", Table, "pref", Priority], null, cancellation);
            }
        }
    }

    public static async Task<string?> FindDriftAsync(NetworkNamespace ns, bool v6, CancellationToken cancellation)
    {
        foreach (var (family, _) in Families(v6))
        {
            if (!await HasRuleAsync(ns, family, cancellation))
            {
                return $"ip {family} rule {Priority}: missing";
            }

            // A table that was never written to does not exist, and asking for it fails.
            var routes = await NamespaceCommands.TryRunAsync(ns, "ip", [family, "route", "show", "table", Table, "type", "local"], cancellation);
            if (routes?.Contains("dev lo", StringComparison.Ordinal) != true)
            {
                return $"ip {family} route table {Table}: missing";
            }
        }

        return null;
    }

    public static async Task RemoveAsync(NetworkNamespace ns, bool v6, CancellationToken cancellation)
    {
        foreach (var (family, _) in Families(v6))
        {
            while (await HasRuleAsync(ns, family, cancellation))
            {
                await NamespaceCommands.RunAsync(ns, "ip", [family, "rule", "del", "pref", Priority], null, cancellation);
            }

            await NamespaceCommands.TryRunAsync(ns, "ip", [family, "route", "flush", "table", Table], cancellation);
        }
    }

    private static async Task<bool> HasRuleAsync(NetworkNamespace ns, string family, CancellationToken cancellation)
    {
        var rules = await NamespaceCommands.RunAsync(ns, "ip", [family, "rule", "show", "pref", Priority], null, cancellation);
        return rules.Contains($"fwmark {Mark}", StringComparison.Ordinal);
    }

    private static IEnumerable<(string Family, string Everything)> Families(bool v6) =>
        v6 ? [("-4", "0.0.0.0/0"), ("-6", "::/0")] : [("-4", "0.0.0.0/0")];
}
