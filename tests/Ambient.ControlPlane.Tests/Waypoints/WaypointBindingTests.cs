using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Waypoints;

namespace Ambient.ControlPlane.Tests.Waypoints;

/// <summary>Who goes through which waypoint: labels, service accounts, readiness, and what changes re-derive.</summary>
public sealed class WaypointBindingTests
{
    private const string Ready = "status: {addresses: [{type: Hostname, value: NAME.shop.svc.cluster.local}]}";

    [Theory]
    [InlineData("", "", "", null)]
    [InlineData("istio.io/use-waypoint: one", "", "one", "WaypointAccepted")]
    [InlineData("istio.io/use-waypoint: one", "istio.io/use-waypoint: none", "", null)]
    [InlineData("istio.io/use-waypoint: one", "istio.io/use-waypoint: two", "two", "WaypointAccepted")]
    [InlineData("", "istio.io/use-waypoint: loads", "", "UnsupportedTrafficType")]
    [InlineData("istio.io/use-waypoint: loads", "", "", null)]
    [InlineData("istio.io/use-waypoint: one", "istio.io/use-waypoint: nosuch", "nosuch", "WaypointIsNotReady")]
    [InlineData("", "istio.io/use-waypoint: slow", "slow", "WaypointIsNotReady")]
    [InlineData("", "istio.io/use-waypoint: lax", "", "WaypointIsNotReady")]
    public void A_service_goes_through_the_waypoint_that_it_or_its_namespace_names(
        string onNamespace, string onService, string waypoint, string? reason)
    {
        var model = Model(onNamespace, Service("web", onService, "app: web"), Pod("web-1", "web", "app: web"));

        Assert.Equal(waypoint, Waypoint(model.Settle(), "shop/web.shop.svc.cluster.local"));
        Assert.Equal(reason, Condition(Model(onNamespace, Service("web", onService, "app: web")).Settle())?.Reason);
    }

