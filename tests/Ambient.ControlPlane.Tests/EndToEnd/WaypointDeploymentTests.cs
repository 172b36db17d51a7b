using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;
using Ambient.Kubernetes;

namespace Ambient.ControlPlane.Tests.EndToEnd;

/// <summary>What a Gateway of the waypoints' class stands for, through a real API: made, kept, told of, and gone with it.</summary>
public sealed class WaypointDeploymentTests : IAsyncLifetime
{
    private const string Gateway = """
        apiVersion: v1
        kind: Namespace
        metadata: {name: shop}
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: front, namespace: shop}
        spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
        """;

    private ApiUnderTest _api = null!;
    private AppUnderTest _app = null!;

    public async Task InitializeAsync()
    {
        _api = await ApiUnderTest.StartAsync();
        _app = await AppUnderTest.StartAsync(_api, "--waypointImage", "example/waypoint:1");
        await _api.PutAsync(Gateway);
        await Until.TrueAsync(async () => await DeploymentAsync() is not null && await ServiceAsync() is not null && await AccountAsync() is not null, "the waypoint's objects");
    }

    public async Task DisposeAsync()
    {
        await _app.DisposeAsync();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task The_deployment_runs_the_waypoint_as_its_own_account()
    {
        var pod = (await DeploymentAsync())!.Spec!.Template!.Spec!;

        Assert.Equal("front", pod.ServiceAccountName);
        var container = Assert.Single(pod.Containers!);
        Assert.Equal("example/waypoint:1", container.Image);
        Assert.Equal("front", container.Env!.Single(variable => variable.Name == "GATEWAY_NAME").Value);
        var owner = Assert.Single((await DeploymentAsync())!.Metadata.OwnerReferences!);
        Assert.Equal(("Gateway", "front"), (owner.Kind, owner.Name));
    }

    [Fact]
    public async Task What_somebody_changes_or_deletes_is_put_right()
    {
        await _api.Client.PatchAsync(
            ResourceKinds.Deployments, "shop", "front",
            JsonNode.Parse("""{"spec": {"template": {"spec": {"serviceAccountName": "default"}}}}""")!.AsObject(), PatchType.Merge);
        await Until.TrueAsync(async () => (await DeploymentAsync())?.Spec?.Template?.Spec?.ServiceAccountName == "front", "the changed deployment to be put right");

        await _api.Client.DeleteAsync(ResourceKinds.Services, "shop", "front");
        await _api.Client.DeleteAsync(ResourceKinds.ServiceAccounts, "shop", "front");
        await _api.Client.DeleteAsync(ResourceKinds.Deployments, "shop", "front");
        await Until.TrueAsync(async () => await DeploymentAsync() is not null && await ServiceAsync() is not null && await AccountAsync() is not null, "what was deleted to be back");
    }

    [Fact]
    public async Task It_is_programmed_once_an_endpoint_is_ready_and_stays_where_it_is()
    {
        await Until.TrueAsync(async () => await ProgrammedAsync() is { Status: "False", Reason: "AddressNotAssigned" }, "the status of a waypoint without endpoints");

        await _api.PutAsync(Slice(ready: true));
        await Until.TrueAsync(async () => await ProgrammedAsync() is { Status: "True" }, "the status of a ready waypoint");
        var addresses = (await StatusAsync())!.Addresses!;
        Assert.Contains(addresses, address => address is { Type: "Hostname", Value: "front.shop.svc.cluster.local" });
        var own = (await ServiceAsync())!.Spec!.ClusterIP;
        Assert.Contains(addresses, address => address.Value == own);

        await _api.PutAsync(Slice(ready: false));
        await Task.Delay(500);
        Assert.Equal(addresses, (await StatusAsync())!.Addresses!);
    }

    [Fact]
    public async Task A_label_binds_a_service_and_its_status_says_so()
    {
        await _api.PutAsync("""
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: shop, labels: {istio.io/use-waypoint: front}}
            spec: {selector: {app: web}, ports: [{port: 80}]}
            """);
        await Until.TrueAsync(async () => await BoundAsync() is { Status: "False", Reason: "WaypointIsNotReady" }, "the condition of a service whose waypoint is not ready");

        await _api.PutAsync(Slice(ready: true));
        await Until.TrueAsync(async () => await BoundAsync() is { Status: "True", Reason: "WaypointAccepted" }, "the condition of a bound service");
    }

    [Fact]
    public async Task All_of_it_goes_with_the_gateway()
    {
        await _api.Client.DeleteAsync(ResourceKinds.Gateways, "shop", "front");

        await Until.TrueAsync(async () => await DeploymentAsync() is null && await ServiceAsync() is null && await AccountAsync() is null, "the waypoint's objects to be gone");
    }

    [Fact]
    public async Task Hosts_of_service_entries_get_addresses_that_stay()
    {
        await _api.PutAsync(Entry("pay", "pay.example.com"));
        await Until.TrueAsync(async () => (await EntryAsync("pay"))?.Status?.Addresses is { Count: 2 }, "the addresses of the entry");
        var first = (await EntryAsync("pay"))!.Status!.Addresses!;
        Assert.Equal(["240.240.0.1", "2001:2::1"], first.Select(address => address.Value));

        await _api.PutAsync(Entry("more", "more.example.com"));
        await Until.TrueAsync(async () => (await EntryAsync("more"))?.Status?.Addresses is { Count: 2 }, "the addresses of the second entry");
        Assert.Equal("240.240.0.2", (await EntryAsync("more"))!.Status!.Addresses![0].Value);
        Assert.Equal(first, (await EntryAsync("pay"))!.Status!.Addresses!);
    }

    private Task<Deployment?> DeploymentAsync() => _api.Client.FindAsync(ResourceKinds.Deployments, "shop", "front");

    private Task<Service?> ServiceAsync() => _api.Client.FindAsync(ResourceKinds.Services, "shop", "front");

    private Task<ServiceAccount?> AccountAsync() => _api.Client.FindAsync(ResourceKinds.ServiceAccounts, "shop", "front");

    private Task<ServiceEntry?> EntryAsync(string name) => _api.Client.FindAsync(ResourceKinds.ServiceEntries, "shop", name);

    private async Task<GatewayStatus?> StatusAsync() => (await _api.Client.FindAsync(ResourceKinds.Gateways, "shop", "front"))?.Status;

    private async Task<Condition?> ProgrammedAsync() => (await StatusAsync())?.Conditions?.SingleOrDefault(condition => condition.Type == "Programmed");

    private async Task<Condition?> BoundAsync() => (await _api.Client.FindAsync(ResourceKinds.Services, "shop", "web"))?.Status?.Conditions
        ?.SingleOrDefault(condition => condition.Type == "istio.io/WaypointBound");

    private static string Slice(bool ready) => $$$"""
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: front-1, namespace: shop, labels: {kubernetes.io/service-name: front}}
        addressType: IPv4
        endpoints: [{addresses: [10.9.9.1], conditions: {ready: {{{(ready ? "true" : "false")}}}}}]
        ports: [{name: mesh, port: 15008, protocol: TCP}]
        """;

    private static string Entry(string name, string host) => $$"""
        apiVersion: networking.istio.io/v1
        kind: ServiceEntry
        metadata: {name: {{name}}, namespace: shop}
        spec: {hosts: [{{host}}], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}
        """;
}
