using System.Text.Json.Nodes;
using Ambient.Api.Enrolment;
using Ambient.Ztunnel.Tests.Support;

namespace Ambient.Ztunnel.Tests.Enrolment;

/// <summary>
/// The recorded session between a node agent and a ztunnel, replayed against ours: each packet of the agent as it was, each answer and each
/// observation compared.
/// </summary>
public sealed class RecordedSessionTests
{
    private const string Mesh = """
        workloads:
        - {uid: c//v1/Pod/shop/web, name: web, namespace: shop, serviceAccount: web, workloadIps: [10.203.0.1], protocol: HBONE, node: na}
        """;

    [Fact]
    public async Task The_recorded_session_is_answered_as_recorded()
    {
        using var network = new TestNetwork();
        using var authority = new TestAuthority();
        using var agent = new TestAgent();
        var pods = new Dictionary<string, TestPod> { ["u-1"] = network.AddPod(1, false), ["u-2"] = network.AddPod(2, false) };
        await using var ztunnel = await RunningZtunnel.StartAsync(RunningZtunnel.Configuration("na", agent.Path, Mesh), authority);

        var session = File.ReadLines(TwoNodes.Golden("zds/session.jsonl")).Select(line => JsonNode.Parse(line)!).ToList();
        var added = "";
        byte[]? answer = null;
        for (var index = 0; index < session.Count; index++)
        {
            var step = session[index];
            switch (((string?)step["dir"], (string?)step["what"]))
            {
                case ("<-", "hello"):
                    if (answer is null)
                    {
                        // The recorded agent let this connection end before it got an answer, or had none to expect.
                        agent.Disconnect();
                    }

                    Assert.Equal((string)step["hex"]!, Convert.ToHexStringLower(await agent.AcceptAsync()));
                    break;
                case ("->", var what):
                    var packet = Convert.FromHexString((string)step["hex"]!);
                    var hasDescriptor = step["descriptor"] is not null;
                    added = hasDescriptor ? WorkloadRequest.Parser.ParseFrom(packet).Add.Uid : added;
                    if (session[index + 1] is { } next && (string?)next["dir"] == "<-" && (string?)next["what"] == "answer")
                    {
                        answer = await agent.ExchangeAsync(packet, hasDescriptor ? pods[added].Space : null);
                    }
                    else
                    {
                        // Sent into a stream that was ending: the recorded ztunnel never answered it either.
                        answer = null;
                    }

                    break;
                case ("<-", "answer"):
                    CompareAnswer(step, answer!);
                    break;
                default:
                    await ObserveAsync(step, pods[ObservedPod(step, added)]);
                    break;
            }
        }
    }

    /// <summary>
    /// Different on purpose: the recorded ztunnel answers a Keep after the snapshot with an error and then shuts down, with every pod of the
    /// node. Ours answers with an error, and goes on.
    /// </summary>
    [Fact]
    public async Task A_Keep_after_the_snapshot_is_refused_and_nothing_else_happens()
    {
        using var network = new TestNetwork();
        using var authority = new TestAuthority();
        using var agent = new TestAgent();
        var pod = network.AddPod(1, false);
        await using var ztunnel = await RunningZtunnel.StartAsync(RunningZtunnel.Configuration("na", agent.Path, Mesh), authority);
        await agent.EnrolAsync(("u1", "web", pod));

        Assert.Contains("came after SnapshotSent", await agent.AskAsync(new WorkloadRequest { Keep = new KeepWorkload { Uid = "u1" } }), StringComparison.Ordinal);
        Assert.Contains("second time", await agent.AskAsync(new WorkloadRequest { SnapshotSent = new SnapshotSent() }), StringComparison.Ordinal);
        Assert.False(ztunnel.Running.IsCompleted);
        Assert.Equal([15001, 15006, 15008], TestNetwork.ListeningPorts(pod));
        Assert.Equal("", await agent.AskAsync(new WorkloadRequest { Del = new DelWorkload { Uid = "u1" } }));
        Assert.Empty(TestNetwork.ListeningPorts(pod));
    }

