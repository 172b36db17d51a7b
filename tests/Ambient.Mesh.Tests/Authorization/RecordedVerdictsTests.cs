using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.Api;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Config;
using Ambient.Mesh.Model;
using Ambient.Mesh.State;

namespace Ambient.Mesh.Tests.Authorization;

/// <summary>Every verdict that the real ztunnel gave on 200 sets of policies and 36 connections each.</summary>
public sealed class RecordedVerdictsTests
{
    [Fact]
    public void Every_recorded_verdict_is_ours()
    {
        var compared = 0;
        var different = new List<string>();
        foreach (var line in File.ReadLines(Golden.Path("authz/verdicts.jsonl")))
        {
            var set = JsonNode.Parse(line)!;
            var (mesh, workload) = Load(set);
            foreach (var connection in set["connections"]!.AsArray())
            {
                var facts = Facts(connection!.AsArray(), workload);
                var verdict = Authorizer.Evaluate(mesh, workload, facts);
                compared++;
                if ((verdict.Allowed ? "allow" : "deny") != (string)connection[3]!)
                {
                    different.Add($"{connection.ToJsonString()}: {VerdictExplanation.Render(mesh, workload, facts, verdict)}\n{line}");
                }
            }
        }

        Assert.Empty(different.Take(3));
        Assert.Equal(200 * 36, compared);
    }

    [Fact]
    public void Every_recorded_connection_has_an_explanation_that_names_what_decided()
    {
        foreach (var line in File.ReadLines(Golden.Path("authz/verdicts.jsonl")))
        {
            var set = JsonNode.Parse(line)!;
            var (mesh, workload) = Load(set);
            foreach (var connection in set["connections"]!.AsArray())
            {
                var facts = Facts(connection!.AsArray(), workload);
                var verdict = Authorizer.Evaluate(mesh, workload, facts);
                var text = VerdictExplanation.Render(mesh, workload, facts, verdict);
                switch (verdict.Reason)
                {
                    case VerdictReason.DeniedByPolicy or VerdictReason.AllowedByPolicy:
                        Assert.Contains(verdict.Policy!.Key, text, StringComparison.Ordinal);
                        Assert.Contains($"rule {verdict.RuleIndex}: ", text, StringComparison.Ordinal);
                        break;
                    case VerdictReason.NotAllowed:
                        Assert.Contains("nearest: ", text, StringComparison.Ordinal);
                        break;
                    default:
                        Assert.True(verdict.Allowed);
                        break;
                }
            }
        }
    }

    [Fact]
    public void An_evaluation_allocates_nothing()
    {
        var sets = File.ReadLines(Golden.Path("authz/verdicts.jsonl")).Take(20).Select(line => Load(JsonNode.Parse(line)!)).ToArray();
        var facts = new ConnectionFacts(
            IPAddress.Parse("10.203.0.11"), new SpiffeId("cluster.local", "shop", "web"), IPAddress.Parse("10.203.0.2"), 7001);
        EvaluateAll(sets, facts);
        var before = GC.GetAllocatedBytesForCurrentThread();
        EvaluateAll(sets, facts);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static int EvaluateAll((MeshSnapshot Mesh, Workload Workload)[] sets, in ConnectionFacts facts)
    {
        var allowed = 0;
        foreach (var (mesh, workload) in sets)
        {
            allowed += Authorizer.Evaluate(mesh, workload, facts).Allowed ? 1 : 0;
        }

        return allowed;
    }

    private static ConnectionFacts Facts(JsonArray connection, Workload workload) => new(
        IPAddress.Parse((string)connection[1]!),
        connection[0] is { } principal ? SpiffeId.Parse("spiffe://" + (string)principal!) : null,
        workload.Addresses[0],
        (int)connection[2]!);

    /// <summary>The recording names rules "groups" and the kinds of matches in lower case; the rest is local configuration.</summary>
    private static (MeshSnapshot Mesh, Workload Workload) Load(JsonNode set)
    {
        var policies = new JsonArray();
        var named = new JsonArray();
        foreach (var policy in set["policies"]!.AsArray())
        {
            var copy = policy!.DeepClone().AsObject();
            copy["rules"] = copy["groups"]!.DeepClone();
            copy.Remove("groups");
            policies.Add(copy);
            if ((string)copy["scope"]! == "WorkloadSelector")
            {
                named.Add($"{(string)copy["namespace"]!}/{(string)copy["name"]!}");
            }
        }

        var workload = set["workload"]!;
        var config = new JsonObject
        {
            ["workloads"] = new JsonArray(new JsonObject
            {
                ["uid"] = "server",
                ["name"] = (string)workload["name"]!,
                ["namespace"] = (string)workload["namespace"]!,
                ["workloadIps"] = new JsonArray((string)workload["address"]!),
                ["authorizationPolicies"] = named,
            }),
            ["policies"] = policies,
        };
        var store = new MeshStore();
        store.Apply(LocalConfig.Parse(config.ToJsonString(new JsonSerializerOptions())));
        return (store.Current, store.Current.Workloads["server"]);
    }
}
