using Ambient.Api;
using Ambient.Linux;
using Ambient.Ztunnel.Tests.Support;

namespace Ambient.Ztunnel.Tests.Paths;

/// <summary>Two node proxies, two captured pods: what applications see.</summary>
public sealed class TwoNodesTests
{
    [Fact]
    public async Task A_client_reaches_a_server_through_the_tunnel_and_the_server_sees_the_clients_address()
    {
        await using var world = await TwoNodes.StartAsync();
        Assert.Equal("seen 10.203.0.1", await world.Applications.CallAsync(world.Client, "10.203.0.2:7001", "hello"));
        Assert.Equal("seen 10.203.0.1", await world.Applications.CallAsync(world.Client, "10.96.0.10:80", "hello"));
    }

    [Fact]
    public async Task Many_connections_on_several_loops_all_carry_their_own_bytes()
    {
        await using var world = await TwoNodes.StartAsync(threads: 2);
        await world.Applications.EchoAsync(world.Server, 7010);
        var calls = await Task.WhenAll(Enumerable.Range(0, 150).Select(async index =>
        {
            var text = new string((char)('a' + (index % 26)), 1000 + (index * 37));
            return text == await world.Applications.CallAsync(world.Client, "10.203.0.2:7010", text);
        }));
        Assert.All(calls, Assert.True);
        await RunningZtunnel.UntilAsync(() => world.Destination.AccessLog.Count == 150 && world.Source.AccessLog.Count == 150, "a record for each");
    }

    [Fact]
    public async Task A_megabyte_arrives_whole_both_ways()
    {
        await using var world = await TwoNodes.StartAsync();
        await world.Applications.EchoAsync(world.Server, 7011);
        var text = string.Concat(Enumerable.Range(0, 200_000).Select(i => $"{i % 100_000:d5}"));
        Assert.Equal(text, await world.Applications.CallAsync(world.Client, "10.203.0.2:7011", text));
        await RunningZtunnel.UntilAsync(() => world.Source.AccessLog.Count == 1, "the record");
        Assert.Equal("1000000", AccessLine.Parse(world.Source.AccessLog[0])["bytes_sent"]);
        Assert.Equal("1000000", AccessLine.Parse(world.Source.AccessLog[0])["bytes_recv"]);
    }

    /// <summary>Calls that would make a proxy call itself, from a captured pod and from a peer that is none of ours.</summary>
    [Theory]
    [InlineData("10.203.0.2:15001")]
    [InlineData("10.203.0.2:15006")]
    [InlineData("10.203.0.2:15008")]
    [InlineData("127.0.0.1:15001")]
    [InlineData("127.0.0.1:15006")]
    [InlineData("127.0.0.1:15008")]
    public async Task Nobody_reaches_a_proxys_own_ports_through_a_proxy(string destination)
    {
        await using var world = await TwoNodes.StartAsync();
        Assert.True(await world.Applications.IsRefusedAsync(world.Client, destination));
        Assert.Equal("seen 10.203.0.1", await world.Applications.CallAsync(world.Client, "10.203.0.2:7001", "hello"));
    }

    [Theory]
    [InlineData("10.203.0.2:15001")]
    [InlineData("10.203.0.2:15006")]
    public async Task A_plaintext_peer_does_not_reach_a_proxys_own_ports_either(string destination)
    {
        await using var world = await TwoNodes.StartAsync();
        Assert.True(await world.Applications.IsRefusedAsync(world.Plain, destination));
        Assert.Equal("seen 10.203.0.3", await world.Applications.CallAsync(world.Plain, "10.203.0.2:7001", "hello"));
    }

    /// <summary>A client that waits for the server to begin must not take a failure for an answer without bytes.</summary>
    [Theory]
    [InlineData("10.203.0.2:7999", true)] // through the tunnel; nobody listens
    [InlineData("10.203.0.3:7999", true)] // in plaintext; nobody listens
    [InlineData("10.203.0.2:15001", true)] // the proxy's own port
    [InlineData("10.96.0.99:80", true)] // nobody has the address
    [InlineData("10.203.0.2:7999", false)] // from outside of the mesh
    [InlineData("10.203.0.2:15001", false)]
    public async Task What_does_not_come_about_is_reset_and_not_ended(string destination, bool captured)
    {
        await using var world = await TwoNodes.StartAsync();
        try
        {
            var call = await world.Applications.OpenAsync(captured ? world.Client : world.Plain, destination);
            Assert.True(await call.EndsAsync());
        }
        catch (LinuxException early)
        {
            Assert.Equal(Errno.ECONNRESET, early.Error); // before connect(2) returned
        }
    }