    [Fact]
    public async Task A_pod_whose_port_is_taken_is_pending_and_starts_once_it_is_free()
    {
        using var network = new TestNetwork();
        using var authority = new TestAuthority();
        using var agent = new TestAgent();
        var pod = network.AddPod(1, false);
        await using var ztunnel = await RunningZtunnel.StartAsync(RunningZtunnel.Configuration("na", agent.Path, Mesh), authority);
        var applications = new Applications();
        await using (applications)
        {
            await applications.EchoAsync(pod, 15008);
            await agent.AcceptAsync();
            var refusal = await agent.AskAsync(TestAgent.Add("u1", "web"), pod.Space);
            Assert.StartsWith("failure to start proxy : ", refusal, StringComparison.Ordinal);
            Assert.Contains("15008", refusal, StringComparison.Ordinal);
            Assert.Equal("", await agent.AskAsync(new WorkloadRequest { SnapshotSent = new SnapshotSent() }));
            Assert.Contains("workload proxy manager", ztunnel.App.Readiness.Pending);
        }

        await RunningZtunnel.UntilAsync(() => ztunnel.App.Readiness.Pending.Count == 0, "ready after the port is free");
        Assert.Equal([15001, 15006, 15008], TestNetwork.ListeningPorts(pod));
    }

    [Fact]
    public async Task Without_the_agent_the_node_is_not_ready_and_its_pods_go_on()
    {
        using var network = new TestNetwork();
        using var authority = new TestAuthority();
        using var agent = new TestAgent();
        var pod = network.AddPod(1, false);
        await using var ztunnel = await RunningZtunnel.StartAsync(RunningZtunnel.Configuration("na", agent.Path, Mesh), authority);
        await agent.EnrolAsync(("u1", "web", pod));
        Assert.Equal((200, "ready\n"), await ztunnel.FetchAsync(ztunnel.App.Servers.Readiness, "/healthz/ready"));

        agent.Disconnect();
        await RunningZtunnel.UntilAsync(() => ztunnel.App.Readiness.Pending.Count > 0, "not ready");
        Assert.Equal((500, "not ready, pending: workload proxy manager\n"), await ztunnel.FetchAsync(ztunnel.App.Servers.Readiness, "/healthz/ready"));
        Assert.Equal([15001, 15006, 15008], TestNetwork.ListeningPorts(pod));

        await agent.AcceptAsync();
        Assert.Equal("", await agent.AskAsync(new WorkloadRequest { Keep = new KeepWorkload { Uid = "u1" } }));
        Assert.Equal("", await agent.AskAsync(new WorkloadRequest { SnapshotSent = new SnapshotSent() }));
        Assert.Equal((200, "ready\n"), await ztunnel.FetchAsync(ztunnel.App.Servers.Readiness, "/healthz/ready"));
    }

    private static void CompareAnswer(JsonNode step, byte[] answer)
    {
        if ((string)step["hex"]! == "0a00")
        {
            Assert.Equal("0a00", Convert.ToHexStringLower(answer));
            return;
        }

        // An Ack with an error; the words after the class of failure are ours.
        var error = WorkloadResponse.Parser.ParseFrom(answer).Ack.Error;
        Assert.StartsWith("failure to read message : ", error, StringComparison.Ordinal);
        Assert.StartsWith("failure to read message : ", (string)step["text"]!, StringComparison.Ordinal);
    }

    /// <summary>Which pod an observation is about: the one added last, the one deleted, or the one that is there all the time.</summary>
    private static string ObservedPod(JsonNode step, string added) => (string?)step["observed"] switch
    {
        "listening in its namespace" => added,
        "listening after the delete" => "u-2",
        _ => "u-1",
    };

    /// <summary>
    /// The recording has DNS capture on, so it also listens on 15053. Ours has no DNS proxy yet, and nothing listens there, which goes with
    /// DNS capture switched off.
    /// </summary>
    private static async Task ObserveAsync(JsonNode step, TestPod pod)
    {
        if (step["ports"] is not JsonArray ports)
        {
            return; // how long the reconnect took, and the remark about Keep, which has a test of its own
        }

        var expected = ports.Select(port => int.Parse((string)port!)).Where(port => port != 15053).ToList();
        await RunningZtunnel.UntilAsync(() => TestNetwork.ListeningPorts(pod).SequenceEqual(expected), (string)step["observed"]!);
    }
}
