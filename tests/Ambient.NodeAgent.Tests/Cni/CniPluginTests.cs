using System.Text;
using System.Text.Json.Nodes;
using Ambient.NodeAgent.Cni;

namespace Ambient.NodeAgent.Tests.Cni;

/// <summary>The plugin as a container runtime meets it, without an agent behind it.</summary>
public sealed class CniPluginTests
{
    private const string Result = """{"cniVersion":"1.0.0","interfaces":[{"name":"eth0"}],"ips":[{"address":"10.1.2.3/24","gateway":"10.1.2.1","interface":0}]}""";

    [Fact]
    public async Task It_names_the_versions_it_speaks()
    {
        var (exit, output) = await RunAsync("VERSION", "{}");
        Assert.Equal(0, exit);
        Assert.Contains("1.0.0", output["supportedVersions"]!.AsArray().Select(version => (string?)version));
    }

    [Theory]
    [InlineData("DEL")]
    [InlineData("CHECK")]
    [InlineData("STATUS")]
    public async Task Verbs_that_change_nothing_succeed_in_silence(string verb)
    {
        var (exit, _) = await RunAsync(verb, "{}", expectOutput: false);
        Assert.Equal(0, exit);
    }

    [Fact]
    public async Task Without_an_agent_a_pod_does_not_start()
    {
        var (exit, output) = await RunAsync("ADD", Configuration());
        Assert.Equal(1, exit);
        Assert.Equal(11, (int)output["code"]!);
        Assert.Contains("shop/web-1", (string?)output["msg"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_pod_passes_with_the_result_of_the_chain()
    {
        var (exit, output) = await RunAsync("ADD", Configuration(), arguments: "IgnoreUnknown=1");
        Assert.Equal(0, exit);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Result), output));
    }

    [Fact]
    public async Task The_agents_own_pod_passes_without_the_agent()
    {
        var (exit, _) = await RunAsync("ADD", Configuration(), arguments: "K8S_POD_NAMESPACE=istio-system;K8S_POD_NAME=istio-cni-node-abc");
        Assert.Equal(0, exit);
    }

    [Theory]
    [InlineData("ADD", "not json", 7)]
    [InlineData("DANCE", "{}", 100)]
    public async Task A_call_that_cannot_be_meant_is_refused_in_the_protocols_words(string verb, string input, int code)
    {
        var (exit, output) = await RunAsync(verb, input);
        Assert.Equal(1, exit);
        Assert.Equal(code, (int)output["code"]!);
        Assert.NotEmpty((string?)output["msg"] ?? "");
    }

    private static string Configuration() => $$"""
        {"cniVersion": "1.0.0", "name": "pods", "type": "istio-cni", "ambient_enabled": true, "pod_namespace": "istio-system",
         "cni_agent_run_dir": "/nonexistent-{{Guid.NewGuid():N}}", "exclude_namespaces": ["kube-system"], "prevResult": {{Result}}}
        """;

    private static async Task<(int Exit, JsonNode Output)> RunAsync(
        string verb, string input, string arguments = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1", bool expectOutput = true)
    {
        var environment = new Dictionary<string, string?> { ["CNI_COMMAND"] = verb, ["CNI_ARGS"] = arguments, ["CNI_NETNS"] = "/var/run/netns/x" };
        using var output = new StringWriter();
        using var stdin = new MemoryStream(Encoding.UTF8.GetBytes(input));
        var exit = await new CniPlugin(environment.GetValueOrDefault, stdin, output).RunAsync(default);
        return (exit, expectOutput ? JsonNode.Parse(output.ToString())! : new JsonObject());
    }
}
