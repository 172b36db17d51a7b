using System.Net;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;

namespace Ambient.ApiServer.Tests;

/// <summary>Owners, namespaces, versions and the like, through our own client.</summary>
public sealed class LifecycleTests : IAsyncLifetime
{
    private const string Maps = "/api/v1/namespaces/default/configmaps";

    private ApiServer _server = null!;
    private KubernetesClient _client = null!;

    public async Task InitializeAsync()
    {
        _server = await ApiServer.StartAsync();
        _client = new KubernetesClient(_server.AdminConfig);
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Dependents_follow_their_last_owner()
    {
        var first = await CreateAsync("first");
        var second = await CreateAsync("second");
        await CreateAsync("both", first, second);
        await CreateAsync("one", first);
        await _client.DeleteJsonAsync($"{Maps}/first");
        Assert.False(await ExistsAsync("one"));
        var both = await _client.GetJsonAsync($"{Maps}/both");
        Assert.Equal("second", (string?)both["metadata"]!["ownerReferences"]!.AsArray().Single()!["name"]);
        await _client.DeleteJsonAsync($"{Maps}/second");
        Assert.False(await ExistsAsync("both"));
    }

    [Fact]
    public async Task An_owner_waits_for_its_dependents_when_asked_and_orphans_live_on()
    {
        var owner = await CreateAsync("owner");
        await CreateAsync("held", owner, finalizer: "example.com/hold");
        await _client.DeleteJsonAsync($"{Maps}/owner", new(PropagationPolicy: "Foreground"));
        Assert.NotNull((await _client.GetJsonAsync($"{Maps}/owner"))["metadata"]!["deletionTimestamp"]);
        Assert.NotNull((await _client.GetJsonAsync($"{Maps}/held"))["metadata"]!["deletionTimestamp"]);
        await _client.PatchJsonAsync($"{Maps}/held", JsonNode.Parse("""{"metadata":{"finalizers":null}}""")!, PatchType.Merge);
        Assert.False(await ExistsAsync("held"));
        Assert.False(await ExistsAsync("owner"));

        var parent = await CreateAsync("parent");
        await CreateAsync("child", parent);
        await _client.DeleteJsonAsync($"{Maps}/parent", new(PropagationPolicy: "Orphan"));
        Assert.False(await ExistsAsync("parent"));
        Assert.Null((await _client.GetJsonAsync($"{Maps}/child"))["metadata"]!["ownerReferences"]);
    }

    [Fact]
    public async Task An_object_made_for_an_owner_that_is_gone_goes_too()
    {
        var owner = await CreateAsync("gone");
        await _client.DeleteJsonAsync($"{Maps}/gone");
        await CreateAsync("late", owner);
        Assert.False(await ExistsAsync("late"));
    }

    [Fact]
    public async Task A_namespace_goes_when_the_last_object_in_it_has_gone()
    {
        await _client.SendJsonAsync(HttpMethod.Post, "/api/v1/namespaces", JsonNode.Parse("""{"metadata":{"name":"n"}}"""));
        Assert.True(await PathExistsAsync("/api/v1/namespaces/n/serviceaccounts/default"));
        Assert.True(await PathExistsAsync("/api/v1/namespaces/n/configmaps/kube-root-ca.crt"));
        await _client.SendJsonAsync(HttpMethod.Post, "/api/v1/namespaces/n/pods", JsonNode.Parse(
            """{"metadata":{"name":"p"},"spec":{"nodeName":"node-1","containers":[{"name":"c","image":"i:1"}]}}"""));
        await _client.DeleteJsonAsync("/api/v1/namespaces/n");
        var pod = await _client.GetJsonAsync("/api/v1/namespaces/n/pods/p");
        Assert.Equal(30, (int)pod["metadata"]!["deletionGracePeriodSeconds"]!);
        Assert.Equal("Terminating", (string?)(await _client.GetJsonAsync("/api/v1/namespaces/n"))["status"]!["phase"]);
        // What the kubelet does when the containers have ended.
        await _client.DeleteJsonAsync("/api/v1/namespaces/n/pods/p", new(GracePeriodSeconds: 0));
        Assert.False(await PathExistsAsync("/api/v1/namespaces/n"));
    }

    [Fact]
    public async Task Of_many_writers_of_one_version_one_wins()
    {
        var read = await CreateAsync("race");
        var version = (string)read["metadata"]!["resourceVersion"]!;
        var tries = Enumerable.Range(0, 20).Select(async number =>
        {
            var body = new JsonObject
            {
                ["metadata"] = new JsonObject { ["name"] = "race", ["resourceVersion"] = version },
                ["data"] = new JsonObject { ["winner"] = number.ToString() },
            };
            try
            {
                await _client.SendJsonAsync(HttpMethod.Put, $"{Maps}/race", body);
                return 1;
            }
            catch (KubernetesException error) when (error.IsConflict)
            {
                return 0;
            }
        });
        Assert.Equal(1, (await Task.WhenAll(tries)).Sum());
    }

    [Fact]
    public async Task Patches_without_a_version_all_arrive()
    {
        await CreateAsync("shared");
        await Task.WhenAll(Enumerable.Range(0, 20).Select(number => _client.PatchJsonAsync(
            $"{Maps}/shared", new JsonObject { ["data"] = new JsonObject { [$"k{number}"] = "1" } }, PatchType.Merge)));
        var data = (await _client.GetJsonAsync($"{Maps}/shared"))["data"]!.AsObject();
        Assert.Equal(20, data.Count(entry => entry.Key[0] == 'k'));
    }

    [Fact]
    public async Task History_is_bounded_and_what_is_forgotten_is_gone()
    {
        var start = (string)(await CreateAsync("busy"))["metadata"]!["resourceVersion"]!;
        for (var round = 0; round <= Storage.Bucket.HistoryLength; round++)
        {
            await _client.PatchJsonAsync(
                $"{Maps}/busy", new JsonObject { ["data"] = new JsonObject { ["v"] = round.ToString() } }, PatchType.Merge);
        }

        var expired = await Assert.ThrowsAsync<KubernetesException>(async () =>
        {
            await foreach (var change in _client.WatchAsync(ResourceKinds.ConfigMaps, "default", new() { ResourceVersion = start }))
            {
                Assert.Fail($"told of {change.Object.Metadata.Name}");
            }
        });
        Assert.True(expired.IsExpired);
        var list = await Assert.ThrowsAsync<KubernetesException>(
            () => _client.GetJsonAsync($"{Maps}?resourceVersion={start}&resourceVersionMatch=Exact"));
        Assert.Equal(HttpStatusCode.Gone, list.Status);
    }

    [Fact]
    public async Task Pages_show_one_moment()
    {
        for (var number = 0; number < 5; number++)
        {
            await CreateAsync($"page-{number}");
        }

        var first = await _client.ListPageAsync(ResourceKinds.ConfigMaps, "default", new() { PageSize = 3 }, null);
        await _client.DeleteJsonAsync($"{Maps}/page-4");
        await CreateAsync("page-9");
        var second = await _client.ListPageAsync(ResourceKinds.ConfigMaps, "default", new() { PageSize = 10 }, first.Continue);
        Assert.Equal(
            ["kube-root-ca.crt", "page-0", "page-1", "page-2", "page-3", "page-4"],
            first.Items.Concat(second.Items).Select(item => item.Metadata.Name));
    }

    [Fact]
    public async Task Services_get_addresses_of_both_families_and_give_them_back()
    {
        await using var server = await ApiServer.StartAsync(new()
        {
            ServiceRanges = [IPNetwork.Parse("10.96.0.0/24"), IPNetwork.Parse("fd00:10:96::/112")],
        });
        using var client = new KubernetesClient(server.AdminConfig);
        Task<JsonObject> Make(string name, string spec) => client.SendJsonAsync(
            HttpMethod.Post, "/api/v1/namespaces/default/services",
            JsonNode.Parse($$"""{"metadata":{"name":"{{name}}"},"spec":{"ports":[{"port":80}]{{spec}} } }"""));
        var both = await Make("both", ",\"ipFamilyPolicy\":\"PreferDualStack\"");
        var addresses = both["spec"]!["clusterIPs"]!.AsArray().Select(item => IPAddress.Parse((string)item!)).ToList();
        Assert.True(IPNetwork.Parse("10.96.0.0/24").Contains(addresses[0]));
        Assert.True(IPNetwork.Parse("fd00:10:96::/112").Contains(addresses[1]));
        var six = await Make("six", ",\"ipFamilies\":[\"IPv6\"]");
        Assert.Contains(':', (string)six["spec"]!["clusterIP"]!);
        var headless = await Make("headless", ",\"clusterIP\":\"None\"");
        Assert.Equal("None", (string?)headless["spec"]!["clusterIPs"]![0]);
        await Make("fixed", ",\"clusterIP\":\"10.96.0.77\"");
        var taken = await Assert.ThrowsAsync<KubernetesException>(() => Make("again", ",\"clusterIP\":\"10.96.0.77\""));
        Assert.Contains("already allocated", taken.Message, StringComparison.Ordinal);
        await client.DeleteJsonAsync("/api/v1/namespaces/default/services/fixed");
        await Make("again", ",\"clusterIP\":\"10.96.0.77\"");
    }

    [Fact]
    public async Task Without_credentials_only_health_is_told()
    {
        using var nobody = new KubernetesClient(new KubeConfig
        {
            Server = _server.Url,
            CertificateAuthorities = _server.AdminConfig.CertificateAuthorities,
        });
        var refused = await Assert.ThrowsAsync<KubernetesException>(() => nobody.GetJsonAsync("/api/v1/pods"));
        Assert.Equal(HttpStatusCode.Forbidden, refused.Status);
        Assert.Equal("1", (string?)(await nobody.GetJsonAsync("/version"))["major"]);
        using var distrustful = new KubernetesClient(new KubeConfig { Server = _server.Url });
        await Assert.ThrowsAsync<HttpRequestException>(() => distrustful.GetJsonAsync("/version"));
    }

    [Fact]
    public async Task A_body_that_is_too_large_or_broken_is_refused()
    {
        var large = new JsonObject { ["metadata"] = new JsonObject { ["name"] = "large" }, ["data"] = new JsonObject { ["x"] = new string('x', 4_000_000) } };
        var error = await Assert.ThrowsAsync<KubernetesException>(() => _client.SendJsonAsync(HttpMethod.Post, Maps, large));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, error.Status);
        var list = await Assert.ThrowsAsync<KubernetesException>(() => _client.SendJsonAsync(HttpMethod.Post, Maps, new JsonArray()));
        Assert.Equal(HttpStatusCode.BadRequest, list.Status);
    }

    private async Task<JsonObject> CreateAsync(string name, params JsonObject[] owners) => await CreateAsync(name, owners, null);

    private Task<JsonObject> CreateAsync(string name, JsonObject owner, string finalizer) => CreateAsync(name, [owner], finalizer);

    private Task<JsonObject> CreateAsync(string name, JsonObject[] owners, string? finalizer)
    {
        var metadata = new JsonObject { ["name"] = name };
        if (owners.Length > 0)
        {
            metadata["ownerReferences"] = new JsonArray([.. owners.Select(owner => (JsonNode)new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "ConfigMap",
                ["name"] = owner["metadata"]!["name"]!.DeepClone(),
                ["uid"] = owner["metadata"]!["uid"]!.DeepClone(),
            })]);
        }

        if (finalizer is not null)
        {
            metadata["finalizers"] = new JsonArray(finalizer);
        }

        return _client.SendJsonAsync(HttpMethod.Post, Maps, new JsonObject { ["metadata"] = metadata });
    }

    private Task<bool> ExistsAsync(string name) => PathExistsAsync($"{Maps}/{name}");

    private async Task<bool> PathExistsAsync(string path)
    {
        try
        {
            await _client.GetJsonAsync(path);
            return true;
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            return false;
        }
    }
}