    [Fact]
    public async Task An_endpoint_that_cannot_be_reached_costs_nobody_a_connection_while_another_one_can()
    {
        var mesh = File.ReadAllText(TwoNodes.Golden("ztunnel/state.yaml")).Replace("policies:\n", """
            - {uid: gone, name: gone, namespace: shop, serviceAccount: server, workloadIps: [10.203.0.3], protocol: TCP, node: nb, services: {"shop/server.shop.svc.cluster.local": {80: 7998}}}
            policies:

            """, StringComparison.Ordinal);
        await using var world = await TwoNodes.StartAsync(mesh);
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("seen 10.203.0.1", await world.Applications.CallAsync(world.Client, "10.96.0.10:80", "hello"));
        }
    }

    [Fact]
    public async Task Open_connections_outlive_the_wish_to_quit_and_new_ones_are_not_taken()
    {
        await using var world = await TwoNodes.StartAsync();
        await world.Applications.EchoAsync(world.Server, 7012);
        var call = await world.Applications.OpenAsync(world.Client, "10.203.0.2:7012");
        Assert.Equal("one", await call.EchoAsync("one"));

        Assert.Equal((200, "shutdown now\n"), await world.Destination.FetchAsync(world.Destination.App.Servers.Admin, "/quitquitquit", post: true));
        await RunningZtunnel.UntilAsync(() => !TestNetwork.ListeningPorts(world.Server).Contains(15008), "listeners are closed");
        Assert.Equal("two", await call.EchoAsync("two"));
        Assert.True(await world.Applications.IsRefusedAsync(world.Client, "10.203.0.2:7001"));
        Assert.False(world.Destination.Running.IsCompleted);
        await call.CloseAsync();
        await world.Destination.Running.WaitAsync(TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task What_does_not_end_by_itself_is_cut_at_the_deadline()
    {
        await using var world = await TwoNodes.StartAsync();
        await world.Applications.EchoAsync(world.Server, 7012);
        var call = await world.Applications.OpenAsync(world.Client, "10.203.0.2:7012");
        Assert.Equal("one", await call.EchoAsync("one"));
        await world.Destination.App.Quit.CancelAsync();
        await world.Destination.Running.WaitAsync(TimeSpan.FromSeconds(9));
        await call.EndsAsync();
    }

    [Fact]
    public async Task A_peer_that_speaks_no_TLS_or_is_of_another_trust_domain_gets_no_tunnel_and_the_log_says_why()
    {
        await using var world = await TwoNodes.StartAsync();
        Assert.True(await world.Applications.IsRefusedAsync(world.Plain, "10.203.0.2:15008", "GET / HTTP/1.1\r\n\r\n"));
        using (var stranger = world.StartPeer(world.Plain, new SpiffeId("elsewhere", "shop", "client"), "hbone-client.js", "10.203.0.2"))
        {
            await stranger.EndedAsync();
            Assert.DoesNotContain(stranger.Lines, line => line.Contains(":status", StringComparison.Ordinal));
        }

        await RunningZtunnel.UntilAsync(() => world.Destination.AccessLog.Count >= 2, "both lines");
        var lines = world.Destination.AccessLog.Select(AccessLine.Parse).ToList();
        Assert.All(lines, line => Assert.Equal(
            "warn access connection failed src.addr=10.203.0.3:<port> direction=\"inbound\" error=<words>", line.Comparable()));
        Assert.Contains("not of our trust domain cluster.local", lines[1]["error"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_that_leaves_loses_its_connections_and_leaves_nothing_behind()
    {
        await using var world = await TwoNodes.StartAsync();
        await world.Applications.EchoAsync(world.Server, 7013);
        var call = await world.Applications.OpenAsync(world.Client, "10.203.0.2:7013");
        Assert.Equal("one", await call.EchoAsync("one"));
        await world.RemoveServerAsync();
        await call.EndsAsync();
        Assert.Equal([7001, 7013], TestNetwork.ListeningPorts(world.Server));
    }
}