    [Fact]
    public void What_is_refused_and_what_passes_is_said()
    {
        var refused = Condition(Model("istio.io/use-waypoint: slow", Service("web", "", "app: web")).Settle())!;
        var passes = Condition(Model("istio.io/use-waypoint: lax", Service("web", "", "app: web")).Settle())!;

        Assert.Contains("traffic is refused", refused.Message, StringComparison.Ordinal);
        Assert.Contains("traffic passes it by", passes.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Told_to_match_Istio_a_missing_waypoint_is_no_waypoint()
    {
        var model = new MeshModel(new MeshSettings { WaypointsFailOpen = true });
        model.Apply(Service("web", "istio.io/use-waypoint: nosuch", "app: web"));

        Assert.Equal("", Waypoint(model.Settle(), "shop/web.shop.svc.cluster.local"));
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("allowedRoutes: {namespaces: {from: Same}}", false)]
    [InlineData("allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}", true)]
    [InlineData("allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: b}}}}", false)]
    [InlineData("allowedRoutes: {namespaces: {from: All}}", true)]
    public void A_waypoint_of_another_namespace_admits_whom_its_listener_says(string allowed, bool admitted)
    {
        var home = allowed.Length == 0 ? "shop" : "infra";
        var model = new MeshModel(new MeshSettings());
        model.Apply($$"""
            {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a} } }
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata:
              name: shared
              namespace: {{home}}
            spec:
              listeners:
              - name: mesh
                port: 15008
                protocol: HBONE
                {{allowed}}
            {{Ready.Replace("NAME", "shared", StringComparison.Ordinal)}}
            """);
        model.Apply(Service("web", $"istio.io/use-waypoint: shared, istio.io/use-waypoint-namespace: {home}", "app: web"));

        var changes = model.Settle();

        Assert.Equal(admitted ? "shared" : "", Waypoint(changes, "shop/web.shop.svc.cluster.local"));
        Assert.Equal(admitted ? "WaypointAccepted" : "AttachmentDenied", Condition(changes)?.Reason);
    }

    [Fact]
    public void A_waypoint_for_a_service_account_takes_its_workloads_and_the_services_that_are_all_its_own()
    {
        var model = Model(
            "",
            Gateway("guard", "annotations: {istio.io/for-service-account: web}", Ready),
            Service("web", "", "app: web"),
            Service("mixed", "", "tier: front"),
            Service("other", "", "app: other"),
            Pod("web-1", "web", "app: web, tier: front"),
            Pod("other-1", "other", "app: other, tier: front"));

        var changes = model.Settle();

        Assert.Equal("guard", Waypoint(changes, "Kubernetes//Pod/shop/web-1"));
        Assert.Equal("", Waypoint(changes, "Kubernetes//Pod/shop/other-1"));
        Assert.Equal("guard", Waypoint(changes, "shop/web.shop.svc.cluster.local"));
        Assert.Equal("", Waypoint(changes, "shop/other.shop.svc.cluster.local"));
        Assert.Equal("", Waypoint(changes, "shop/mixed.shop.svc.cluster.local"));
        Assert.Equal("WaypointAccepted", Condition(changes)?.Reason);
        var mixed = Condition(changes, "shop/mixed")!;
        Assert.Equal((false, "MixedServiceAccounts"), (mixed.Holds, mixed.Reason));
        Assert.Contains("(other)", mixed.Message, StringComparison.Ordinal);
        Assert.Null(Condition(changes, "shop/other"));
    }

    [Fact]
    public void A_pod_of_another_account_ends_the_binding_of_a_service_and_its_departure_restores_it()
    {
        var model = Model(
            "",
            Gateway("guard", "annotations: {istio.io/for-service-account: web}", Ready),
            Service("web", "", "app: web"),
            Pod("web-1", "web", "app: web"));
        model.Settle();

        var stranger = Manifest.Read(Pod("stranger", "other", "app: web"))[0];
        model.Apply(stranger);
        Assert.Equal("", Waypoint(model.Settle(), "shop/web.shop.svc.cluster.local"));

        model.Remove(stranger);
        Assert.Equal("guard", Waypoint(model.Settle(), "shop/web.shop.svc.cluster.local"));
    }

    [Fact]
    public void A_label_goes_before_the_service_account_and_that_before_the_namespace()
    {
        var model = Model(
            "istio.io/use-waypoint: one",
            Gateway("guard", "annotations: {istio.io/for-service-account: web}", Ready),
            Service("web", "", "app: web"),
            Service("own", "istio.io/use-waypoint: two", "app: web"),
            Service("open", "istio.io/use-waypoint: none", "app: web"),
            Service("rest", "", "app: rest"),
            Pod("web-1", "web", "app: web"));

        var changes = model.Settle();

        Assert.Equal("guard", Waypoint(changes, "shop/web.shop.svc.cluster.local"));
        Assert.Equal("two", Waypoint(changes, "shop/own.shop.svc.cluster.local"));
        Assert.Equal("", Waypoint(changes, "shop/open.shop.svc.cluster.local"));
        Assert.Equal("one", Waypoint(changes, "shop/rest.shop.svc.cluster.local"));
    }

    [Fact]
    public void The_older_of_two_waypoints_for_one_account_has_it()
    {
        var model = Model(
            "",
            Gateway("young", "annotations: {istio.io/for-service-account: web}, creationTimestamp: \"2026-02-01T00:00:00Z\"", Ready),
            Gateway("zold", "annotations: {istio.io/for-service-account: web}, creationTimestamp: \"2026-01-01T00:00:00Z\"", Ready),
            Pod("web-1", "web", "app: web"));

        Assert.Equal("zold", Waypoint(model.Settle(), "Kubernetes//Pod/shop/web-1"));
    }

    [Fact]
    public void A_waypoint_that_becomes_ready_changes_only_what_goes_through_it()
    {
        var model = Model("", Service("web", "istio.io/use-waypoint: slow", "app: web"), Service("other", "", "app: other"));
        model.Settle();

        model.Apply(Gateway("slow", "", "status: {addresses: [{type: IPAddress, value: 10.0.0.9}]}"));
        var changes = model.Settle();

        Assert.Equal(["shop/web.shop.svc.cluster.local"], changes.Addresses.Keys);
        Assert.Equal(15008u, changes.Addresses.Values.Single()!.Service.Waypoint.HboneMtlsPort);
        Assert.Equal([10, 0, 0, 9], changes.Addresses.Values.Single()!.Service.Waypoint.Address.Address.ToByteArray());
        Assert.Equal("WaypointAccepted", Condition(changes)?.Reason);
    }

    private static MeshModel Model(string namespaceLabels, params string[] objects)
    {
        var model = new MeshModel(new MeshSettings());
        model.Apply($"{{apiVersion: v1, kind: Namespace, metadata: {{name: shop, labels: {{{namespaceLabels}}}}}}}");
        model.Apply(Gateway("one", "", Ready));
        model.Apply(Gateway("two", "", Ready));
        model.Apply(Gateway("loads", "labels: {istio.io/waypoint-for: workload}", Ready));
        model.Apply(Gateway("slow", "", ""));
        model.Apply(Gateway("lax", "annotations: {ambient.istio.io/waypoint-fail-open: \"true\"}", ""));
        foreach (var yaml in objects)
        {
            model.Apply(yaml);
        }

        return model;
    }

    private static string Gateway(string name, string metadata, string status) => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: { name: {{name}}, namespace: shop, {{metadata}} }
        spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
        {{status.Replace("NAME", name, StringComparison.Ordinal)}}
        """;

    private static string Service(string name, string labels, string selector) => $$"""
        apiVersion: v1
        kind: Service
        metadata: {name: {{name}}, namespace: shop, labels: { {{labels}} } }
        spec: {clusterIP: 10.96.0.1, selector: { {{selector}} }, ports: [{port: 80}]}
        """;

    private static string Pod(string name, string account, string labels) => $$"""
        apiVersion: v1
        kind: Pod
        metadata: {name: {{name}}, namespace: shop, labels: { {{labels}} } }
        spec:
          serviceAccountName: {{account}}
        status: {phase: Running, podIP: 10.9.0.1}
        """;

    private static string Waypoint(MeshChanges changes, string name)
    {
        var address = changes.Addresses[name]!;
        var waypoint = address.Service?.Waypoint ?? address.Workload?.Waypoint;
        return waypoint?.Hostname.Hostname.Split('.')[0] ?? "";
    }

    private static BindingCondition? Condition(MeshChanges changes, string key = "shop/web") => changes.Bindings[key]!.Binding.Condition;
}
