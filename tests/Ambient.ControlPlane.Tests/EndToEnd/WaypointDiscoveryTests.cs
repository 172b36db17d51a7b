using Ambient.Api.Discovery;
using Ambient.Api.Kubernetes;
using Ambient.Xds.Delta;
using Ambient.Xds.Grpc;
using Proto = Ambient.Api.Waypoints;

namespace Ambient.ControlPlane.Tests.EndToEnd;

/// <summary>Waypoints as clients: each gets its own configuration, and no other's, whatever it says of itself.</summary>
public sealed class WaypointDiscoveryTests : IAsyncLifetime
{
    private const string Front = "shop/web.shop.svc.cluster.local";
    private static readonly string[] OwnTypes = [ResourceTypes.WaypointAuthorization, ResourceTypes.WaypointService, ResourceTypes.Waypoint];

    private ApiUnderTest _api = null!;
    private AppUnderTest _app = null!;

    public async Task InitializeAsync()
    {
        _api = await ApiUnderTest.StartAsync();
        await _api.PutAsync(await File.ReadAllTextAsync(Manifest.Path("waypoint", "cluster.yaml")));
        await _api.PutAsync(Policy("shop", "front", "GET"));
        await _api.PutAsync(Policy("other", "egress", "PUT"));
        _app = await AppUnderTest.StartAsync(_api);
        await Until.TrueAsync(
            async () => await _api.Client.FindAsync(ResourceKinds.ServiceAccounts, "shop", "front") is not null
                && await _api.Client.FindAsync(ResourceKinds.ServiceAccounts, "other", "egress") is not null,
            "the waypoints' service accounts");
    }

