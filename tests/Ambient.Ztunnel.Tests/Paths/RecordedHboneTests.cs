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
        await using var world = await ClientOfPeer.StartAsync();
        Assert.Equal("answer", await world.Applications.CallAsync(world.Client, "10.203.0.2:7001", new string('x', 79)));
        Assert.Equal("answer", await world.Applications.CallAsync(world.Client, "10.96.0.10:80", new string('x', 74)));
        Assert.True(await world.Applications.IsRefusedAsync(world.Client, "10.203.0.2:401", ""));
        await RunningZtunnel.UntilAsync(() => world.Peer.Lines.Count >= 9, "all events");

        Assert.Equal(Recorded("hbone/hbone-client.jsonl"), world.Peer.Lines.Select(Comparable));
    }

    /// <summary>The peer did not serve the request: another tunnel does, and neither the application nor the log hears of it.</summary>
    [Theory]
    [InlineData("10.203.0.2:402")] // the tunnel breaks
    [InlineData("10.203.0.2:403")] // REFUSED_STREAM
    [InlineData("10.203.0.2:404")] // GOAWAY that leaves the request out
    public async Task A_request_that_its_tunnel_did_not_serve_goes_through_another(string destination)
    {
        await using var world = await ClientOfPeer.StartAsync();
        Assert.Equal("answer", await world.Applications.CallAsync(world.Client, "10.203.0.2:7001", "first"));
        Assert.Equal("answer", await world.Applications.CallAsync(world.Client, destination, "second"));
        await RunningZtunnel.UntilAsync(() => world.Peer.Count("tls") == 2, "both tunnels are told");
        await RunningZtunnel.UntilAsync(() => world.Ztunnel.AccessLog.Count == 2, "both lines of the log");
        Assert.All(world.Ztunnel.AccessLog, line => Assert.DoesNotContain("error=", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_request_that_is_refused_twice_fails()
    {
        await using var world = await ClientOfPeer.StartAsync();
        Assert.True(await world.Applications.IsRefusedAsync(world.Client, "10.203.0.2:405"));
        await RunningZtunnel.UntilAsync(() => world.Ztunnel.AccessLog.Count == 1, "the line of the log");
        Assert.Contains("RefusedStream", world.Ztunnel.AccessLog[0], StringComparison.Ordinal);
        await RunningZtunnel.UntilAsync(() => world.Peer.Count("connect") >= 2, "both requests are told");
        Assert.Equal(2, world.Peer.Count("connect"));
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

    /// <summary>A captured client and its node proxy, and Node as the peer.</summary>
    private sealed class ClientOfPeer : IAsyncDisposable
    {
        private readonly TestNetwork _network = new();
        private readonly TestAuthority _authority = new();
        private readonly TestAgent _agent = new();

        private ClientOfPeer() => Client = _network.AddPod(1, captured: true);

        public TestPod Client { get; }

        public Applications Applications { get; } = new();

        public RunningZtunnel Ztunnel { get; private set; } = null!;

        public NodePeer Peer { get; private set; } = null!;

        public static async Task<ClientOfPeer> StartAsync()
        {
            var world = new ClientOfPeer();
            world.Ztunnel = await RunningZtunnel.StartAsync(
                RunningZtunnel.Configuration("na", world._agent.Path, File.ReadAllText(TwoNodes.Golden("ztunnel/state.yaml"))), world._authority);
            await world._agent.EnrolAsync(("u1", "client", world.Client));
            world.Peer = NodePeer.Start(
                world._network.AddPod(2, captured: false), world._authority, new SpiffeId("cluster.local", "shop", "server"),
                "hbone-server.js", "10.203.0.2", "15008");
            await world.Peer.ListeningAsync();
            return world;
        }

        public async ValueTask DisposeAsync()
        {
            Peer.Dispose();
            await Applications.DisposeAsync();
            await Ztunnel.DisposeAsync();
            _agent.Dispose();
            _authority.Dispose();
            _network.Dispose();
        }
    }
}
