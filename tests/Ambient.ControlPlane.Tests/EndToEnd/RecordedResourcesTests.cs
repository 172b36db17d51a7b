using System.Text.Json.Nodes;

namespace Ambient.ControlPlane.Tests.EndToEnd;

/// <summary>The recordings again, through a real API that fills in what users leave out, and over a real stream.</summary>
public sealed class RecordedResourcesTests
{
    /// <summary>What the API and the control plane's own namespace bring along.</summary>
    private static readonly string[] NotRecorded = ["default/kubernetes.default.svc.cluster.local"];

    [Theory]
    [InlineData("01-pods")]
    [InlineData("02-services")]
    [InlineData("03-authz-l4")]
    [InlineData("04-authz-l7-degrades")]
    [InlineData("05-peerauth-mesh-strict")]
    [InlineData("06-peerauth-ports")]
    public async Task What_is_applied_arrives_as_recorded(string recording)
    {
        var expected = JsonNode.Parse(await File.ReadAllTextAsync(Manifest.Path("wds", recording, "wds.json")))!;
        await using var api = await ApiUnderTest.StartAsync(controllers: false);
        await DiscoveryTests.FillAsync(api, Manifest.Read(await File.ReadAllTextAsync(Manifest.Path("wds", recording, "input.yaml"))));
        await using var app = await AppUnderTest.StartAsync(api);
        await using var proxy = ProxyUnderTest.ConnectPlain(app.App.PlaintextEndPoint!);

        await proxy.SubscribeAsync();
        foreach (var _ in Enumerable.Range(0, 2))
        {
            var response = await proxy.NextAsync();
            var recorded = expected[response.TypeUrl.Split('.')[^1]]!.AsArray().ToDictionary(item => NameOf(item!.AsObject()), item => item!.AsObject());
            var ours = response.Resources.Where(resource => !NotRecorded.Contains(resource.Name)).ToDictionary(resource => resource.Name, ProxyUnderTest.Recorded);
            Assert.Equal(recorded.Keys.Order(StringComparer.Ordinal), ours.Keys.Order(StringComparer.Ordinal));
            foreach (var (name, resource) in recorded)
            {
                if (resource["workload"] is not null || resource["service"] is not null)
                {
                    resource.Remove("name");
                }

                Assert.True(JsonNode.DeepEquals(resource, ours[name]), $"{name}\nrecorded {resource.ToJsonString()}\nours     {ours[name].ToJsonString()}");
            }
        }
    }

    private static string NameOf(JsonObject resource) => resource["namespace"] is { } ns ? $"{ns}/{resource["name"]}" : (string)resource["name"]!;
}
