using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Routing;

namespace Ambient.ControlPlane.Tests.Routing;

/// <summary>Istio's verdicts on its networking resources: ours are the same, and say which field is meant.</summary>
public sealed class NetworkingValidationTests
{
    private static readonly Dictionary<string, JsonNode> Rows = File.ReadLines(Manifest.Path("validation", "networking.jsonl"))
        .Select(line => JsonNode.Parse(line)!)
        .ToDictionary(row => (string)row["title"]!);

    public static TheoryData<string> Recorded() => [.. Rows.Keys];

    [Theory]
    [MemberData(nameof(Recorded))]
    public void The_verdict_is_the_recorded_one(string title)
    {
        var row = Rows[title];
        string[] problems;
        try
        {
            problems = [.. Problems(row["object"]!.AsObject())];
        }
        catch (JsonException)
        {
            // Of another type than the field: the API server does not let it in.
            Assert.Equal(422, (int)row["crdSchema"]!["status"]!);
            return;
        }

        Assert.True(
            (string)row["semantic"]! == (problems.Length == 0 ? "allowed" : "denied"),
            $"recorded {row["semantic"]}, ours: {string.Join("; ", problems)}");
        Assert.All(problems, problem => Assert.StartsWith("spec", problem, StringComparison.Ordinal));
    }

    private static IEnumerable<string> Problems(JsonObject resource) => resource.Kind() switch
    {
        "VirtualService" => VirtualServiceValidation.Problems(resource.As(ResourceJson.Default.VirtualService)),
        "DestinationRule" => DestinationRuleValidation.Problems(resource.As(ResourceJson.Default.DestinationRule)),
        "ServiceEntry" => ServiceEntryValidation.Problems(resource.As(ResourceJson.Default.ServiceEntry)),
        "WorkloadEntry" => ServiceEntryValidation.Problems(resource.As(ResourceJson.Default.WorkloadEntry)),
        var kind => throw new NotSupportedException(kind),
    };
}
