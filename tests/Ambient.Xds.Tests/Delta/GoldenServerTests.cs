using System.Text.Json.Nodes;
using Ambient.Api.Discovery;
using Ambient.Xds.Delta;
using Google.Protobuf;

namespace Ambient.Xds.Tests.Delta;

/// <summary>Given the recorded changes of the cluster and what ztunnel sent, our server answers what the recorded istiod answered.</summary>
public sealed class GoldenServerTests
{
    /// <summary>
    /// Wanted difference: when a policy changed its selector only, the recorded control plane sent it again although the message had not
    /// changed (the selector shows in the workloads). Ours sends what changed.
    /// </summary>
    private const string ResentInVain = "nonce-16";

    [Fact]
    public async Task The_server_answers_what_was_recorded()
    {
        var lines = GoldenSession.Lines;
        var served = await ServedStore.StartAsync();
        RawClient? client = null;
        try
        {
            // The first responses are the state at the start; later ones follow the step above them.
            served.Store.Apply([.. Responses(lines, lines.ToList().FindIndex(line => GoldenSession.Direction(line) == "response")).Select(Change)]);
            var nonces = new Dictionary<string, string>();
            for (var index = 0; index < lines.Count; index++)
            {
                var line = lines[index];
                switch (GoldenSession.Direction(line))
                {
                    case "stream-open":
                        await (client?.DisposeAsync() ?? default);
                        client = await RawClient.ConnectAsync(served);
                        break;
                    case "request" when (string?)line["msg"]!["responseNonce"] == ResentInVain:
                        break;
                    case "request":
                        var request = JsonParser.Default.Parse<DeltaDiscoveryRequest>(line["msg"]!.ToJsonString());
                        request.ResponseNonce = request.ResponseNonce.Length == 0 ? "" : nonces[request.ResponseNonce];
                        await client!.SendAsync(request);
                        break;
                    case "response" when (string)line["nonce"]! == ResentInVain:
                        Assert.True(JsonNode.DeepEquals(line["resources"], lines.Single(other => (string?)other["nonce"] == "nonce-14")["resources"]));
                        break;
                    case "response":
                        var response = await client!.ReadAsync();
                        Compare(line, response);
                        nonces.Add((string)line["nonce"]!, response.Nonce);
                        break;
                    case "step" when ((string)line["what"]!).StartsWith("the control plane restarts", StringComparison.Ordinal):
                        // Another process, with the same resources: versions follow from content.
                        var before = served.Store.Current;
                        await served.DisposeAsync();
                        served = await ServedStore.StartAsync();
                        served.Store.Apply([.. served.Store.TypeUrls.Select(type => new ResourceChange(type, [.. before[type].Values], []))]);
                        break;
                    case "step":
                        await AnswersTakenAsync(served);

                        // A step without recorded responses changed nothing that is served: what is the same again is not pushed.
                        var changes = Responses(lines, index + 1).Select(Change).ToList();
                        served.Store.Apply(changes.Count > 0
                            ? changes
                            : [new ResourceChange(ResourceTypes.Address, [.. served.Store.Current[ResourceTypes.Address].Values], [])]);
                        break;
                }
            }
        }
        finally
        {
            await (client?.DisposeAsync() ?? default);
            await served.DisposeAsync();
        }
    }

    [Fact]
    public void Versions_of_addresses_are_those_that_were_recorded()
    {
        var recorded = GoldenSession.Lines.Where(line => GoldenSession.Direction(line) == "response")
            .SelectMany(line => GoldenSession.Response(line).Resources)
            .Where(resource => resource.Resource_.TypeUrl == ResourceTypes.Address)
            .ToList();
        Assert.NotEmpty(recorded);
        Assert.Equal(
            recorded.Select(resource => $"{resource.Name} {resource.Version}"),
            recorded.Select(resource => $"{resource.Name} {ContentVersion.Of(resource.Resource_.Value.Span)}"));
    }

    /// <summary>In the recording each step waited until everything before it was quiet.</summary>
    private static async Task AnswersTakenAsync(ServedStore served)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (served.Server.Status is not { Count: 2 } status
            || !status.All(type => type.Acknowledged && type.Generation == served.Store.Current.Generation))
        {
            await Task.Delay(2, limit.Token);
        }
    }

    private static void Compare(JsonObject line, DeltaDiscoveryResponse response)
    {
        Assert.Equal((string)line["typeUrl"]!, response.TypeUrl);
        Assert.Equal(Names(line["removed"]!), response.RemovedResources.Order(StringComparer.Ordinal));
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/\d+$", response.SystemVersionInfo);

        // The recorded order of resources is that of a hash table, different at each run.
        var recorded = line["resources"]!.AsArray().OrderBy(resource => (string)resource!["name"]!, StringComparer.Ordinal).ToList();
        var ours = response.Resources.OrderBy(resource => resource.Name, StringComparer.Ordinal).Select(GoldenSession.Json).ToList();
        Assert.Equal(recorded.Select(resource => resource!["name"]!.ToString()), ours.Select(resource => resource["name"]!.ToString()));
        foreach (var (theirs, our) in recorded.Zip(ours))
        {
            Assert.True(JsonNode.DeepEquals(theirs, our), $"recorded {theirs}\nsent {our}");
        }
    }

    private static IEnumerable<string> Names(JsonNode names) => names.AsArray().Select(name => (string)name!).Order(StringComparer.Ordinal);

    private static IEnumerable<DeltaDiscoveryResponse> Responses(IReadOnlyList<JsonObject> lines, int from) =>
        lines.Skip(from).TakeWhile(line => GoldenSession.Direction(line) == "response").Select(GoldenSession.Response);

    private static ResourceChange Change(DeltaDiscoveryResponse response) =>
        new(response.TypeUrl, [.. response.Resources.Select(GoldenSession.ToServed)], response.RemovedResources);
}
