using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Policies;

namespace Ambient.ControlPlane.Tests.Policies;

public sealed class PolicyValidationTests
{
    public static TheoryData<string> Recorded() =>
        new(File.ReadLines(Manifest.Path("validation", "policies.jsonl")).Select(line => (string)JsonNode.Parse(line)!["title"]!));

    [Theory]
    [MemberData(nameof(Recorded))]
    public void The_verdict_is_the_recorded_one(string title)
    {
        var verdict = File.ReadLines(Manifest.Path("validation", "policies.jsonl"))
            .Select(line => JsonNode.Parse(line)!)
            .Single(line => (string)line["title"]! == title);
        var resource = verdict["object"]!.AsObject();

        string[] problems = resource.Kind() == "PeerAuthentication"
            ? [.. PolicyValidation.Problems(resource.As(ResourceJson.Default.PeerAuthentication))]
            : [.. PolicyValidation.Problems(resource.As(ResourceJson.Default.AuthorizationPolicy))];

        Assert.True(
            (string)verdict["semantic"]! == (problems.Length == 0 ? "allowed" : "denied"),
            $"recorded {verdict["semantic"]}, ours: {string.Join("; ", problems)}");
        Assert.All(problems, problem => Assert.StartsWith("spec", problem, StringComparison.Ordinal));
    }
}
