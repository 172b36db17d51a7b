using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Derivation;

namespace Ambient.ControlPlane.Tests.Status;

/// <summary>What people are told of resources that waypoints carry out: the reason, and words that name the field or the remedy.</summary>
public sealed class WaypointConditionsTests
{
    [Theory]
    [InlineData("hosts: [web]\n  http: [{route: [{destination: {host: web}}]}]", true, "Accepted", "shop/web.shop.svc.cluster.local")]
    [InlineData("hosts: [nosuch]\n  http: [{route: [{destination: {host: web}}]}]", false, "TargetNotFound", "nosuch.shop.svc.cluster.local")]
    [InlineData("hosts: [stray.other.svc.cluster.local]\n  http: [{route: [{destination: {host: web}}]}]", false, "AncestorNotBound", "istio.io/use-waypoint")]
    [InlineData("hosts: [web]\n  http: [{route: [{destination: {host: web}, weight: -1}]}]", false, "Invalid", "spec.http[0].route: a weight is negative")]
    [InlineData("hosts: [web]\n  http: [{route: [{destination: {host: gone}}]}]", true, "PartiallyInvalid", "spec.http[0].route[0].destination.host: there is no service gone.shop.svc.cluster.local")]
    [InlineData("hosts: [web]\n  http: [{delegate: {name: x}}]", true, "PartiallyInvalid", "spec.http[0].delegate: there is no VirtualService shop/x without hosts; the rule answers 500")]
    [InlineData("hosts: [web]\n  http: [{match: [{sourceLabels: {a: b}}], route: [{destination: {host: web}}]}]", true, "PartiallyInvalid", "spec.http[0].match[0].sourceLabels is not supported: the match never holds")]
    [InlineData("hosts: [web]\n  http: [{corsPolicy: {}, route: [{destination: {host: web}}]}]", true, "PartiallyInvalid", "spec.http[0].corsPolicy is not supported")]
    [InlineData("hosts: [web]\n  http: [{headers: {request: {set: {'a b': c}}}, route: [{destination: {host: web}}]}]", true, "PartiallyInvalid", "'a b'")]
    [InlineData("hosts: [web]\n  tcp: [{route: [{destination: {host: web}}]}]", true, "PartiallyInvalid", "spec.tls and spec.tcp is not supported")]
    public void A_virtual_service_says_what_became_of_it(string spec, bool holds, string reason, string words)
    {
        var state = Changes("networking.istio.io/v1", "VirtualService", spec).VirtualServices["shop/x"]!;

        Assert.Equal((holds, reason), (state.Holds, state.Reason));
        Assert.Contains(words, state.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_virtual_service_for_gateways_nothing_is_said() =>
        Assert.Empty(Changes("networking.istio.io/v1", "VirtualService", "hosts: [web]\n  gateways: [edge]\n  http: [{route: [{destination: {host: web}}]}]").VirtualServices);

    [Theory]
    [InlineData("host: web", true, "Accepted", "web.shop")]
    [InlineData("host: \"*.shop.svc.cluster.local\"", true, "Accepted", "web.shop")]
    [InlineData("host: nosuch", false, "TargetNotFound", "nosuch.shop.svc.cluster.local")]
    [InlineData("host: stray.other.svc.cluster.local", false, "AncestorNotBound", "istio.io/use-waypoint")]
    [InlineData("host: a b", false, "Invalid", "spec.host: 'a b' is no host")]
    [InlineData("host: web\n  trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}", true, "PartiallyInvalid", "spec.trafficPolicy.loadBalancer.consistentHash is not supported")]
    [InlineData("host: web\n  subsets: [{name: a, trafficPolicy: {tls: {mode: SIMPLE}}}]", true, "PartiallyInvalid", "spec.subsets[0].trafficPolicy.tls.mode SIMPLE is not supported: requests are refused")]
    public void A_destination_rule_says_what_became_of_it(string spec, bool holds, string reason, string words)
    {
        var state = Changes("networking.istio.io/v1", "DestinationRule", spec).DestinationRules["shop/x"]!;

        Assert.Equal((holds, reason), (state.Holds, state.Reason));
        Assert.Contains(words, state.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rules: [{to: [{operation: {methods: [GET]}}]}]", true, "Accepted", "Service web")]
    [InlineData("action: CUSTOM\n  provider: {name: opa}\n  rules: [{to: [{operation: {methods: [GET]}}]}]", false, "Invalid", "what its rules match is denied")]
    [InlineData("rules: [{from: [{source: {remoteIpBlocks: [10.0.0.0/8]}}]}]", true, "PartiallyInvalid", "spec.rules[0].from[0].source.remoteIpBlocks is not evaluated, so that the rule is left out")]
    [InlineData("action: DENY\n  rules: [{when: [{key: remote.ip, values: [10.0.0.0/8]}]}]", true, "PartiallyInvalid", "it denies more. Use source.ip")]
    [InlineData("rules: [{to: [{operation: {ports: [eighty]}}]}]", false, "Invalid", "'eighty'")]
    public void A_policy_says_what_a_waypoint_makes_of_it(string spec, bool holds, string reason, string words)
    {
        var state = Changes("security.istio.io/v1", "AuthorizationPolicy", "targetRefs: [{group: \"\", kind: Service, name: web}]\n  " + spec).Attachments["shop/x"]!;

        Assert.Equal((holds, reason), (state.Holds, state.Reason));
        Assert.Contains(words, state.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_version_that_is_wrong_leaves_the_one_before_in_force_and_says_so()
    {
        var model = Model();
        model.Apply(Resource("networking.istio.io/v1", "VirtualService", "hosts: [web]\n  http: [{route: [{destination: {host: web-v2}}]}]"));
        model.Settle();

        model.Apply(Resource("networking.istio.io/v1", "VirtualService", "hosts: [web]\n  http: [{redirect: {redirectCode: 200}}]"));
        var changes = model.Settle();

        Assert.Empty(changes.WaypointServices);
        Assert.Contains("The previous version stays in force.", changes.VirtualServices["shop/x"]!.Message, StringComparison.Ordinal);
    }

    private static MeshChanges Changes(string version, string kind, string spec)
    {
        var model = Model();
        model.Apply(Resource(version, kind, spec));
        return model.Settle();
    }

    private static MeshModel Model()
    {
        var model = Cluster.Model(File.ReadAllText(Manifest.Path("waypoint", "cluster.yaml")));
        var front = model.Inputs.Gateways.Items["shop/front"];
        model.Inputs.Gateways.Set("shop/front", front with { Status = new GatewayStatus { Addresses = [new GatewayAddress { Type = "Hostname", Value = "front.shop.svc.cluster.local" }] } });
        model.Apply("{apiVersion: v1, kind: Service, metadata: {name: stray, namespace: other}, spec: {clusterIP: 10.96.0.99, ports: [{port: 80}]}}");
        return model;
    }

    private static string Resource(string version, string kind, string spec) => $"""
        apiVersion: {version}
        kind: {kind}
        metadata: {"{name: x, namespace: shop}"}
        spec:
          {spec}
        """;
}
