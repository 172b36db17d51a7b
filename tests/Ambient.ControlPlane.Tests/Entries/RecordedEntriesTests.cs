using System.Text.Json.Nodes;
using Ambient.ControlPlane.Entries;

namespace Ambient.ControlPlane.Tests.Entries;

/// <summary>The recorded services and workloads of ServiceEntries and WorkloadEntries, from the same input.</summary>
public sealed class RecordedEntriesTests
{
    [Fact]
    public void Same_input_gives_the_recorded_resources()
    {
        var model = Cluster.Model(File.ReadAllText(Manifest.Path("wds", "08-service-entries", "input.yaml")));
        foreach (var (key, addresses) in EntryAddresses.Due(model.Inputs.ServiceEntries.Accepted.Items.Values.Select(entry => entry.Latest)))
        {
            model.Inputs.ServiceEntries.Offer(key, model.Inputs.ServiceEntries.Accepted.Items[key].Latest with { Status = new() { Addresses = addresses } });
        }

        var ours = model.Settle().Addresses.ToDictionary(entry => entry.Key, entry => WithoutAllocated(RecordedForm.Of(entry.Value!)));

        var recorded = JsonNode.Parse(File.ReadAllText(Manifest.Path("wds", "08-service-entries", "wds.json")))!["Address"]!.AsArray().OfType<JsonObject>().ToList();
        Assert.Equal(recorded.Select(item => (string)item["name"]!).Order(StringComparer.Ordinal), ours.Keys.Order(StringComparer.Ordinal));
        foreach (var item in recorded)
        {
            var name = (string)item["name"]!;
            item.Remove("name");
            var expected = WithoutAllocated(item);
            Assert.True(JsonNode.DeepEquals(expected, ours[name]), $"{name}\nrecorded {expected.ToJsonString()}\nours     {ours[name].ToJsonString()}");
        }
    }

    /// <summary>Which of the allocated addresses a host has depends on what was there before.</summary>
    private static JsonObject WithoutAllocated(JsonObject resource)
    {
        foreach (var address in (resource["service"]?["addresses"] as JsonArray ?? []).OfType<JsonObject>())
        {
            var text = (string)address["address"]!;
            if (text.StartsWith("240.240.", StringComparison.Ordinal) || text.StartsWith("2001:2::", StringComparison.Ordinal))
            {
                address["address"] = text.Contains(':', StringComparison.Ordinal) ? "allocated IPv6" : "allocated IPv4";
            }
        }

        return resource;
    }
}
