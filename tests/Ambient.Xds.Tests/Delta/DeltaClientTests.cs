using System.Text;
using Ambient.Api.Discovery;
using Ambient.Telemetry.Metrics;
using Ambient.Xds.Delta;
using Ambient.Xds.Grpc;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Xds.Tests.Delta;

public sealed class DeltaClientTests : IAsyncLifetime
{
    private readonly MetricRegistry _metrics = new();
    private readonly CancellationTokenSource _stop = new();
    private ScriptedServer _server = null!;
    private GrpcChannel _channel = null!;
    private Task _running = Task.CompletedTask;

    public async Task InitializeAsync() => _server = await ScriptedServer.StartAsync();

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await ((Task)_running.WaitAsync(TimeSpan.FromSeconds(10))).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _channel?.Dispose();
        await _server.DisposeAsync();
        _stop.Dispose();
    }

    [Fact]
    public async Task Bad_resources_are_refused_and_good_ones_of_the_same_response_applied()
    {
        var sink = new RecordingSink(resource => resource.Value.ToStringUtf8().StartsWith("bad", StringComparison.Ordinal) ? "it is bad" : null);
        Start(new DeltaSubscription(ResourceTypes.Address, sink));
        var stream = await AcceptAsync();
        await stream.SendAsync(Response("1", ("a", "1", "good"), ("b", "1", "bad"), ("c", "1", "bad")));
        var answer = await stream.ReadAsync();
        Assert.Equal(("1", 0, "b: it is bad; c: it is bad"), (answer.ResponseNonce, answer.ErrorDetail.Code, answer.ErrorDetail.Message));
        Assert.Equal(["a"], sink.Held.Keys);

        // A good one turns bad: what it was stays in force, and its version is forgotten, so that it is sent again after a reconnect.
        await stream.SendAsync(Response("2", ("a", "2", "bad")));
        Assert.Equal("a: it is bad", (await stream.ReadAsync()).ErrorDetail.Message);
        Assert.Equal("1", sink.Held["a"].Version);
        stream.End();
        var again = await AcceptAsync(held: "a=");
        again.End();
    }

    [Fact]
    public async Task Sync_waits_for_a_good_first_response_of_every_type()
    {
        var refusing = true;
        var client = Start(
            new DeltaSubscription(ResourceTypes.Address, new RecordingSink(_ => refusing ? "not yet" : null)),
            new DeltaSubscription(ResourceTypes.Authorization, new RecordingSink()),
            new DeltaSubscription("on-demand", new RecordingSink(), OnDemand: true));
        var stream = await _server.AcceptAsync();
        Assert.Equal(ResourceTypes.Address, (await stream.ReadAsync()).TypeUrl);
        Assert.Equal(ResourceTypes.Authorization, (await stream.ReadAsync()).TypeUrl);
        var third = await stream.ReadAsync();
        Assert.Equal(("on-demand", "*", "*"), (third.TypeUrl, third.ResourceNamesSubscribe.Single(), third.ResourceNamesUnsubscribe.Single()));

        await stream.SendAsync(Response("1", ("a", "1", "x")));
        Assert.NotNull((await stream.ReadAsync()).ErrorDetail);
        await stream.SendAsync(new DeltaDiscoveryResponse { TypeUrl = ResourceTypes.Authorization, Nonce = "2" });
        Assert.Null((await stream.ReadAsync()).ErrorDetail);
        Assert.False(client.Synced.IsCompleted);
        refusing = false;
        await stream.SendAsync(Response("3", ("a", "1", "x")));
        Assert.Null((await stream.ReadAsync()).ErrorDetail);
        await client.Synced.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_sink_that_fails_refuses_the_response_and_the_client_goes_on()
    {
        var sink = new RecordingSink();
        Start(new DeltaSubscription(ResourceTypes.Address, sink));
        var stream = await AcceptAsync();
        await stream.SendAsync(Response("1", ("a", "1", "x"), ("b", "1", "x")));
        Assert.Null((await stream.ReadAsync()).ErrorDetail);

        sink.BeforeApply = () => throw new InvalidOperationException("out of order");
        var removing = Response("2", ("a", "2", "x"));
        removing.RemovedResources.Add("b");
        await stream.SendAsync(removing);
        Assert.Equal("a: cannot be applied: out of order; b: cannot be applied: out of order", (await stream.ReadAsync()).ErrorDetail.Message);
        sink.BeforeApply = null;
        stream.End();
        var again = await AcceptAsync(held: "a= b=1");
        again.End();
    }

    [Fact]
    public async Task A_type_that_nobody_asked_for_is_accepted_and_dropped()
    {
        Start(new DeltaSubscription(ResourceTypes.Address, new RecordingSink()));
        var stream = await AcceptAsync();
        await stream.SendAsync(new DeltaDiscoveryResponse { TypeUrl = "surprise", Nonce = "1" });
        var answer = await stream.ReadAsync();
        Assert.Equal(("surprise", "1", null), (answer.TypeUrl, answer.ResponseNonce, answer.ErrorDetail));
        await stream.SendAsync(Response("2", ("a", "1", "x")));
        await stream.ReadAsync();
        var text = await MetricsAsync();
        Assert.Contains("istio_xds_message_total{url=\"unknown\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains($"istio_xds_message_total{{url=\"{ResourceTypes.Address}\"}} 1\n", text, StringComparison.Ordinal);
        Assert.Contains($"istio_xds_message_bytes_total{{url=\"{ResourceTypes.Address}\"}} {Response("2", ("a", "1", "x")).CalculateSize()}\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task On_demand_waits_for_the_answer_under_whatever_name_it_comes()
    {
        var sink = new RecordingSink();
        var client = Start(new DeltaSubscription(ResourceTypes.Address, sink, OnDemand: true));
        await client.Synced.WaitAsync(TimeSpan.FromSeconds(10));
        var stream = await AcceptAsync();

        var byName = client.DemandAsync(ResourceTypes.Address, "pod-1", default);
        Assert.Equal(["pod-1"], (await stream.ReadAsync()).ResourceNamesSubscribe);
        var byAddress = client.DemandAsync(ResourceTypes.Address, "net/10.0.0.2", default);
        Assert.Equal(["net/10.0.0.2"], (await stream.ReadAsync()).ResourceNamesSubscribe);
        var twice = client.DemandAsync(ResourceTypes.Address, "net/10.0.0.2", default);
        var found = Response("1", ("pod-2", "1", "x"));
        found.Resources[0].Aliases.Add("net/10.0.0.2");
        found.RemovedResources.Add("pod-1");
        Assert.False(byName.IsCompleted);
        await stream.SendAsync(found);
        await Task.WhenAll(byName, byAddress, twice).WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(["pod-2"], sink.Held.Keys);
        Assert.Equal("1", (await stream.ReadAsync()).ResponseNonce);

        // A demand without answer is repeated on the next stream, but not one whose callers have all given up.
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        var waiting = client.DemandAsync(ResourceTypes.Address, "pod-3", default);
        Assert.Equal(["pod-3"], (await stream.ReadAsync()).ResourceNamesSubscribe);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.DemandAsync(ResourceTypes.Address, "pod-3", patience.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.DemandAsync(ResourceTypes.Address, "pod-4", patience.Token));
        stream.End(new GrpcException(GrpcStatus.Internal, "crash"));
        var again = await AcceptAsync(held: "pod-2=1 pod-3=");
        await again.SendAsync(Response("1", ("pod-3", "1", "x")));
        await waiting.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Demands_are_for_types_on_demand()
    {
        var client = Start(new DeltaSubscription(ResourceTypes.Address, new RecordingSink()));
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => client.DemandAsync(ResourceTypes.Address, "a", default));
        Assert.Contains("a need not be demanded", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_goes_and_comes_is_found_again_and_ends_are_counted_by_reason()
    {
        Start(new DeltaSubscription(ResourceTypes.Address, new RecordingSink()));
        var stream = await AcceptAsync();
        await stream.SendAsync(Response("1", ("a", "1", "x")));
        await stream.ReadAsync();
        stream.End();
        (await AcceptAsync(held: "a=1")).End(new GrpcException(GrpcStatus.Unavailable, "transport is closing"));
        (await AcceptAsync(held: "a=1")).End(new GrpcException(GrpcStatus.PermissionDenied, "not now"));
        await AcceptAsync(held: "a=1");

        var endpoint = _server.EndPoint;
        await _server.DisposeAsync();
        await EventuallyAsync(async () => (await MetricsAsync()).Contains("reason=\"ConnectionError\"", StringComparison.Ordinal));
        _server = await ScriptedServer.StartAsync(endpoint);
        await AcceptAsync(held: "a=1");
        var text = await MetricsAsync();
        Assert.Contains("istio_xds_connection_terminations_total{reason=\"Complete\"} 1\n", text, StringComparison.Ordinal);
        Assert.Matches("istio_xds_connection_terminations_total{reason=\"Reconnect\"} [12]\n", text);
        Assert.Matches("istio_xds_connection_terminations_total{reason=\"Error\"} [12]\n", text);
    }

    [Fact]
    public async Task A_token_that_is_not_there_yet_is_waited_for()
    {
        var file = Path.Combine(Path.GetTempPath(), $"ambient-token-{Guid.NewGuid():N}");
        try
        {
            _channel = new GrpcChannel(_server.Address, new GrpcChannelOptions
            {
                Metadata = async cancellation => [KeyValuePair.Create("authorization", $"Bearer {await File.ReadAllTextAsync(file, cancellation)}")],
            });
            Start(new DeltaSubscription(ResourceTypes.Address, new RecordingSink()));
            await EventuallyAsync(async () => (await MetricsAsync()).Contains("reason=\"ConnectionError\"", StringComparison.Ordinal));
            await File.WriteAllTextAsync(file, "abc");
            Assert.Equal("abc", (await AcceptAsync()).Context.BearerToken);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void Waits_double_up_to_the_limit_and_start_anew_after_a_stream_that_lasted()
    {
        var error = new GrpcException(GrpcStatus.Unavailable, "cannot connect");
        var shutdown = new GrpcException(GrpcStatus.Unavailable, "transport is closing");
        var backoff = new ReconnectBackoff(TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(100));
        double After(GrpcException? failure, int lasted = 0) => backoff.Next(failure, TimeSpan.FromMilliseconds(lasted)).TotalMilliseconds;

        Assert.Equal([10, 20, 40, 80, 100, 100], Enumerable.Range(0, 6).Select(_ => After(error, lasted: 99)));
        Assert.Equal(10, After(error, lasted: 100));
        Assert.Equal([10, 0, 10], [After(shutdown), After(null), After(shutdown)]);

        // A server that ends every stream at once must not be called a hundred times a second for ever.
        Assert.Equal([20, 40, 80, 100], [After(null), After(shutdown), After(null), After(null)]);
        Assert.Equal([0, 0, 0, 10], [After(null, lasted: 100), After(null), After(null), After(null)]);
    }

    [Theory]
    [InlineData(GrpcStatus.Unknown, "x", true)]
    [InlineData(GrpcStatus.Cancelled, "x", true)]
    [InlineData(GrpcStatus.DeadlineExceeded, "x", true)]
    [InlineData(GrpcStatus.Unavailable, "error: transport is closing", true)]
    [InlineData(GrpcStatus.Unavailable, "received prior goaway: code: NO_ERROR", true)]
    [InlineData(GrpcStatus.Unavailable, "cannot connect", false)]
    [InlineData(GrpcStatus.Unauthenticated, "no token", false)]
    public void Some_ends_are_part_of_a_servers_life(GrpcStatus status, string detail, bool expected)
    {
        var failure = new GrpcException(status, detail);
        Assert.Equal(expected, ReconnectBackoff.IsExpected(failure));
        Assert.Equal(expected ? "Reconnect" : "Error", ReconnectBackoff.ReasonOf(failure, connected: true));
        Assert.Equal("ConnectionError", ReconnectBackoff.ReasonOf(failure, connected: false));
        Assert.Equal("Complete", ReconnectBackoff.ReasonOf(null, connected: true));
    }

    [Fact]
    public async Task Client_and_server_of_ours_keep_in_step_through_random_changes_and_lost_streams()
    {
        await using var served = await ServedStore.StartAsync();
        var random = new Random(17);
        var sink = new RecordingSink();
        using var channel = served.Channel();
        var client = new DeltaClient(
            channel, new Node { Id = "z" }, [new DeltaSubscription(ResourceTypes.Address, sink)], NullLoggerFactory.Instance, new DeltaClientMetrics(_metrics));
        for (var life = 0; life < 4; life++)
        {
            using var stop = new CancellationTokenSource();
            var running = client.RunAsync(stop.Token);
            for (var change = 0; change < 50; change++)
            {
                served.Put([.. Enumerable.Range(0, random.Next(4)).Select(_ => $"{random.Next(30)}={random.Next(1000)}")]);
                served.Remove(random.Next(30).ToString(System.Globalization.CultureInfo.InvariantCulture));
                if (random.Next(5) == 0)
                {
                    await Task.Yield();
                }
            }

            var wanted = served.Store.Current[ResourceTypes.Address];
            await EventuallyAsync(() => Task.FromResult(
                sink.Held.Count == wanted.Count && wanted.Values.All(resource => sink.Held.TryGetValue(resource.Name, out var held) && held.Value == resource.Value)));
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);

            // While nobody listens.
            served.Put("1=while away", $"{life}={life}");
            served.Remove("2");
        }
    }

    private DeltaClient Start(params DeltaSubscription[] subscriptions)
    {
        _channel ??= new GrpcChannel(_server.Address);
        var client = new DeltaClient(
            _channel, new Node { Id = "z" }, subscriptions, NullLoggerFactory.Instance, new DeltaClientMetrics(_metrics));
        _running = client.RunAsync(_stop.Token);
        return client;
    }

    /// <summary>Takes a stream and its first request, which says that this is held (<c>name=version</c>, by name).</summary>
    private async Task<ScriptedServer.Stream> AcceptAsync(string held = "")
    {
        var stream = await _server.AcceptAsync();
        var first = await stream.ReadAsync();
        Assert.Equal("z", first.Node.Id);
        Assert.Equal(held, string.Join(' ', first.InitialResourceVersions.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}={entry.Value}")));
        return stream;
    }

    private static DeltaDiscoveryResponse Response(string nonce, params (string Name, string Version, string Value)[] resources) => new()
    {
        TypeUrl = ResourceTypes.Address,
        Nonce = nonce,
        Resources =
        {
            resources.Select(resource => new Resource
            {
                Name = resource.Name,
                Version = resource.Version,
                Resource_ = new Any { TypeUrl = ResourceTypes.Address, Value = ByteString.CopyFromUtf8(resource.Value) },
            }),
        },
    };

    private async Task<string> MetricsAsync()
    {
        using var output = new MemoryStream();
        await _metrics.WriteAsync(output, ExpositionFormat.PrometheusText);
        return Encoding.UTF8.GetString(output.ToArray());
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (!await condition())
        {
            await Task.Delay(10, limit.Token);
        }
    }
}
