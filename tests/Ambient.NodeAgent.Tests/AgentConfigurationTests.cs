namespace Ambient.NodeAgent.Tests;

public sealed class AgentConfigurationTests
{
    [Theory]
    [InlineData("AMBIENT_IPV6", "maybe", "true or false")]
    [InlineData("AMBIENT_VERIFY_INTERVAL_SECONDS", "0", "from 1 to 3600")]
    [InlineData("HOST_PROBE_SNAT_IP", "fd00::1", "169.254.7.127")]
    [InlineData("AMBIENT_ENABLEMENT_SELECTOR", "[", "matchLabels")]
    [InlineData("NODE_NAME", "", "name of the node")]
    public void A_bad_variable_is_named_with_its_remedy(string variable, string value, string remedy)
    {
        var failure = Assert.Throws<FormatException>(() => AgentConfiguration.Read(name => name == variable ? value : name == "NODE_NAME" ? "n1" : null));
        Assert.Contains(variable, failure.Message, StringComparison.Ordinal);
        Assert.Contains(remedy, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_the_nodes_name_is_required()
    {
        var configuration = AgentConfiguration.Read(name => name == "NODE_NAME" ? "n1" : null);
        Assert.Equal("/var/run/ztunnel/ztunnel.sock", configuration.ZdsPath);
        Assert.True(configuration.Capture.IPv6);
        Assert.False(configuration.Capture.Dns, "nobody answers captured DNS unless a DNS proxy is there");
    }
}
