using Ambient.Proxy.Configuration;
using Ambient.Waypoint.Configuration;
using Ambient.Waypoint.Discovery;

namespace Ambient.Waypoint.Tests.Configuration;

public sealed class WaypointEnvironmentTests
{
    /// <summary>What the Deployment of a waypoint gives its container.</summary>
    private static readonly Dictionary<string, string> Deployed = new()
    {
        ["NODE_NAME"] = "node-1",
        ["POD_NAME"] = "waypoint-1",
        ["POD_NAMESPACE"] = "shop",
        ["INSTANCE_IP"] = "10.1.2.3",
        ["SERVICE_ACCOUNT"] = "waypoint",
        ["GATEWAY_NAME"] = "gate",
        ["XDS_ADDRESS"] = "https://istiod.istio-system.svc:15012",
        ["CA_ADDRESS"] = "https://istiod.istio-system.svc:15012",
        ["TRUST_DOMAIN"] = "example.org",
        ["NETWORK"] = "",
        ["ISTIO_META_CLUSTER_ID"] = "Kubernetes",
        ["TERMINATION_GRACE_PERIOD_SECONDS"] = "30",
    };

    [Fact]
    public void The_environment_of_a_deployed_waypoint_says_who_it_is_and_how_long_it_may_drain()
    {
        var configuration = WaypointEnvironment.Read(Deployed);
        Assert.Equal("spiffe://example.org/ns/shop/sa/waypoint", configuration.Identity.ToString());
        Assert.Equal("shop/waypoint-1 (service account waypoint)", configuration.Workload.ToString());
        Assert.Equal(("gate", 15008, TimeSpan.FromSeconds(25)), (configuration.Gateway, configuration.HbonePort, configuration.TerminationDeadline));
        Assert.Equal("https://istiod.istio-system.svc:15012/", configuration.XdsAddress!.ToString());
    }

    [Fact]
    public void The_control_plane_is_told_whose_waypoint_it_is()
    {
        var node = WaypointNode.Of(WaypointEnvironment.Read(Deployed));
        Assert.Equal("waypoint~10.1.2.3~waypoint-1.shop~shop.svc.cluster.local", node.Id);
        Assert.Equal("shop waypoint gate Kubernetes node-1", string.Join(' ', new[] { "NAMESPACE", "SERVICE_ACCOUNT", "GATEWAY_NAME", "CLUSTER_ID", "NODE_NAME" }
            .Select(field => node.Metadata.Fields[field].StringValue)));
    }

    [Fact]
    public void Istios_names_of_the_same_things_are_taken()
    {
        var variables = new Dictionary<string, string>(Deployed) { ["CA_ADDR"] = "istiod.istio-system.svc:15012", ["ISTIO_META_WORKLOAD_NAME"] = "gate" };
        variables.Remove("CA_ADDRESS");
        variables.Remove("GATEWAY_NAME");
        var configuration = WaypointEnvironment.Read(variables);
        Assert.Equal("https://istiod.istio-system.svc:15012/", configuration.CaAddress!.ToString());
        Assert.Equal("gate", configuration.Gateway);
    }

    [Fact]
    public void What_is_missing_is_named_all_at_once_with_the_remedy()
    {
        var wrong = Assert.Throws<ConfigurationException>(() => WaypointEnvironment.Read(new Dictionary<string, string> { ["WAYPOINT_WORKER_THREADS"] = "many", ["LOCAL_XDS"] = "{}" }));
        Assert.Equal(
            ["WAYPOINT_WORKER_THREADS", "POD_NAME", "POD_NAMESPACE", "SERVICE_ACCOUNT", "GATEWAY_NAME", "LOCAL_XDS"],
            wrong.Problems.Select(problem => problem.Split(' ', '=')[0]));
        Assert.Contains("fieldRef spec.serviceAccountName", wrong.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", null)]
    [InlineData("waypoint --domain shop.svc.cluster.local --serviceCluster waypoint.shop", null)]
    [InlineData("waypoint --proxyLogLevel=warning", null)]
    [InlineData("sidecar", "'sidecar' is no role of this program; write: proxy waypoint")]
    [InlineData("waypoint --domain", "--domain needs a value")]
    [InlineData("waypoint --concurrency 2", "'--concurrency' is no option; the options are --domain, --serviceCluster, --proxyLogLevel, --proxyComponentLogLevel, --log_output_level")]
    public void Arguments_are_taken_as_deployments_give_them_and_others_refused_by_name(string arguments, string? problem) =>
        Assert.Equal(problem, CommandLine.Check(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
}
