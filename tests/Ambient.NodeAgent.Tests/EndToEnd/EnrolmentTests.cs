using System.Text.Json.Nodes;
using Ambient.Api;
using Ambient.Api.Kubernetes;

namespace Ambient.NodeAgent.Tests.EndToEnd;

/// <summary>
/// The agent as a process on a node of its own, against the API server: the test is the container runtime and ztunnel, and looks at
/// what is in the pods' namespaces and in the API afterwards.
/// </summary>
public sealed class EnrolmentTests : IAsyncLifetime
{
    private TestCluster _cluster = null!;
    private TestNode _node = null!;

    public async Task InitializeAsync()
    {
        _cluster = await TestCluster.StartAsync();
        await _cluster.CreateNamespaceAsync("shop", ambient: true);
        await _cluster.CreateNamespaceAsync("plain", ambient: false);
        _node = await TestNode.StartAsync(_cluster);
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task A_pod_joins_before_it_starts_and_leaves_without_a_trace()
    {
        await using var ztunnel = await TestZtunnel.ConnectAsync(_node.ZdsPath);
        using var sandbox = new PodNamespace("10.9.1.2", "fd09::2");
        var pod = await StartPodAsync("shop", "web-1", sandbox);
        var uid = pod.Metadata.Uid;

        Assert.Equal($"add {uid} {sandbox.Id}", ztunnel.Told[^1]);
        Assert.True(sandbox.HasRules);
        Assert.Equal("enabled", await _cluster.RedirectionAsync(pod));
        Assert.Equal(0, _node.Metric("ambient_uncaptured_pods"));
        Assert.Equal(1, _node.Metric("ztunnel_connected"));
        var probes = _node.InNode("nft", "list", "table", "inet", "istio-ambient-probes");
        Assert.Contains("10.9.1.2", probes, StringComparison.Ordinal);
        Assert.Contains("fd09::2", probes, StringComparison.Ordinal);

        await _cluster.LabelNamespaceAsync("shop", null);
        await _node.UntilAsync(async () => await _cluster.RedirectionAsync(pod) is null, "the annotation is removed");
        Assert.Equal($"del {uid}", ztunnel.Told[^1]);
        Assert.True(sandbox.IsClean);
        Assert.DoesNotContain("10.9.1.2", _node.InNode("nft", "list", "table", "inet", "istio-ambient-probes"), StringComparison.Ordinal);

        // And again, this time while it runs.
        await _cluster.LabelNamespaceAsync("shop", Labels.Ambient);
        await _node.UntilAsync(async () => await _cluster.RedirectionAsync(pod) == "enabled", "the pod is enrolled again");
        Assert.True(sandbox.HasRules);

        // A pod that is being deleted stays captured until it is gone: it may still answer.
        await _cluster.Client.DeleteAsync(ResourceKinds.Pods, "shop", "web-1");
        await Task.Delay(500);
        Assert.True(sandbox.HasRules);
        Assert.NotEqual($"del {uid}", ztunnel.Told[^1]);
        await _cluster.Client.DeleteAsync(ResourceKinds.Pods, "shop", "web-1", new(GracePeriodSeconds: 0));
        await TestNode.Until(() => ztunnel.Told[^1] == $"del {uid}", "ztunnel is told of the deletion");
        await TestNode.Until(() => !Directory.EnumerateFiles(Path.Combine(_node.Folder, "run", "pods")).Any(), "the record is gone");
    }

    [Fact]
    public async Task Who_stays_outside_is_left_alone_until_its_labels_change()
    {
        await using var ztunnel = await TestZtunnel.ConnectAsync(_node.ZdsPath);
        using var sandbox = new PodNamespace("10.9.1.3");
        var pod = await StartPodAsync("plain", "job-1", sandbox);
        Assert.True(sandbox.IsClean);
        Assert.Null(await _cluster.RedirectionAsync(pod));
        Assert.Equal(["snapshot"], ztunnel.Told);

        // The pod has no process by which to find its namespace; the runtime's word was kept.
        await _cluster.LabelPodAsync(pod, Labels.Ambient);
        await _node.UntilAsync(async () => await _cluster.RedirectionAsync(pod) == "enabled", "the labelled pod is enrolled");
        Assert.True(sandbox.HasRules);
        await _cluster.LabelPodAsync(pod, null);
        await _node.UntilAsync(async () => await _cluster.RedirectionAsync(pod) is null, "the pod is let go");
        Assert.True(sandbox.IsClean);
    }

    [Fact]
    public async Task Without_the_agent_no_pod_starts_and_a_restarted_one_drops_nobody()
    {
        var ztunnel = await TestZtunnel.ConnectAsync(_node.ZdsPath);
        using var first = new PodNamespace("10.9.1.4");
        using var second = new PodNamespace("10.9.1.5");
        using var late = new PodNamespace("10.9.1.6");
        var pods = new[] { await StartPodAsync("shop", "web-1", first), await StartPodAsync("shop", "web-2", second) };
        using var watching = new CancellationTokenSource();
        var seen = WatchRedirectionAsync(watching.Token);

        await _node.KillAgentAsync();
        await TestNode.Until(() => ztunnel.Ended, "ztunnel notices");
        await ztunnel.DisposeAsync();
        await _cluster.CreatePodAsync("shop", "web-3", _node.Name);
        var (exit, refusal) = await _node.CallPluginAsync("shop", "web-3", late);
        Assert.Equal(1, exit);
        Assert.Equal(11, (int)refusal["code"]!);
        Assert.Contains("shop/web-3 waits until it runs", (string?)refusal["msg"], StringComparison.Ordinal);
        Assert.True(late.IsClean);

        first.Inside("nft", "flush", "ruleset"); // whatever happened meanwhile is put right before anybody is told
        await _node.StartAgentAsync();
        await using var successor = await TestZtunnel.ConnectAsync(_node.ZdsPath);
        Assert.Equal("snapshot", successor.Told[^1]);
        Assert.Equal(
            new[] { $"add {pods[0].Metadata.Uid} {first.Id}", $"add {pods[1].Metadata.Uid} {second.Id}" }.Order(StringComparer.Ordinal),
            successor.Told.SkipLast(1).Order(StringComparer.Ordinal));
        Assert.True(first.HasRules && second.HasRules);

        await _node.UntilAsync(async () => (await _node.CallPluginAsync("shop", "web-3", late)).Exit == 0, "the waiting pod starts");
        await watching.CancelAsync();
        Assert.DoesNotContain(await seen, value => value.Uid == pods[0].Metadata.Uid && value.Value != "enabled");
    }

    [Fact]
    public async Task Who_lost_its_label_while_the_agent_was_away_is_let_go()
    {
        await using (var ztunnel = await TestZtunnel.ConnectAsync(_node.ZdsPath))
        {
            using var sandbox = new PodNamespace("10.9.1.7");
            var pod = await StartPodAsync("shop", "web-1", sandbox);
            await _node.KillAgentAsync();
            await _cluster.LabelPodAsync(pod, Labels.None);
            await _node.StartAgentAsync();
            await using var successor = await TestZtunnel.ConnectAsync(_node.ZdsPath);
            await _node.UntilAsync(async () => await _cluster.RedirectionAsync(pod) is null, "the annotation is removed");
            Assert.True(sandbox.IsClean);
            Assert.DoesNotContain(successor.Told, told => told.StartsWith("add", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Without_ztunnel_a_new_pod_is_pending_and_an_old_one_stays_enabled()
    {
        using var waiting = new PodNamespace("10.9.1.8");
        var pod = await _cluster.CreatePodAsync("shop", "web-1", _node.Name);
        var (exit, refusal) = await CallWhenKnownAsync("shop", "web-1", waiting);
        Assert.Equal(1, exit);
        Assert.Contains("no ztunnel is connected", (string?)refusal["msg"], StringComparison.Ordinal);
        Assert.Equal("pending", await _cluster.RedirectionAsync(pod));
        Assert.True(waiting.HasRules); // fails, rather than passes by
        var report = Assert.Single(await _cluster.EventsAsync(pod));
        Assert.Equal(("Warning", "CaptureFailed"), (report.Type, report.Reason));
        Assert.Contains("no ztunnel is connected", report.Message, StringComparison.Ordinal);

        var ztunnel = await TestZtunnel.ConnectAsync(_node.ZdsPath);
        Assert.Contains($"add {pod.Metadata.Uid} {waiting.Id}", ztunnel.Told);
        await _node.UntilAsync(async () => await _cluster.RedirectionAsync(pod) == "enabled", "the pod is enabled");

        await ztunnel.DisposeAsync();
        await TestNode.Until(() => _node.Metric("ztunnel_connected") == 0, "the agent notices");
        await Task.Delay(2500); // two rounds of upkeep
        Assert.Equal("enabled", await _cluster.RedirectionAsync(pod));
        Assert.True(waiting.HasRules);
    }

    [Fact]
    public async Task A_refusal_of_ztunnel_reaches_the_runtime_and_the_pods_events()
    {
        await using var ztunnel = await TestZtunnel.ConnectAsync(_node.ZdsPath);
        ztunnel.Refusal = "cannot bind 15008" + new string('.', 1200); // with a stack trace, as ztunnel does
        using var sandbox = new PodNamespace("10.9.1.9");
        var pod = await _cluster.CreatePodAsync("shop", "web-1", _node.Name);
        var (exit, refusal) = await CallWhenKnownAsync("shop", "web-1", sandbox);
        Assert.Equal(1, exit);
        Assert.Contains("cannot bind 15008", (string?)refusal["msg"], StringComparison.Ordinal);
        Assert.Equal("pending", await _cluster.RedirectionAsync(pod));
        Assert.Contains(await _cluster.EventsAsync(pod), report => report.Message!.Contains("cannot bind 15008", StringComparison.Ordinal));
        ztunnel.Refusal = "";
        Assert.Equal(0, (await _node.CallPluginAsync("shop", "web-1", sandbox)).Exit);
        Assert.Equal("enabled", await _cluster.RedirectionAsync(pod));
    }

    [Fact]
    public async Task Rules_and_annotations_that_somebody_takes_away_come_back_with_an_event()
    {
        await using var ztunnel = await TestZtunnel.ConnectAsync(_node.ZdsPath);
        using var sandbox = new PodNamespace("10.9.1.10");
        var pod = await StartPodAsync("shop", "web-1", sandbox);
        sandbox.Inside("nft", "delete", "table", "inet", "istio-ambient-nat");
        await TestNode.Until(() => sandbox.HasRules, "the rules are back");
        await _node.UntilAsync(
            async () => (await _cluster.EventsAsync(pod)).Any(report => report.Reason == "CaptureLost"), "the event is written");
        Assert.Equal(1, _node.Metric("ambient_capture_drift_total"));

        _node.InNode("nft", "flush", "ruleset");
        await TestNode.Until(
            () => _node.InNode("nft", "list", "ruleset").Contains("10.9.1.10", StringComparison.Ordinal), "the probe rules are back");
        await _cluster.AnnotatePodAsync(pod, Annotations.Redirection, null);
        await _node.UntilAsync(async () => await _cluster.RedirectionAsync(pod) == "enabled", "the annotation is back");
    }

    [Fact]
    public async Task A_namespace_that_is_not_the_pods_is_not_touched()
    {
        await using var ztunnel = await TestZtunnel.ConnectAsync(_node.ZdsPath);
        using var own = new PodNamespace("10.9.1.11");
        using var other = new PodNamespace("10.9.1.12");
        await _cluster.CreatePodAsync("shop", "web-1", _node.Name);
        var (exit, refusal) = await CallWhenKnownAsync("shop", "web-1", own, other.Path);
        Assert.Equal(1, exit);
        Assert.Contains("none of its interfaces has 10.9.1.11", (string?)refusal["msg"], StringComparison.Ordinal);
        Assert.True(other.IsClean);
        Assert.Equal(["snapshot"], ztunnel.Told);
    }

    [Fact]
    public async Task A_sandbox_that_the_runtime_makes_anew_replaces_the_old_one()
    {
        await using var ztunnel = await TestZtunnel.ConnectAsync(_node.ZdsPath);
        using var first = new PodNamespace("10.9.1.13");
        var pod = await StartPodAsync("shop", "web-1", first);
        using var second = new PodNamespace("10.9.1.14");
        Assert.Equal(0, (await _node.CallPluginAsync("shop", "web-1", second)).Exit);
        Assert.Equal($"add {pod.Metadata.Uid} {second.Id}", ztunnel.Told[^1]);
        Assert.True(second.HasRules);
    }

    [Fact]
    public async Task A_node_with_iptables_only_does_the_same()
    {
        await using var node = await TestNode.StartAsync(_cluster, ("NATIVE_NFTABLES", "false"));
        await using var ztunnel = await TestZtunnel.ConnectAsync(node.ZdsPath);
        using var sandbox = new PodNamespace("10.9.1.20", "fd09::20");
        var pod = await _cluster.CreatePodAsync("shop", "web-1", node.Name);
        await node.UntilAsync(async () => (await node.CallPluginAsync("shop", "web-1", sandbox)).Exit == 0, "the pod starts");
        await _cluster.SetAddressesAsync(pod, sandbox.Addresses);
        Assert.Equal("enabled", await _cluster.RedirectionAsync(pod));
        Assert.Contains("-j REDIRECT --to-ports 15001", sandbox.Inside("iptables-save"), StringComparison.Ordinal);
        Assert.Contains("-j REDIRECT --to-ports 15001", sandbox.Inside("ip6tables-save"), StringComparison.Ordinal);
        Assert.Contains(
            "-A AMBIENT_PROBES -d 10.9.1.20/32 -p tcp -m owner --uid-owner 0 -j SNAT --to-source 169.254.7.127",
            node.InNode("iptables-save"), StringComparison.Ordinal);
        Assert.Contains(
            "-A AMBIENT_PROBES -d fd09::20/128 -p tcp -m owner --uid-owner 0 -j SNAT --to-source fd16:9254:7127:1337:ffff:ffff:ffff:ffff",
            node.InNode("ip6tables-save"), StringComparison.Ordinal);

        node.InNode("iptables", "-t", "nat", "-F");
        await TestNode.Until(
            () => node.InNode("iptables-save") is var rules && rules.Contains("-A POSTROUTING -j AMBIENT_PROBES", StringComparison.Ordinal)
                && rules.Contains("10.9.1.20", StringComparison.Ordinal),
            "the probe rules are back, once");
        sandbox.Inside("iptables", "-t", "nat", "-F", "ISTIO_OUTPUT");
        await TestNode.Until(
            () => sandbox.Inside("iptables-save").Contains("-j REDIRECT --to-ports 15001", StringComparison.Ordinal), "the rules are back");

        await _cluster.LabelPodAsync(pod, Labels.None);
        await node.UntilAsync(async () => await _cluster.RedirectionAsync(pod) is null, "the pod is let go");
        Assert.DoesNotContain("ISTIO", sandbox.Inside("iptables-save"), StringComparison.Ordinal);
        Assert.DoesNotContain("10.9.1.20", node.InNode("iptables-save"), StringComparison.Ordinal);
    }

    /// <summary>Creates the pod, runs its sandbox through the plugin, and reports its addresses as a kubelet does.</summary>
    private async Task<Pod> StartPodAsync(string ns, string name, PodNamespace sandbox)
    {
        var pod = await _cluster.CreatePodAsync(ns, name, _node.Name);
        var (exit, result) = await CallWhenKnownAsync(ns, name, sandbox);
        Assert.True(exit == 0, $"{result}\n{_node.Output}");
        Assert.Equal(sandbox.Addresses.Length, result["ips"]!.AsArray().Count); // the chain's result goes on
        await _cluster.SetAddressesAsync(pod, sandbox.Addresses);
        return pod;
    }

    /// <summary>A namespace may be newer than the agent's copy; runtimes try again then, and so does this.</summary>
    private async Task<(int Exit, JsonNode Result)> CallWhenKnownAsync(string ns, string name, PodNamespace sandbox, string? path = null)
    {
        while (true)
        {
            var (exit, result) = await _node.CallPluginAsync(ns, name, sandbox, path);
            if (exit == 0 || !((string?)result["msg"])!.Contains("is not known yet", StringComparison.Ordinal))
            {
                return (exit, result);
            }
        }
    }

    private async Task<List<(string? Uid, string? Value)>> WatchRedirectionAsync(CancellationToken cancellation)
    {
        var values = new List<(string?, string?)>();
        var list = await _cluster.Client.ListAsync(ResourceKinds.Pods, "shop", null, cancellation);
        try
        {
            await foreach (var change in _cluster.Client.WatchAsync(
                ResourceKinds.Pods, "shop", new() { ResourceVersion = list.ResourceVersion }, cancellation))
            {
                values.Add((change.Object?.Metadata.Uid, change.Object?.Metadata.Annotation(Annotations.Redirection)));
            }
        }
        catch (OperationCanceledException)
        {
            // enough seen
        }

        return values;
    }
}
