using Ambient.Xds.Delta;
using Google.Protobuf;

namespace Ambient.Xds.Tests.Delta;

/// <summary>Resources of a scope are for its clients alone.</summary>
public sealed class ScopeTests
{
    [Fact]
    public async Task A_client_sees_what_is_shared_and_what_is_of_its_scope()
    {
        await using var served = await ServedStore.StartAsync(admit: _ => new ResourceScope("mine"));
        Put(served, "", "all", "1");
        Put(served, "mine", "x", "1");
        Put(served, "theirs", "x", "2");
        Put(served, "theirs", "y", "1");
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync();
        await client.ExpectAsync("+all=1", "+x=1");

        Put(served, "theirs", "x", "3");
        Put(served, "mine", "x", "2");
        await client.ExpectAsync("+x=2");

        Remove(served, "theirs", "x");
        Remove(served, "mine", "x");
        Put(served, "", "all", "2");
        var seen = new List<string>();
        while (seen.Count < 2)
        {
            var response = await client.ReadAsync();
            seen.AddRange(RawClient.Summary(response));
            await client.AcknowledgeAsync(response);
        }

        Assert.Equal(["+all=2", "-x"], seen.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task By_name_too()
    {
        await using var served = await ServedStore.StartAsync(admit: _ => new ResourceScope("mine"));
        Put(served, "mine", "x", "1");
        Put(served, "theirs", "x", "2");
        Put(served, "theirs", "y", "1");
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync(subscribe: ["x", "y", "theirs\ny"], unsubscribe: ["*"]);
        await client.ExpectAsync("+x=1", "-theirs\ny", "-y");

        Put(served, "theirs", "y", "2");
        Put(served, "mine", "y", "3");
        await client.ExpectAsync("+y=3");
    }

    [Fact]
    public async Task After_a_reconnect_what_is_anothers_counts_as_gone()
    {
        await using var served = await ServedStore.StartAsync(admit: _ => new ResourceScope("mine"));
        Put(served, "theirs", "x", "1");
        Put(served, "mine", "z", "1");
        await using var client = await RawClient.ConnectAsync(served);
        await client.StartAsync(held: [("x", "1"), ("z", "1")]);
        await client.ExpectAsync("-x");
    }

    private static void Put(ServedStore served, string scope, string name, string version) => served.Store.Apply(new ResourceChange(
        ResourceTypes.Address,
        [new DeltaResource(name, version, ResourceTypes.Address, ByteString.CopyFromUtf8($"{scope} {name} {version}"), scope: new ResourceScope(scope))],
        []));

    private static void Remove(ServedStore served, string scope, string name) =>
        served.Store.Apply(new ResourceChange(ResourceTypes.Address, [], [new ResourceScope(scope).KeyOf(name)]));
}
