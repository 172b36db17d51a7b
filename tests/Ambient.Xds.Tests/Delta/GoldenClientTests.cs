using System.Text.Json.Nodes;
using Ambient.Api.Discovery;
using Ambient.Telemetry.Metrics;
using Ambient.Xds.Delta;
using Ambient.Xds.Grpc;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Xds.Tests.Delta;

/// <summary>Given what the recorded control plane sent, our client sends what the recorded ztunnel sent.</summary>
public sealed class GoldenClientTests
{
    [Fact]
    public async Task The_client_sends_what_was_recorded()
    {
        await using var server = await ScriptedServer.StartAsync();
        var recordedNode = JsonParser.Default.Parse<Node>(GoldenSession.Lines.First(line => line["msg"] is not null)["msg"]!["node"]!.ToJsonString());
        using var channel = new GrpcChannel(server.Address, new GrpcChannelOptions
        {
            Metadata = _ => new([KeyValuePair.Create("authorization", "Bearer (a token)"), KeyValuePair.Create("clusterid", "Kubernetes")]),
        });
        var addresses = new RecordingSink();
        var policies = new RecordingSink();
        var client = new DeltaClient(
            channel, recordedNode,
            [new DeltaSubscription(ResourceTypes.Address, addresses), new DeltaSubscription(ResourceTypes.Authorization, policies)],
            NullLoggerFactory.Instance, new DeltaClientMetrics(new MetricRegistry()));
        using var stop = new CancellationTokenSource();
        var running = client.RunAsync(stop.Token);

        var expected = new Dictionary<string, Dictionary<string, Resource>> { [ResourceTypes.Address] = [], [ResourceTypes.Authorization] = [] };
        ScriptedServer.Stream? stream = null;
        foreach (var line in GoldenSession.Lines)
        {
            switch (GoldenSession.Direction(line))
            {
                case "stream-open":
                    // An attempt that the restarting control plane ended at once is recorded without more lines.
                    stream?.End(new GrpcException(GrpcStatus.Unavailable, "transport is closing"));
                    stream = await server.AcceptAsync();
                    CompareHeaders(line["headers"]!.AsObject(), stream.Context);
                    break;
                case "request":
                    var request = GoldenSession.Json(await stream!.ReadAsync());
                    Assert.True(JsonNode.DeepEquals(line["msg"], request), $"recorded {line["msg"]}\nsent {request}");
                    break;
                case "response":
                    var response = GoldenSession.Response(line);
                    await stream!.SendAsync(response);
                    Remember(expected[response.TypeUrl], response);
                    break;
                case "server-end":
                    stream!.End(new GrpcException(GrpcStatus.Unavailable, "transport is closing"));
                    break;
            }
        }

        await client.Synced.WaitAsync(TimeSpan.FromSeconds(10));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Compare(expected[ResourceTypes.Address], addresses);
        Compare(expected[ResourceTypes.Authorization], policies);
        Assert.NotEmpty(addresses.Held);
    }

    private static void CompareHeaders(JsonObject recorded, ServerCallContext context)
    {
        foreach (var (name, values) in recorded)
        {
            // Wanted difference: our server does not have the recorded one's address; the name is the host that was dialled, with its port.
            var wanted = name == ":authority" ? $"127.0.0.1:{context.Http.Connection.LocalPort}" : (string)values!.AsArray().Single()!;
            Assert.Equal(wanted, name == ":authority" ? context.Http.Request.Host.Value : context.Header(name));
        }
    }

    private static void Remember(Dictionary<string, Resource> state, DeltaDiscoveryResponse response)
    {
        foreach (var resource in response.Resources)
        {
            state[resource.Name] = resource;
        }

        foreach (var name in response.RemovedResources)
        {
            state.Remove(name);
        }
    }

    private static void Compare(Dictionary<string, Resource> expected, RecordingSink sink) => Assert.Equal(
        expected.Values.Select(resource => (resource.Name, resource.Version, resource.Resource_.Value)).Order(Comparer<(string Name, string, ByteString)>.Create((left, right) => string.CompareOrdinal(left.Name, right.Name))),
        sink.Held.Values.Select(resource => (resource.Name, resource.Version, resource.Value)).Order(Comparer<(string Name, string, ByteString)>.Create((left, right) => string.CompareOrdinal(left.Name, right.Name))));
}
