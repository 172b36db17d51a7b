using System.Diagnostics;
using System.Text.Json.Nodes;
using Ambient.Api.Discovery;
using Ambient.Xds.Delta;
using Ambient.Xds.Grpc;

namespace Ambient.ControlPlane.Tests.EndToEnd;

public sealed class DiscoveryTests
{
    [Fact]
    public async Task A_node_proxy_sees_the_recorded_session_and_resumes_it_after_a_restart()
    {
        var session = new RecordedSession();
        await using var api = await ApiUnderTest.StartAsync();
        await FillAsync(api, session.Start);

        // The API's own service was not in the recording.
        await api.Client.DeleteAsync(Ambient.Api.Kubernetes.ResourceKinds.Services, "default", "kubernetes");
        Dictionary<string, string> versions = [];
        await using (var app = await AppUnderTest.StartAsync(api))
        {
            var token = await api.TokenAsync("istio-system", "ztunnel", "ztunnel-abc12");
            await using var proxy = await ProxyUnderTest.ConnectAsync(api, app, token);
            await proxy.SubscribeAsync();
            await AssertPushesAsync("start", session.First, proxy, versions);
            foreach (var (what, pushes) in session.Steps)
            {
                await session.MakeAsync(what, api);

                await AssertPushesAsync(what, pushes, proxy, versions);
            }
        }

        await using (var app = await AppUnderTest.StartAsync(api))
        {
            var token = await api.TokenAsync("istio-system", "ztunnel", "ztunnel-abc12");
            await using var proxy = await ProxyUnderTest.ConnectAsync(api, app, token);
            await proxy.SubscribeAsync(versions);

            // As recorded: both types are answered, and nothing is sent again.
            foreach (var _ in Enumerable.Range(0, 2))
            {
                var answer = await proxy.NextAsync();
                Assert.Empty(answer.Resources);
                Assert.Empty(answer.RemovedResources);
            }
        }
    }

    [Fact]
    public async Task A_policy_reaches_proxies_well_within_a_second()
    {
        await using var api = await ApiUnderTest.StartAsync();
        await api.PutAsync("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}");
        await using var app = await AppUnderTest.StartAsync(api);
        await using var proxy = ProxyUnderTest.ConnectPlain(app.App.PlaintextEndPoint!);
        await proxy.SubscribeAsync();
        await proxy.NextAsync();
        await proxy.NextAsync();

        var watch = Stopwatch.StartNew();
        await api.PutAsync(Policy("\"80\""));
        var push = await proxy.NextAsync();

        Assert.InRange(watch.ElapsedMilliseconds, 0, 900);
        Assert.Equal("shop/p", Assert.Single(push.Resources).Name);
    }

    [Fact]
    public async Task A_policy_that_cannot_be_read_changes_nothing_and_its_condition_says_why()
    {
        await using var api = await ApiUnderTest.StartAsync();
        await api.PutAsync("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}");
        await api.PutAsync(Policy("\"80\""));
        await using var app = await AppUnderTest.StartAsync(api);
        await Until.TrueAsync(async () => await ConditionAsync(api) is { Status: "True", Reason: "Accepted" }, "the condition of the good policy");
        await using var proxy = ProxyUnderTest.ConnectPlain(app.App.PlaintextEndPoint!);
        await proxy.SubscribeAsync();
        await proxy.NextAsync();
        await proxy.NextAsync();

        await api.PutAsync(Policy("\"80\", eighty"));

        await Until.TrueAsync(async () => await ConditionAsync(api) is { Status: "False", Reason: "Invalid" }, "the condition of the bad policy");
        Assert.Contains("spec.rules[0].to[0].operation.ports: 'eighty'", (await ConditionAsync(api))!.Message, StringComparison.Ordinal);
        Assert.True(await proxy.IsSilentAsync(TimeSpan.FromMilliseconds(500)));
    }

