using System.Text.Json.Nodes;

namespace Ambient.ControlPlane.Tests.Derivation;

public sealed class RecordedResourcesTests
{
    [Theory]
    [InlineData("01-pods")]
    [InlineData("02-services")]
    [InlineData("03-authz-l4")]
    [InlineData("04-authz-l7-degrades")]
    [InlineData("05-peerauth-mesh-strict")]
    [InlineData("06-peerauth-ports")]
    public void Same_input_gives_the_recorded_resources(string recording)
    {
        var expected = JsonNode.Parse(File.ReadAllText(Manifest.Path("wds", recording, "wds.json")))!;
        var model = Cluster.Model(File.ReadAllText(Manifest.Path("wds", recording, "input.yaml")));

        var changes = model.Settle();

        AssertSame(expected["Address"]!.AsArray(), changes.Addresses.ToDictionary(entry => entry.Key, entry => RecordedForm.Of(entry.Value!)));
        AssertSame(
            expected["Authorization"]!.AsArray(),
            changes.Authorizations.Where(entry => entry.Value is not null).ToDictionary(entry => entry.Key, entry => RecordedForm.Of(entry.Value!)));
    }

    private static void AssertSame(JsonArray expected, Dictionary<string, JsonObject> actual)
    {
        var expectedByName = expected.ToDictionary(item => Name(item!.AsObject()), item => item!.AsObject());
        Assert.Equal(expectedByName.Keys.Order(StringComparer.Ordinal), actual.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, resource) in expectedByName)
        {
            if (resource["workload"] is not null || resource["service"] is not null)
            {
                resource.Remove("name");
            }

            Assert.True(JsonNode.DeepEquals(resource, actual[name]), $"{name}\nrecorded {resource.ToJsonString()}\nours     {actual[name].ToJsonString()}");
        }
    }

    private static string Name(JsonObject resource) => resource["namespace"] is { } ns ? $"{ns}/{resource["name"]}" : (string)resource["name"]!;
}