    public async Task DisposeAsync()
    {
        await _app.DisposeAsync();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task A_waypoint_gets_its_own_and_then_what_changes_of_it()
    {
        await using var waypoint = await ProxyUnderTest.ConnectAsync(_api, _app, await _api.TokenAsync("shop", "front"));
        await waypoint.SubscribeAsWaypointAsync("shop", "front", OwnTypes);
        var first = new Dictionary<string, DeltaDiscoveryResponse>();
        foreach (var _ in OwnTypes)
        {
            var response = await waypoint.NextAsync();
            first[response.TypeUrl] = response;
        }

        Assert.Equal(["shop/front"], first[ResourceTypes.Waypoint].Resources.Select(resource => resource.Name));
        Assert.Equal(["shop/methods"], first[ResourceTypes.WaypointAuthorization].Resources.Select(resource => resource.Name));
        Assert.Equal(
            ["shop/web-v2.shop.svc.cluster.local", Front],
            first[ResourceTypes.WaypointService].Resources.Select(resource => resource.Name).Order(StringComparer.Ordinal));

        await _api.PutAsync(Route("{name: web-v2, port: 80}"));
        var routed = Service(await waypoint.NextAsync());
        Assert.Equal("shop/web-v2.shop.svc.cluster.local", Assert.Single(Assert.Single(routed.Routes).Forward.Backends).Service);

        // A service of another waypoint appears as a backend, with nothing of its own.
        await _api.PutAsync(Route("{name: stock, namespace: other, port: 80}"));
        var crossing = await waypoint.NextAsync();
        Assert.Equal(["other/stock.other.svc.cluster.local", Front], crossing.Resources.Select(resource => resource.Name).Order(StringComparer.Ordinal));
        Assert.False(Proto.Service.Parser.ParseFrom(crossing.Resources.Single(resource => resource.Name != Front).Resource_.Value).Bound);

        await _api.DeleteAsync(Manifest.Read(Route("{name: web, port: 80}")).Single());
        var gone = await waypoint.NextAsync();
        Assert.Equal(["other/stock.other.svc.cluster.local"], gone.RemovedResources);
        Assert.Empty(Service(gone).Routes);
    }

    [Fact]
    public async Task Nobody_gets_what_is_another_waypoints()
    {
        Assert.Equal(GrpcStatus.Unauthenticated, await RefusalAsync(await _api.TokenAsync("other", "egress"), "shop", "front"));
        Assert.Equal(GrpcStatus.Unauthenticated, await RefusalAsync(await _api.TokenAsync("shop", "default"), "shop", "front"));
        Assert.Equal(GrpcStatus.Unauthenticated, await RefusalAsync(null, "shop", "front"));
        Assert.Equal(GrpcStatus.Unavailable, await RefusalAsync(await _api.TokenAsync("shop", "front"), "shop", "no-such"));
    }

    [Fact]
    public async Task By_name_neither()
    {
        await using var waypoint = await ProxyUnderTest.ConnectAsync(_api, _app, await _api.TokenAsync("other", "egress"));
        await waypoint.SubscribeAsWaypointAsync("other", "egress", ResourceTypes.Waypoint);
        Assert.Equal(["other/egress"], (await waypoint.NextAsync()).Resources.Select(resource => resource.Name));

        foreach (var name in new[] { "shop/front", "shop/front\nshop/front" })
        {
            await waypoint.AskAsync(ResourceTypes.Waypoint, name);
            var answer = await waypoint.NextAsync();
            Assert.Empty(answer.Resources);
            Assert.Equal([name], answer.RemovedResources);
        }
    }

    [Fact]
    public async Task A_node_proxy_gets_nothing_of_any()
    {
        await using var plain = ProxyUnderTest.ConnectPlain(_app.App.PlaintextEndPoint!);
        await plain.SubscribeAsync();
        var policies = await AnswerAsync(plain, ResourceTypes.Authorization);
        Assert.DoesNotContain(policies.Resources, resource => resource.Name.EndsWith("/methods", StringComparison.Ordinal));

        foreach (var type in OwnTypes)
        {
            await plain.AskAsync(type);
            Assert.Empty((await AnswerAsync(plain, type)).Resources);
        }
    }

    /// <summary>The next response of a type; addresses may change meanwhile.</summary>
    private static async Task<DeltaDiscoveryResponse> AnswerAsync(ProxyUnderTest proxy, string type)
    {
        while (true)
        {
            if (await proxy.NextAsync() is var response && response.TypeUrl == type)
            {
                return response;
            }
        }
    }

    [Fact]
    public async Task The_debug_page_shows_what_each_gets()
    {
        var (status, body) = await _app.GetAsync(_app.App.MonitoringEndPoint, "/debug/waypointz");

        Assert.Equal(System.Net.HttpStatusCode.OK, status);
        var page = System.Text.Json.Nodes.JsonNode.Parse(body)!.AsObject();
        Assert.Equal(["other/egress", "shop/front"], page.Select(entry => entry.Key));
        Assert.Equal("GET", (string?)page["shop/front"]!["policies"]![0]!["rules"]![0]!["to"]![0]!["methods"]![0]!["exact"]);
    }

    private async Task<GrpcStatus> RefusalAsync(string? token, string ns, string gateway)
    {
        await using var proxy = await ProxyUnderTest.ConnectAsync(_api, _app, token);
        var refusal = await Assert.ThrowsAsync<GrpcException>(async () =>
        {
            await proxy.SubscribeAsWaypointAsync(ns, gateway, ResourceTypes.Waypoint);
            await proxy.NextAsync();
        });
        return refusal.Status;
    }

    private static Proto.Service Service(DeltaDiscoveryResponse response) =>
        Proto.Service.Parser.ParseFrom(response.Resources.Single(resource => resource.Name == Front).Resource_.Value);

    private static string Route(string backend) => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: there, namespace: shop}
        spec:
          parentRefs: [{group: "", kind: Service, name: web}]
          rules:
          - backendRefs: [{{backend}}]
        """;

    private static string Policy(string ns, string gateway, string method) => $$$"""
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: methods, namespace: {{{ns}}}}
        spec:
          targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: {{{gateway}}}}]
          rules: [{to: [{operation: {methods: [{{{method}}}]}}]}]
        """;
}