    [Fact]
    public async Task Who_shows_no_token_or_a_wrong_one_or_is_another_node_is_refused()
    {
        await using var api = await ApiUnderTest.StartAsync();
        await FillAsync(api, new RecordedSession().Start.Where(resource => resource.Kind() is "Namespace" or "Pod"));
        await using var app = await AppUnderTest.StartAsync(api);

        Assert.Equal(GrpcStatus.Unauthenticated, await RefusalAsync(null));
        Assert.Equal(GrpcStatus.Unauthenticated, await RefusalAsync("not a token"));
        Assert.Equal(GrpcStatus.Unauthenticated, await RefusalAsync(await api.TokenAsync("istio-system", "ztunnel", audience: "someone-else")));
        Assert.Equal(GrpcStatus.Unauthenticated, await RefusalAsync(await api.TokenAsync("shop", "web")));

        async Task<GrpcStatus> RefusalAsync(string? token)
        {
            await using var proxy = await ProxyUnderTest.ConnectAsync(api, app, token);
            var refusal = await Assert.ThrowsAsync<GrpcException>(async () =>
            {
                await proxy.SubscribeAsync();
                await proxy.NextAsync();
            });
            return refusal.Status;
        }
    }

    private static async Task AssertPushesAsync(string what, IReadOnlyList<RecordedPush> recorded, ProxyUnderTest proxy, Dictionary<string, string> versions)
    {
        // Ours does not send a policy again whose selector alone has changed: what is sent is the same.
        var expected = recorded.Where(push => push.Type == "Address" || what != "the policy changes its selector").ToList();
        while (expected.Count > 0)
        {
            var response = await proxy.NextAsync();
            var push = expected.Single(push => push.Type == response.TypeUrl.Split('.')[^1]);
            expected.Remove(push);
            Assert.Equal(push.Removed.Order(StringComparer.Ordinal), response.RemovedResources.Order(StringComparer.Ordinal));
            Assert.Equal(push.Resources.Keys.Order(StringComparer.Ordinal), response.Resources.Select(resource => resource.Name).Order(StringComparer.Ordinal));
            foreach (var resource in response.Resources)
            {
                var ours = ProxyUnderTest.Recorded(resource);
                Assert.True(
                    JsonNode.DeepEquals(push.Resources[resource.Name], ours),
                    $"{what}: {resource.Name}\nrecorded {push.Resources[resource.Name].ToJsonString()}\nours     {ours.ToJsonString()}");

                // Ours has versions of authorizations too; those of addresses are the recorded ones.
                Assert.NotEmpty(resource.Version);
                Assert.True(push.Type != "Address" || push.Versions[resource.Name] == resource.Version, $"{what}: {resource.Name} has version {resource.Version}, recorded {push.Versions[resource.Name]}");
            }

            Remember(response, versions);
        }
    }

    private static void Remember(DeltaDiscoveryResponse response, Dictionary<string, string> versions)
    {
        if (response.TypeUrl != ResourceTypes.Address)
        {
            return;
        }

        foreach (var resource in response.Resources)
        {
            versions[resource.Name] = resource.Version;
        }

        foreach (var name in response.RemovedResources)
        {
            versions.Remove(name);
        }
    }

    internal static async Task FillAsync(ApiUnderTest api, IEnumerable<JsonObject> resources)
    {
        foreach (var resource in resources.OrderBy(resource => resource.Kind() == "Namespace" ? 0 : 1))
        {
            await api.PutAsync(resource);
        }
    }

    private static async Task<Ambient.Api.Kubernetes.Condition?> ConditionAsync(ApiUnderTest api) =>
        (await api.Client.GetAsync(Ambient.Api.Kubernetes.ResourceKinds.AuthorizationPolicies, "shop", "p"))
            .Status?.Conditions?.SingleOrDefault(condition => condition.Type == "ZtunnelAccepted");

    private static string Policy(string ports) => $$"""
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: p, namespace: shop}
        spec:
          rules:
          - to:
            - operation: {ports: [{{ports}}]}
        """;
}
