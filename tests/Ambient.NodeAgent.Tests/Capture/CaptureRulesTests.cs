using System.Text.RegularExpressions;
using Ambient.Linux;
using Ambient.NodeAgent.Capture;

namespace Ambient.NodeAgent.Tests.Capture;

/// <summary>
/// The recordings show what Istio's agent leaves in a pod's namespace; ours leaves the same, so that a pod prepared by either works
/// with either ztunnel. Tables without a rule are left out on both sides: which of them exist depends on who looked last.
/// </summary>
public sealed partial class CaptureRulesTests
{
    private static readonly CaptureOptions Everything = new() { IPv6 = true, Dns = true };

    public static TheoryData<string> Recordings => ["default", "ingress", "ipv4-only", "no-dns", "pod-dns-off", "virtual-interface",
        "nftables-default", "nftables-ingress", "nftables-virtual-interface"];

    [Theory, MemberData(nameof(Recordings))]
    public async Task The_namespace_looks_as_recorded(string recording)
    {
        using var pod = new TestNamespace();
        await Capture(recording).ApplyAsync(pod.Handle, Options(recording), default);
        Assert.Equal(Normalize(Recording(recording)), Normalize(Dump(pod, recording)));
    }

    [Theory, MemberData(nameof(Recordings))]
    public async Task Applying_again_changes_nothing(string recording)
    {
        using var pod = new TestNamespace();
        await Capture(recording).ApplyAsync(pod.Handle, Options(recording), default);
        await Capture(recording).ApplyAsync(pod.Handle, Options(recording), default);
        Assert.Equal(Normalize(Recording(recording)), Normalize(Dump(pod, recording)));
    }

    [Theory, MemberData(nameof(Recordings))]
    public async Task Removal_leaves_the_namespace_as_it_was(string recording)
    {
        using var pod = new TestNamespace();
        var before = Normalize(Dump(pod, recording));
        await Capture(recording).ApplyAsync(pod.Handle, Options(recording), default);
        await Capture(recording).RemoveAsync(pod.Handle, Options(recording), default);
        Assert.Equal(before, Normalize(Dump(pod, recording)));
    }

    [Fact]
    public async Task Rules_of_others_stay()
    {
        using var pod = new TestNamespace();
        pod.Inside("iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "--dport", "9", "-j", "ACCEPT");
        await Capture("default").ApplyAsync(pod.Handle, Everything, default);
        await Capture("default").RemoveAsync(pod.Handle, Everything, default);
        Assert.Contains("-A OUTPUT -p tcp -m tcp --dport 9 -j ACCEPT", pod.Inside("iptables-save"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("default", "iptables -t nat -F ISTIO_OUTPUT")]
    [InlineData("default", "iptables -t nat -D OUTPUT -j ISTIO_OUTPUT")]
    [InlineData("default", "ip6tables -t mangle -F ISTIO_PRERT")]
    [InlineData("default", "ip rule del pref 32764")]
    [InlineData("default", "ip -6 route flush table 100")]
    [InlineData("nftables-default", "nft flush ruleset")]
    [InlineData("nftables-default", "nft flush chain inet istio-ambient-nat istio-output")]
    [InlineData("nftables-default", "nft delete table inet istio-ambient-mangle")]
    public async Task What_is_taken_out_is_noticed_and_put_back(string recording, string tampering)
    {
        using var pod = new TestNamespace();
        var capture = Capture(recording);
        await capture.ApplyAsync(pod.Handle, Options(recording), default);
        Assert.Null(await capture.FindDriftAsync(pod.Handle, Options(recording), default));

        pod.Inside(tampering.Split(' '));
        Assert.NotNull(await capture.FindDriftAsync(pod.Handle, Options(recording), default));

        await capture.ApplyAsync(pod.Handle, Options(recording), default);
        Assert.Equal(Normalize(Recording(recording)), Normalize(Dump(pod, recording)));
    }

    [Fact]
    public async Task A_namespace_without_IPv6_is_captured_for_IPv4()
    {
        using var pod = new TestNamespace();
        pod.Handle.WriteText("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1");
        await Capture("default").ApplyAsync(pod.Handle, Everything, default);
        Assert.Equal(Normalize(Recording("ipv4-only")), Normalize(Dump(pod, "ipv4-only")));
    }

    private static PodCapture Capture(string recording) =>
        new(recording.StartsWith("nftables", StringComparison.Ordinal) ? new NftablesBackend() : new IptablesBackend());

    private static CaptureOptions Options(string recording) => recording switch
    {
        "ipv4-only" => Everything with { IPv6 = false },
        "no-dns" or "pod-dns-off" => Everything with { Dns = false },
        _ when recording.EndsWith("ingress", StringComparison.Ordinal) => Everything with { BypassInbound = true },
        _ when recording.EndsWith("virtual-interface", StringComparison.Ordinal) => Everything with { VirtualInterfaces = ["net1"] },
        _ => Everything,
    };

    /// <summary>
    /// With one wanted difference: Istio's rules put the connection's mark on the proxy's own packets too, which makes the kernel route each
    /// of them a second time, to where it goes anyway.
    /// </summary>
    private static string Recording(string name) => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden/rules", $"{name}.txt"))
        .Replace("-A ISTIO_OUTPUT -m connmark", "-A ISTIO_OUTPUT -m mark ! --mark 0x539/0xfff -m connmark", StringComparison.Ordinal)
        .Replace("\t\tct mark &", "\t\tmeta mark & 0x00000fff != 0x00000539 ct mark &", StringComparison.Ordinal);

    private static string Dump(TestNamespace pod, string recording)
    {
        var routing = $"""
            # ip rule
            {pod.Inside("ip", "rule")}
            # ip -6 rule
            {pod.Inside("ip", "-6", "rule")}
            # ip route show table 100
            {Table(pod, "-4")}
            # ip -6 route show table 100
            {Table(pod, "-6")}
            """;
        return recording.StartsWith("nftables", StringComparison.Ordinal)
            ? $"{routing}\n# nft list ruleset\n{pod.Inside("nft", "list", "ruleset")}"
            : $"{routing}\n# iptables-save\n{pod.Inside("iptables-save")}\n# ip6tables-save\n{pod.Inside("ip6tables-save")}";
    }

    /// <summary>The listing of a table that was never written to is an error.</summary>
    private static string Table(TestNamespace pod, string family) =>
        pod.Inside("sh", "-c", $"ip {family} route show table 100 2>/dev/null || true");

    private static string Normalize(string dump)
    {
        var text = Counters().Replace(dump, "");
        text = EmptyTables().Replace(Comments().Replace(text, ""), "");
        return string.Join('\n', text.Split('\n').Select(line => line.TrimEnd()).Where(line => line.Length > 0));
    }

    [GeneratedRegex(@" packets \d+ bytes \d+|\[\d+:\d+\]")]
    private static partial Regex Counters();

    [GeneratedRegex(@"^# (Generated|Completed|Warning).*\n", RegexOptions.Multiline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"^\*\w+\n(:[^\n]*\n)*COMMIT\n", RegexOptions.Multiline)]
    private static partial Regex EmptyTables();
}
