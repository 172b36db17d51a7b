using System.Text;
using Ambient.Mesh.Config;
using Ambient.Mesh.State;
using Ambient.Ztunnel.Tests.Support;

namespace Ambient.Ztunnel.Tests.Paths;

/// <summary>Policies at work: on new connections, on open ones, in plaintext.</summary>
public sealed class PolicyTests
{
    private const int EchoPort = 7003;

    [Fact]
    public async Task A_policy_that_comes_closes_the_open_connections_that_it_denies_within_a_second()
    {
        await using var world = await TwoNodes.StartAsync();
        await world.Applications.EchoAsync(world.Server, EchoPort);
        await world.Applications.EchoAsync(world.Server, EchoPort + 1);
        var denied = await world.Applications.OpenAsync(world.Client, $"10.203.0.2:{EchoPort}");
        var allowed = await world.Applications.OpenAsync(world.Client, $"10.203.0.2:{EchoPort + 1}");
        Assert.Equal("one", await denied.EchoAsync("one"));
        Assert.Equal("two", await allowed.EchoAsync("two"));

        world.Destination.App.Mesh.Apply(Policies("{name: late, namespace: shop, scope: Namespace, action: Deny, rules: [[[{destinationPorts: [7003]}]]]}"));
        await denied.EndsAsync().WaitAsync(TimeSpan.FromSeconds(1));
        Assert.Equal("still", await allowed.EchoAsync("still"));
        Assert.True(await world.Applications.IsRefusedAsync(world.Client, $"10.203.0.2:{EchoPort}"));

        await RunningZtunnel.UntilAsync(() => world.Destination.AccessLog.Count >= 2, "the records of both");
        var line = AccessLine.Parse(world.Destination.AccessLog[0]);
        Assert.Equal(
            "\"connection closed due to policy change: explicitly denied by: shop/late (rule 0: destination port 7003 is one of [7003])\"",
            line["error"]);
        Assert.Contains("response_flags=\"DENY\"", await world.Destination.MetricsAsync(), StringComparison.Ordinal);
        await allowed.CloseAsync();
    }

    [Fact]
    public async Task A_workload_that_begins_to_name_a_policy_has_it_applied_to_its_open_connections()
    {
        await using var world = await TwoNodes.StartAsync();
        await world.Applications.EchoAsync(world.Server, EchoPort);
        world.Destination.App.Mesh.Apply(Policies("{name: named, namespace: shop, scope: WorkloadSelector, action: Deny, rules: [[[{destinationPorts: [7003]}]]]}"));
        var call = await world.Applications.OpenAsync(world.Client, $"10.203.0.2:{EchoPort}");
        Assert.Equal("one", await call.EchoAsync("one"));

        var server = world.Destination.App.Mesh.Current.Workloads["cluster1//v1/Pod/shop/server"];
        world.Destination.App.Mesh.Apply(new MeshUpdate { Workloads = { server with { AuthorizationPolicies = ["shop/named"] } } });
        await call.EndsAsync().WaitAsync(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Removing_a_policy_that_a_workload_still_names_does_not_cut_what_is_open()
    {
        await using var world = await TwoNodes.StartAsync();
        await world.Applications.EchoAsync(world.Server, EchoPort);
        var call = await world.Applications.OpenAsync(world.Client, $"10.203.0.2:{EchoPort}");
        Assert.Equal("one", await call.EchoAsync("one"));

        // As a control plane does it: the policy goes in one message, the workload's list changes in another.
        var mesh = world.Destination.App.Mesh;
        mesh.Apply(new MeshUpdate { RemovedPolicies = { "shop/deny-9999" } });
        Assert.Equal("two", await call.EchoAsync("two"));
        var server = mesh.Current.Workloads["cluster1//v1/Pod/shop/server"];
        mesh.Apply(new MeshUpdate { Workloads = { server with { AuthorizationPolicies = [] } } });
        await Task.Delay(TimeSpan.FromSeconds(2.5));
        Assert.Equal("three", await call.EchoAsync("three"));
        await call.CloseAsync();
    }

    [Fact]
    public async Task Plaintext_to_a_workload_that_wants_mutual_TLS_is_refused_and_the_record_says_why()
    {
        await using var world = await TwoNodes.StartAsync();
        Assert.Equal("seen 10.203.0.3", (await world.Applications.CallAsync(world.Plain, "10.203.0.2:7001", "hello")).Trim());

        world.Destination.App.Mesh.Apply(Policies("{name: strict, namespace: shop, scope: Namespace, action: Deny, rules: [[[{notPrincipals: [{Presence: []}]}]]]}"));
        Assert.True(await world.Applications.IsRefusedAsync(world.Plain, "10.203.0.2:7001"));
        Assert.Equal("seen 10.203.0.1", (await world.Applications.CallAsync(world.Client, "10.203.0.2:7001", "hello")).Trim());

        await RunningZtunnel.UntilAsync(() => world.Destination.AccessLog.Count >= 3, "all records");
        var lines = world.Destination.AccessLog.Select(AccessLine.Parse).ToList();
        Assert.Equal(
            "info access connection complete src.addr=10.203.0.3:<port> src.workload=\"plain\" src.namespace=\"shop\" src.cluster=\"Kubernetes\" "
            + "dst.addr=10.203.0.2:7001 dst.workload=\"server\" dst.namespace=\"shop\" dst.cluster=\"Kubernetes\" direction=\"inbound\" "
            + "bytes_sent=15 bytes_recv=5 duration=<ms>",
            lines[0].Comparable());
        Assert.Equal(
            "\"connection closed due to policy rejection: explicitly denied by: shop/strict (rule 0: principal (no identity) is none of [*])\"",
            lines[1]["error"]);
    }

    [Fact]
    public async Task A_missing_allow_names_the_nearest_rule_in_the_record()
    {
        await using var world = await TwoNodes.StartAsync();
        world.Destination.App.Mesh.Apply(Policies("{name: only-admin, namespace: shop, scope: Namespace, action: Allow, rules: [[[{principals: [{Exact: cluster.local/ns/shop/sa/admin}]}]]]}"));
        Assert.True(await world.Applications.IsRefusedAsync(world.Client, "10.203.0.2:7001"));
        await RunningZtunnel.UntilAsync(() => world.Destination.AccessLog.Count >= 1, "the record");
        Assert.EndsWith(
            "nearest: shop/only-admin rule 0: principal cluster.local/ns/shop/sa/client is none of [cluster.local/ns/shop/sa/admin])\"",
            AccessLine.Parse(world.Destination.AccessLog[0])["error"]);
    }

    [Fact]
    public async Task A_policy_in_dry_run_is_told_and_refuses_nothing()
    {
        await using var world = await TwoNodes.StartAsync(filter: "debug");
        world.Destination.App.Mesh.Apply(Policies("{name: trial, namespace: shop, scope: Namespace, action: Deny, dryRun: true, rules: [[]]}"));
        Assert.Equal("seen 10.203.0.1", (await world.Applications.CallAsync(world.Client, "10.203.0.2:7001", "hello")).Trim());
        await RunningZtunnel.UntilAsync(() => world.Destination.Log.Contains("dry run: shop/trial would deny", StringComparison.Ordinal), "the line");
    }

    private static MeshUpdate Policies(string policy) => LocalConfig.Parse($"policies:\n- {policy}");
}
