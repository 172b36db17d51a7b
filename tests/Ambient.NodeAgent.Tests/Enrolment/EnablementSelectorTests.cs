using Ambient.Api.Kubernetes;
using Ambient.NodeAgent.Enrolment;

namespace Ambient.NodeAgent.Tests.Enrolment;

public sealed class EnablementSelectorTests
{
    private static readonly EnablementSelector Default = new(EnablementSelector.DefaultPairs, ["kube-system"]);

    /// <summary>Namespace's mode, pod's mode, enrolled?</summary>
    [Theory]
    [InlineData(null, null, false)]
    [InlineData("ambient", null, true)]
    [InlineData("ambient", "none", false)]
    [InlineData("ambient", "ambient", true)]
    [InlineData("ambient", "something", true)]
    [InlineData("none", "ambient", true)]
    [InlineData("none", null, false)]
    [InlineData(null, "ambient", true)]
    [InlineData(null, "none", false)]
    public void Labels_of_pod_and_namespace_decide(string? ns, string? pod, bool enrolled) =>
        Assert.Equal(enrolled, Default.Decide(Pod(pod), Namespace("shop", ns)).Enrol);

    [Fact]
    public void A_pod_on_the_nodes_network_is_never_enrolled() =>
        Assert.False(Default.Decide(Pod("ambient") with { Spec = new() { HostNetwork = true } }, Namespace("shop", "ambient")).Enrol);

    [Fact]
    public void A_pod_with_a_sidecar_is_never_enrolled()
    {
        var pod = Pod("ambient");
        pod = pod with { Metadata = pod.Metadata with { Annotations = new Dictionary<string, string> { ["sidecar.istio.io/status"] = "{}" } } };
        Assert.False(Default.Decide(pod, Namespace("shop", "ambient")).Enrol);
    }

    [Fact]
    public void Excluded_namespaces_stay_out() =>
        Assert.False(Default.Decide(Pod("ambient"), Namespace("kube-system", "ambient")).Enrol);

    [Fact]
    public void A_pair_needs_both_of_its_parts()
    {
        var pairs = EnablementSelector.Parse("""
            [{"podSelector": {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web", "api"]}]},
              "namespaceSelector": {"matchLabels": {"team": "a"}}}]
            """);
        var selector = new EnablementSelector(pairs, []);
        var pod = new Pod { Metadata = new() { Name = "p", Labels = new Dictionary<string, string> { ["tier"] = "api" } } };
        Assert.True(selector.Decide(pod, new() { Metadata = new() { Name = "n", Labels = new Dictionary<string, string> { ["team"] = "a" } } }).Enrol);
        Assert.False(selector.Decide(pod, new() { Metadata = new() { Name = "n" } }).Enrol);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("nonsense")]
    public void A_selector_that_is_no_list_is_refused_with_an_example(string text)
    {
        var failure = Assert.Throws<FormatException>(() => EnablementSelector.Parse(text));
        Assert.Contains("podSelector", failure.Message, StringComparison.Ordinal);
    }

    private static Pod Pod(string? mode) => new()
    {
        Metadata = new() { Name = "web-1", Namespace = "shop", Labels = Mode(mode) },
        Spec = new(),
    };

    private static Namespace Namespace(string name, string? mode) => new() { Metadata = new() { Name = name, Labels = Mode(mode) } };

    private static Dictionary<string, string>? Mode(string? mode) =>
        mode is null ? null : new Dictionary<string, string> { ["istio.io/dataplane-mode"] = mode };
}
