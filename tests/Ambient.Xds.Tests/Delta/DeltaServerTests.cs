using Ambient.Api.Discovery;
using Ambient.Xds.Delta;
using Ambient.Xds.Grpc;
using Google.Protobuf;

namespace Ambient.Xds.Tests.Delta;

public sealed class DeltaServerTests
{
    [Fact]
    public async Task A_wildcard_client_gets_everything_then_what_changes()
    {
        await using var served = await ServedStore.StartAsync();
        served.Put("a=1", "b=1");
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync();
        await client.ExpectAsync("+a=1", "+b=1");
        served.Put("b=1", "c=1");
        await client.ExpectAsync("+c=1");
        served.Remove("a", "never there");
        await client.ExpectAsync("-a");
        served.Store.Apply(new ResourceChange(ResourceTypes.Address, [new DeltaResource("d", "1", ResourceTypes.Address, ByteString.Empty)], ["b"]));
        var last = await client.ExpectAsync("+d=1", "-b");
        Assert.Equal(ResourceTypes.Address, last.TypeUrl);
    }

    [Theory]
    [InlineData("*")]
    [InlineData("*", "extra")]
    public async Task A_star_is_a_wildcard_too(params string[] subscribe)
    {
        await using var served = await ServedStore.StartAsync();
        served.Put("a=1");
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync(subscribe);
        await client.ExpectAsync([.. subscribe.Contains("extra") ? ["+a=1", "-extra"] : new[] { "+a=1" }]);
        served.Put("b=1");
        await client.ExpectAsync("+b=1");
    }

    [Fact]
    public async Task A_client_that_comes_back_gets_only_what_it_lacks()
    {
        await using var served = await ServedStore.StartAsync();
        served.Put("same=1", "stale=2", "blank=1", "new=1");
        served.Put("unversioned=");
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync(null, null, ("same", "1"), ("stale", "1"), ("blank", ""), ("gone", "7"), ("unversioned", ""));
        await client.ExpectAsync("+blank=1", "+new=1", "+stale=2", "+unversioned=", "-gone");
    }

    [Fact]
    public async Task The_first_response_comes_even_if_there_is_nothing_to_say()
    {
        await using var served = await ServedStore.StartAsync();
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync();
        await client.ExpectAsync();
    }

    [Fact]
    public async Task A_nonce_of_an_earlier_stream_makes_no_answer_of_a_first_request()
    {
        await using var served = await ServedStore.StartAsync();
        await using var client = await RawClient.ConnectAsync(served);
        await client.SendAsync(new DeltaDiscoveryRequest { Node = new Node { Id = "z" }, TypeUrl = ResourceTypes.Address, ResponseNonce = "from before" });
        await client.ExpectAsync();
    }

    [Fact]
    public async Task Changes_wait_for_the_answer_and_then_come_together()
    {
        await using var served = await ServedStore.StartAsync();
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync();
        var first = await client.ReadAsync();
        served.Put("a=1");
        served.Put("b=1", "a=2");
        served.Put("c=1");
        served.Remove("c");
        await client.AcknowledgeAsync(first);
        await client.ExpectAsync("+a=2", "+b=1", "-c");
    }

