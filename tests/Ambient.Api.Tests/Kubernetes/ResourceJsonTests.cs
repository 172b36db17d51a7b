using System.Text.Json;
using System.Text.Json.Nodes;
using Ambient.Api.Kubernetes;

namespace Ambient.Api.Tests.Kubernetes;

public sealed class ResourceJsonTests
{
    [Fact]
    public void A_resource_keeps_what_it_knows_and_skips_the_rest()
    {
        const string Json = """
            {"apiVersion": "v1", "kind": "Pod", "unheardOf": {"a": [1]},
             "metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": "web"}, "deletionTimestamp": "2026-01-02T03:04:05Z"},
             "spec": {"serviceAccountName": "web", "hostNetwork": true,
                      "containers": [{"name": "main", "ports": [{"name": "http", "containerPort": 8080}]}]},
             "status": {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}}
            """;
        var pod = JsonSerializer.Deserialize(Json, ResourceJson.Default.Pod)!;
        Assert.Equal("web", pod.Metadata.Label("app"));
        Assert.Equal(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), pod.Metadata.DeletionTimestamp);
        Assert.Equal(8080, pod.Spec!.Containers![0].Ports![0].Port);
        Assert.Equal(["10.0.0.1", "fd00::1"], pod.Status!.PodIPs!.Select(ip => ip.Ip));

        var written = JsonNode.Parse(JsonSerializer.Serialize(pod, ResourceJson.Default.Pod))!.AsObject();
        Assert.False(written.ContainsKey("unheardOf"));
        Assert.Equal(8080, (int)written["spec"]!["containers"]![0]!["ports"]![0]!["containerPort"]!);
        Assert.False(written["spec"]!.AsObject().ContainsKey("nodeName"), "what is not set is not written");
    }

    [Theory]
    [InlineData("8080")]
    [InlineData("\"http\"")]
    public void A_target_port_is_a_number_or_a_name(string json)
    {
        var port = JsonSerializer.Deserialize($$"""{"port": 80, "targetPort": {{json}}}""", ResourceJson.Default.ServicePort)!;
        var written = JsonNode.Parse(JsonSerializer.Serialize(port, ResourceJson.Default.ServicePort))!;
        Assert.Equal(json, written["targetPort"]!.ToJsonString());
    }

    [Fact]
    public void Paths_are_those_of_the_API()
    {
        Assert.Equal("/api/v1/namespaces/shop/pods/web-1", ResourceKinds.Pods.Path("shop", "web-1"));
        Assert.Equal("/api/v1/nodes/n1", ResourceKinds.Nodes.Path(null, "n1"));
        Assert.Equal("/apis/security.istio.io/v1/authorizationpolicies", ResourceKinds.AuthorizationPolicies.Path(null));
    }
}
