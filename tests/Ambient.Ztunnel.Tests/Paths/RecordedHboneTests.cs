using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ambient.Api;
using Ambient.Ztunnel.Tests.Support;

namespace Ambient.Ztunnel.Tests.Paths;

/// <summary>What the real node proxy sends and answers on the wire, and ours: compared event by event against Node's HTTP/2.</summary>
public sealed partial class RecordedHboneTests
{
    /// <summary>As the client's side of the recording, with a port that the peer answers with 401.</summary>
    [Fact]
    public async Task As_a_client_we_send_what_was_recorded()
    {
        using var network = new TestNetwork();
        using var authority = new TestAuthority();
        using var agent = new TestAgent();
        var client = network.AddPod(1, captured: true);
        var server = network.AddPod(2, captured: false);
        await using var ztunnel = await RunningZtunnel.StartAsync(
            RunningZtunnel.Configuration("na", agent.Path, File.ReadAllText(TwoNodes.Golden("ztunnel/state.yaml"))), authority);
        await agent.EnrolAsync(("u1", "client", client));
        await using var applications = new Applications();
        using var peer = NodePeer.Start(server, authority, new SpiffeId("cluster.local", "shop", "server"), "hbone-server.js", "10.203.0.2", "15008");
        await peer.ListeningAsync();

        Assert.Equal("answer", await applications.CallAsync(client, "10.203.0.2:7001", new string('x', 79)));
        Assert.Equal("answer", await applications.CallAsync(client, "10.96.0.10:80", new string('x', 74)));
        Assert.True(await applications.IsRefusedAsync(client, "10.203.0.2:401", ""));
        await RunningZtunnel.UntilAsync(() => peer.Lines.Count >= 9, "all events");

        Assert.Equal(Recorded("hbone/hbone-client.jsonl"), peer.Lines.Select(Comparable));
    }

    [Fact]
    public async Task A_tunnel_that_breaks_under_a_new_connection_costs_nobody_that_connection()
    {
        using var network = new TestNetwork();
        using var authority = new TestAuthority();
        using var agent = new TestAgent();
        var client = network.AddPod(1, captured: true);
        var server = network.AddPod(2, captured: false);
        await using var ztunnel = await RunningZtunnel.StartAsync(
            RunningZtunnel.Configuration("na", agent.Path, File.ReadAllText(TwoNodes.Golden("ztunnel/state.yaml"))), authority);
        await agent.EnrolAsync(("u1", "client", client));
        await using var applications = new Applications();
        using var peer = NodePeer.Start(server, authority, new SpiffeId("cluster.local", "shop", "server"), "hbone-server.js", "10.203.0.2", "15008");
        await peer.ListeningAsync();

        Assert.Equal("answer", await applications.CallAsync(client, "10.203.0.2:7001", "first"));
        Assert.Equal("answer", await applications.CallAsync(client, "10.203.0.2:402", "second"));
        Assert.Equal(2, peer.Lines.Count(line => line.Contains("\"tls\"", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task As_a_server_we_answer_what_was_recorded()
    {
        using var network = new TestNetwork();
        using var authority = new TestAuthority();
        using var agent = new TestAgent();
        var client = network.AddPod(1, captured: false);
        var server = network.AddPod(2, captured: true);
        await using var ztunnel = await RunningZtunnel.StartAsync(
            RunningZtunnel.Configuration("nb", agent.Path, File.ReadAllText(TwoNodes.Golden("ztunnel/state.yaml"))), authority);
        await agent.EnrolAsync(("u2", "server", server));
        await using var applications = new Applications();
        await applications.ServeAsync(server, 7001, _ => Encoding.ASCII.GetBytes(new string('y', 1083)));
        using var peer = NodePeer.Start(client, authority, new SpiffeId("cluster.local", "shop", "client"), "hbone-client.js", "10.203.0.2");
        await peer.EndedAsync();

        Assert.Equal(Recorded("hbone/hbone-server.jsonl"), peer.Lines.Select(Comparable));
    }

    private static IEnumerable<string> Recorded(string name) => File.ReadLines(TwoNodes.Golden(name)).Select(Comparable);

    /// <summary>Without what no two runs share: the trace, and the client's port.</summary>
    private static string Comparable(string line) => JsonNode.Parse(ClientPort().Replace(Trace().Replace(line, "00-<trace>-<span>-00"), "10.203.0.1:<port>"))!.ToJsonString();

    [GeneratedRegex("00-[0-9a-f]{32}-[0-9a-f]{16}-00")]
    private static partial Regex Trace();

    [GeneratedRegex(@"(?<=for=..)10\.203\.0\.1:\d+")]
    private static partial Regex ClientPort();
}
