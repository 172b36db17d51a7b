using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;

namespace Ambient.ControlPlane.Tests.Derivation;

/// <summary>What waypoints get is derived again only where a change concerns it: two hundred services with routes, subsets and policies.</summary>
public sealed class IncrementalWaypointsTests
{
    private const int Services = 200;
    private const int PodsOfEach = 5;
    private readonly MeshModel _model = new(new MeshSettings());

    public IncrementalWaypointsTests()
    {
        _model.Apply("""
            apiVersion: v1
            kind: Namespace
            metadata: {name: shop, labels: {istio.io/use-waypoint: front}}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: front, namespace: shop}
            spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
            """);
        for (var i = 0; i < Services; i++)
        {
            _model.Apply($$$"""
                apiVersion: v1
                kind: Service
                metadata: {name: s{{{i}}}, namespace: shop}
                spec: {clusterIP: 10.96.{{{i / 250}}}.{{{(i % 250) + 1}}}, selector: {app: s{{{i}}}}, ports: [{port: 80}]}
                ---
                apiVersion: gateway.networking.k8s.io/v1
                kind: HTTPRoute
                metadata: {name: r{{{i}}}, namespace: shop}
                spec:
                  parentRefs: [{group: "", kind: Service, name: s{{{i}}}}]
                  rules: [{backendRefs: [{name: s{{{(i + 1) % Services}}}, port: 80}]}]
                ---
                apiVersion: networking.istio.io/v1
                kind: DestinationRule
                metadata: {name: d{{{i}}}, namespace: shop}
                spec: {host: s{{{i}}}, subsets: [{name: a, labels: {version: a}}, {name: b, labels: {version: b}}]}
                ---
                apiVersion: security.istio.io/v1
                kind: AuthorizationPolicy
                metadata: {name: p{{{i}}}, namespace: shop}
                spec: {targetRefs: [{group: "", kind: Service, name: s{{{i}}}}], rules: [{to: [{operation: {methods: [GET]} }]}]}
                """);
            for (var j = 0; j < PodsOfEach; j++)
            {
                Put(i, j, ready: true);
            }
        }

        var first = _model.Settle();
        Assert.Equal((Services, Services), (first.WaypointServices.Count, first.WaypointAuthorizations.Count));
    }

    [Fact]
    public void A_pod_that_becomes_unready_touches_itself_and_the_membership_of_its_subsets()
    {
        Put(7, 3, ready: false);

        var changes = _model.Settle();

        Assert.Equal(2, changes.Derivations);
        Assert.Single(changes.Addresses);
        Assert.Empty(changes.WaypointServices);
    }

    [Fact]
    public void A_pod_that_is_new_changes_its_own_service_and_no_other()
    {
        Put(7, PodsOfEach, ready: true);

        var changes = _model.Settle();

        // The pod, the membership, the service for its waypoint.
        Assert.Equal(3, changes.Derivations);
        var (_, service) = Assert.Single(changes.WaypointServices);
        Assert.Equal("s7.shop.svc.cluster.local", service!.Resource.Hostname);
    }

    [Fact]
    public void A_route_changes_the_services_that_it_is_for_and_sends_to()
    {
        _model.Apply("""
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: r7, namespace: shop}
            spec:
              parentRefs: [{group: "", kind: Service, name: s7}]
              rules: [{backendRefs: [{name: s9, port: 80}]}]
            """);

        var changes = _model.Settle();

        // The route compiled, filed and its status; its service, what it sent to and what it sends to now, of which one comes out different.
        Assert.Equal(6, changes.Derivations);
        Assert.Equal(["shop/s7.shop.svc.cluster.local"], changes.WaypointServices.Values.Select(service => service!.Name));
    }

    [Fact]
    public void A_policys_rules_change_the_policy_alone()
    {
        _model.Apply("""
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: p7, namespace: shop}
            spec: {targetRefs: [{group: "", kind: Service, name: s7}], rules: [{to: [{operation: {methods: [PUT]}}]}]}
            """);

        var changes = _model.Settle();

        Assert.Equal(["shop/p7"], changes.WaypointAuthorizations.Values.Select(policy => policy!.Name));
        Assert.Empty(changes.WaypointServices);
        Assert.InRange(changes.Derivations, 1, 6);
    }

    [Fact]
    public void A_new_service_costs_the_same_however_many_there_are()
    {
        _model.Apply("{apiVersion: v1, kind: Service, metadata: {name: more, namespace: shop}, spec: {clusterIP: 10.96.9.9, ports: [{port: 80}]}}");

        var changes = _model.Settle();

        Assert.Single(changes.WaypointServices);
        Assert.InRange(changes.Derivations, 1, 8);
    }

    private void Put(int service, int pod, bool ready) => _model.Inputs.Pods.Set($"shop/s{service}-{pod}", new Pod
    {
        Metadata = new ObjectMeta
        {
            Name = $"s{service}-{pod}",
            Namespace = "shop",
            Labels = new Dictionary<string, string> { ["app"] = $"s{service}", ["version"] = pod % 2 == 0 ? "a" : "b" },
        },
        Spec = new PodSpec { NodeName = "node-1", ServiceAccountName = "default" },
        Status = new PodStatus { Phase = "Running", PodIP = $"10.{service}.0.{pod + 1}", Conditions = [new Condition { Type = "Ready", Status = ready ? "True" : "False" }] },
    });
}
