using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;

namespace Ambient.ControlPlane.Tests.Derivation;

/// <summary>A change costs what it concerns, however large the mesh is.</summary>
public sealed class IncrementalDerivationTests
{
    private const int Pods = 2000;
    private readonly MeshModel _model = new(new MeshSettings());

    public IncrementalDerivationTests()
    {
        for (var i = 0; i < Pods; i++)
        {
            _model.Inputs.Pods.Set($"shop/pod-{i}", PodOf(i, ready: true));
        }

        _model.Apply("""
            apiVersion: v1
            kind: Service
            metadata: {name: few, namespace: shop}
            spec: {clusterIP: 10.96.0.1, selector: {group: "7"}, ports: [{port: 80}]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: loose, namespace: shop}
            spec: {clusterIP: 10.96.0.2, ports: [{port: 80}]}
            """);
        Assert.Equal(Pods + 2, _model.Settle().Addresses.Count);
    }

    [Fact]
    public void One_pods_change_derives_one_pod()
    {
        _model.Inputs.Pods.Set("shop/pod-5", PodOf(5, ready: false));

        var changes = _model.Settle();

        Assert.Equal(1, changes.Derivations);
        Assert.Equal(["Kubernetes//Pod/shop/pod-5"], changes.Addresses.Keys);
    }

    [Fact]
    public void A_change_that_shows_in_no_output_is_no_change()
    {
        _model.Inputs.Pods.Set("shop/pod-5", PodOf(5, ready: true) with { Status = PodOf(5, true).Status! with { HostIP = "192.0.2.1" } });

        Assert.Empty(_model.Settle().Addresses);
    }

    [Fact]
    public void A_services_change_derives_it_and_the_pods_that_it_selects()
    {
        _model.Apply("""
            apiVersion: v1
            kind: Service
            metadata: {name: few, namespace: shop}
            spec: {clusterIP: 10.96.0.1, selector: {group: "7"}, ports: [{port: 81}]}
            """);

        var changes = _model.Settle();

        Assert.Equal((Pods / 100) + 1, changes.Addresses.Count);
        Assert.Equal(changes.Addresses.Count + 4, changes.Derivations); // and its waypoint, twice, its host, and what waypoints get of it
    }

    [Fact]
    public void A_services_end_takes_it_from_its_pods()
    {
        _model.Inputs.Services.Set("shop/few", null);

        var changes = _model.Settle();

        Assert.Null(changes.Addresses["shop/few.shop.svc.cluster.local"]);
        Assert.Empty(changes.Addresses["Kubernetes//Pod/shop/pod-7"]!.Workload.Services);
    }

    [Fact]
    public void A_policy_derives_the_pods_that_it_selects_and_its_rules_none()
    {
        Assert.Equal((Pods / 100) + 3, Policy("a").Derivations); // itself, whether waypoints take it, and what they get
        var rules = Policy("b");

        Assert.Empty(rules.Addresses);
        Assert.Equal(["shop/p"], rules.Authorizations.Keys);
    }

    [Fact]
    public void A_slice_of_a_service_without_selector_joins_the_pod_that_it_names()
    {
        _model.Inputs.EndpointSlices.Set("shop/loose-1", new EndpointSlice
        {
            Metadata = new ObjectMeta { Name = "loose-1", Namespace = "shop", Labels = new Dictionary<string, string> { ["kubernetes.io/service-name"] = "loose" } },
            Endpoints = [new Ambient.Api.Kubernetes.Endpoint { Addresses = ["10.0.0.9"], TargetRef = new ObjectReference { Kind = "Pod", Namespace = "shop", Name = "pod-9" } }],
        });

        var changes = _model.Settle();

        var (name, address) = Assert.Single(changes.Addresses);
        Assert.Equal("Kubernetes//Pod/shop/pod-9", name);
        Assert.Equal(["shop/loose.shop.svc.cluster.local"], address!.Workload.Services.Keys);
    }

    [Fact]
    public void A_pods_end_is_a_removal()
    {
        _model.Inputs.Pods.Set("shop/pod-3", null);

        var (name, address) = Assert.Single(_model.Settle().Addresses);

        Assert.Equal("Kubernetes//Pod/shop/pod-3", name);
        Assert.Null(address);
    }

    private MeshChanges Policy(string ns)
    {
        _model.Apply($$"""
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: p, namespace: shop}
            spec:
              selector:
                matchLabels: {group: "7"}
              rules:
              - from:
                - source:
                    namespaces: ["{{ns}}"]
            """);
        return _model.Settle();
    }

    private static Pod PodOf(int i, bool ready) => new()
    {
        Metadata = new ObjectMeta { Name = $"pod-{i}", Namespace = "shop", Labels = new Dictionary<string, string> { ["group"] = $"{i % 100}" } },
        Spec = new PodSpec { NodeName = "node-1", ServiceAccountName = "default" },
        Status = new PodStatus { Phase = "Running", PodIP = $"10.0.{i / 250}.{i % 250}", Conditions = [new Condition { Type = "Ready", Status = ready ? "True" : "False" }] },
    };
}