    [Fact]
    public async Task An_old_nonce_answers_nothing()
    {
        await using var served = await ServedStore.StartAsync();
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync();
        var first = await client.ExpectAsync();
        served.Put("a=1");
        var second = await client.ReadAsync();
        await client.AcknowledgeAsync(first);
        served.Put("b=1");

        // Still unanswered: the next response is to this subscription, not a push of b.
        await client.SubscribeAsync("a");
        Assert.Equal(["+a=1"], RawClient.Summary(await client.ReadAsync()));
        await client.AcknowledgeAsync(second);
        Assert.Contains("pilot_xds_expired_nonce{type=\"wds\"} 2\n", await MetricsAsync(served, until: "pilot_xds_expired_nonce{type=\"wds\"} 2"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_is_counted_shown_and_not_answered()
    {
        await using var served = await ServedStore.StartAsync();
        served.Put("a=1");
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync();
        var response = await client.ReadAsync();
        await client.SendAsync(new DeltaDiscoveryRequest
        {
            TypeUrl = ResourceTypes.Address, ResponseNonce = response.Nonce, ErrorDetail = new Status { Message = "a: no port" },
        });
        Assert.Contains("pilot_total_xds_rejects{type=\"wds\"} 1\n", await MetricsAsync(served, until: "pilot_total_xds_rejects{"), StringComparison.Ordinal);
        var status = await EventuallyAsync(() => served.Server.Status.SingleOrDefault(status => status.Rejection is not null));
        Assert.Equal(("a: no port", false), (status.Rejection, status.Acknowledged));
        served.Put("b=1");
        await client.ExpectAsync("+b=1");
        await EventuallyAsync(() => served.Server.Status.SingleOrDefault(status => status.Acknowledged && status.Generation == 2));
    }

    [Fact]
    public async Task On_demand_begins_with_nothing_and_brings_what_is_asked_for()
    {
        await using var served = await ServedStore.StartAsync();
        served.Put(["net/10.0.0.1"], "pod-1=1");
        served.Put("pod-2=1");
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync(["*"], ["*"]);
        await client.ExpectAsync();

        await client.SubscribeAsync("net/10.0.0.1");
        var found = await client.ExpectAsync("+pod-1=1");
        Assert.Equal(["net/10.0.0.1"], found.Resources[0].Aliases);
        await client.SubscribeAsync("pod-3");
        await client.ExpectAsync("-pod-3");

        // What is not subscribed to is not pushed; what was unknown is, once it is there; what was found by alias is known by name.
        served.Put("pod-2=2");
        served.Put("pod-3=1");
        await client.ExpectAsync("+pod-3=1");
        served.Put("pod-1=2");
        await client.ExpectAsync("+pod-1=2");
        served.Remove("pod-1");
        await client.ExpectAsync("-pod-1");

        await client.SendAsync(new DeltaDiscoveryRequest { TypeUrl = ResourceTypes.Address, ResourceNamesUnsubscribe = { "pod-3" } });
        await client.SubscribeAsync("pod-4");
        await client.ExpectAsync("-pod-4");
        served.Put("pod-3=2");
        await client.SubscribeAsync("pod-2");
        await client.ExpectAsync("+pod-2=2");
    }

    [Fact]
    public async Task On_demand_goes_on_after_a_reconnect()
    {
        await using var served = await ServedStore.StartAsync();
        served.Put(["net/10.0.0.1"], "pod-1=1");
        served.Put("pod-2=1", "pod-3=2");
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync(["*"], ["*"], ("net/10.0.0.1", ""), ("pod-2", "1"), ("pod-3", "1"), ("pod-4", "1"));
        await client.ExpectAsync("+pod-1=1", "+pod-3=2", "-pod-4");
        served.Put("pod-2=2");
        await client.ExpectAsync("+pod-2=2");
    }

    [Fact]
    public async Task What_is_related_comes_along()
    {
        var options = new DeltaServerOptions
        {
            IsRelated = (resource, node, names) => node.Metadata?.Fields["NODE_NAME"].StringValue == "n1" && resource.Name.StartsWith("local-", StringComparison.Ordinal) && names.Count > 0,
        };
        await using var served = await ServedStore.StartAsync(options);
        served.Put("local-1=1", "far-1=1", "far-2=1");
        await using var client = await RawClient.ConnectAsync(served);
        await client.SendAsync(new DeltaDiscoveryRequest
        {
            Node = new Node { Id = "z", Metadata = new() { Fields = { ["NODE_NAME"] = new() { StringValue = "n1" } } } },
            TypeUrl = ResourceTypes.Address,
            ResourceNamesSubscribe = { "far-1", "*" },
            ResourceNamesUnsubscribe = { "*" },
        });
        await client.ExpectAsync("+far-1=1", "+local-1=1");
        served.Put("local-2=1", "far-3=1");
        await client.ExpectAsync("+local-2=1");
    }

    [Fact]
    public async Task Types_of_one_step_come_in_push_order_and_others_are_ignored()
    {
        await using var served = await ServedStore.StartAsync();
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync();
        await client.ExpectAsync();
        await client.SendAsync(new DeltaDiscoveryRequest { TypeUrl = "type.googleapis.com/none.Such" });
        await client.SendAsync(new DeltaDiscoveryRequest { TypeUrl = ResourceTypes.Authorization });
        await client.ExpectAsync();
        served.Store.Apply(
            new ResourceChange(ResourceTypes.Authorization, [new DeltaResource("ns/p", "", ResourceTypes.Authorization, ByteString.Empty)], []),
            new ResourceChange(ResourceTypes.Address, [new DeltaResource("a", "1", ResourceTypes.Address, ByteString.Empty)], []));
        Assert.Equal([ResourceTypes.Address, ResourceTypes.Authorization], [(await client.ExpectAsync("+a=1")).TypeUrl, (await client.ExpectAsync("+ns/p=")).TypeUrl]);
    }

    [Fact]
    public async Task A_large_state_arrives_whole()
    {
        await using var served = await ServedStore.StartAsync();
        var value = ByteString.CopyFrom(new byte[1000]);
        served.Store.Apply(new ResourceChange(
            ResourceTypes.Address, [.. Enumerable.Range(0, 20_000).Select(index => new DeltaResource($"name-{index}", "1", ResourceTypes.Address, value))], []));
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync();
        var response = await client.ReadAsync();
        Assert.Equal(20_000, response.Resources.Select(resource => resource.Name).Distinct().Count());
        Assert.All(response.Resources, resource => Assert.Equal(1000, resource.Resource_.Value.Length));
    }

    [Fact]
    public async Task A_client_that_takes_nothing_is_given_up()
    {
        await using var served = await ServedStore.StartAsync(new DeltaServerOptions { SendTimeout = TimeSpan.FromMilliseconds(300) });
        var value = ByteString.CopyFrom(new byte[1_000_000]);
        served.Store.Apply(new ResourceChange(
            ResourceTypes.Address, [.. Enumerable.Range(0, 50).Select(index => new DeltaResource($"{index}", "1", ResourceTypes.Address, value))], []));
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync();
        await EventuallyAsync(() => served.Server.OpenStreams == 1 ? "" : null);
        await EventuallyAsync(() => served.Server.OpenStreams == 0 ? "" : null);
        await Assert.ThrowsAsync<GrpcException>(client.ReadAsync);
    }

    [Theory]
    [InlineData(false, "z", GrpcStatus.Unavailable, "the control plane has not read the cluster yet; try again")]
    [InlineData(true, "", GrpcStatus.InvalidArgument, "the first request of a stream must have a node with an id")]
    [InlineData(true, "stranger", GrpcStatus.PermissionDenied, "not you")]
    public async Task Streams_are_refused_with_the_reason(bool synced, string node, GrpcStatus status, string detail)
    {
        await using var served = await ServedStore.StartAsync(
            admit: node => node.Id == "stranger" ? throw new GrpcException(GrpcStatus.PermissionDenied, "not you") : ResourceScope.Shared, synced: synced);
        await using var client = await RawClient.ConnectAsync(served);
        var failure = await Assert.ThrowsAsync<GrpcException>(async () =>
        {
            await client.SendAsync(new DeltaDiscoveryRequest { Node = new Node { Id = node }, TypeUrl = ResourceTypes.Address });
            await client.ReadAsync();
        });
        Assert.Equal((status, detail), (failure.Status, failure.Detail));
        Assert.Empty(served.Server.Status);
    }

    [Fact]
    public async Task Streams_and_names_are_bounded()
    {
        await using var served = await ServedStore.StartAsync(new DeltaServerOptions { MaxStreams = 1, MaxNamesPerStream = 3 });
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync(["*"], ["*"]);
        await client.ExpectAsync();
        await using (var second = await RawClient.ConnectAsync(served))
        {
            var refusal = await Assert.ThrowsAsync<GrpcException>(async () =>
            {
                await second.StartAsync();
                await second.ReadAsync();
            });
            Assert.Equal((GrpcStatus.ResourceExhausted, "1 streams are open, which is the limit"), (refusal.Status, refusal.Detail));
        }

        await client.SubscribeAsync("a", "b", "c", "d");
        var failure = await Assert.ThrowsAsync<GrpcException>(client.ReadAsync);
        Assert.Equal(GrpcStatus.ResourceExhausted, failure.Status);
        Assert.Contains("subscribe to * instead", failure.Detail, StringComparison.Ordinal);

        await using var third = await RawClient.ConnectAsync(served);
        await EventuallyAsync(() => served.Server.Status.Count == 0 ? "" : null);
        await third.StartAsync();
        await third.ExpectAsync();
    }

    [Fact]
    public async Task A_client_that_fell_too_far_behind_is_sent_back_to_the_start()
    {
        await using var served = await ServedStore.StartAsync();
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync();
        var first = await client.ReadAsync();
        for (var round = 0; round < 3; round++)
        {
            served.Put([.. Enumerable.Range(0, ResourceStore.MaxLoggedNames / 2).Select(index => $"{index}={round}")]);
        }

        await client.AcknowledgeAsync(first);
        var failure = await Assert.ThrowsAsync<GrpcException>(client.ReadAsync);
        Assert.Equal(GrpcStatus.Unavailable, failure.Status);
        Assert.StartsWith("transport is closing: ", failure.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_change_that_changes_nothing_makes_no_generation()
    {
        var store = new ResourceStore(ResourceTypes.Address);
        var resource = new DeltaResource("a", "1", ResourceTypes.Address, ByteString.CopyFromUtf8("x"));
        Assert.Equal(1, store.Apply(new ResourceChange(ResourceTypes.Address, [resource], [])).Generation);
        Assert.Equal(1, store.Apply(new ResourceChange(ResourceTypes.Address, [new DeltaResource("a", "1", ResourceTypes.Address, ByteString.CopyFromUtf8("x"))], ["b"])).Generation);
        Assert.Equal(2, store.Apply(new ResourceChange(ResourceTypes.Address, [], ["a"])).Generation);
        Assert.Contains("The store was made without type other", Assert.Throws<ArgumentException>(() => store.Apply(new ResourceChange("other", [], []))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "ef46db3751d8e999")]
    [InlineData("a", "d24ec4f1a98c6e5b")]
    [InlineData("abc", "44bc2cf5ad770999")]
    public void Versions_are_XXH64(string text, string version) => Assert.Equal(version, ContentVersion.Of(System.Text.Encoding.ASCII.GetBytes(text)));

    private static async Task<string> MetricsAsync(ServedStore served, string until) => await EventuallyAsync(() =>
    {
        using var output = new MemoryStream();
        served.Metrics.WriteAsync(output, Ambient.Telemetry.Metrics.ExpositionFormat.PrometheusText).GetAwaiter().GetResult();
        var text = System.Text.Encoding.UTF8.GetString(output.ToArray());
        return text.Contains(until, StringComparison.Ordinal) ? text : null;
    });

    private static async Task<T> EventuallyAsync<T>(Func<T?> look)
        where T : class
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (true)
        {
            if (look() is { } found)
            {
                return found;
            }

            await Task.Delay(5, limit.Token);
        }
    }
}
