using System.Net;
using Ambient.ControlPlane.Configuration;

namespace Ambient.ControlPlane.Tests.Configuration;

public sealed class OptionsReaderTests
{
    [Fact]
    public void Nothing_set_is_as_Istio_has_it()
    {
        var options = Read([]);

        Assert.Equal("istio-system", options.Namespace);
        Assert.Equal(("Kubernetes", "cluster.local"), (options.Mesh.ClusterId, options.Mesh.TrustDomain));
        Assert.Equal(["istio-ca"], options.TokenAudiences);
        Assert.Equal(["istio-system/ztunnel"], options.TrustedNodeAccounts);
        Assert.Equal(15012, options.SecureAddress.Port);
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 15010), options.PlaintextAddress);
        Assert.Contains("istiod.istio-system.svc", options.AllServingNames);
        Assert.Equal(TimeSpan.FromHours(24), options.Authority.Lifetimes.Default);
    }

    [Fact]
    public void A_flag_counts_more_than_a_variable()
    {
        var options = Read(["--clusterID=flag", "--grpcAddr", "none"], ("CLUSTER_ID", "variable"), ("POD_NAMESPACE", "mesh"));

        Assert.Equal("flag", options.Mesh.ClusterId);
        Assert.Null(options.PlaintextAddress);
        Assert.Equal(("mesh", "mesh"), (options.Mesh.RootNamespace, options.Authority.Namespace));
        Assert.Equal(["mesh/ztunnel"], options.TrustedNodeAccounts);
    }

    [Fact]
    public void Values_are_read()
    {
        var options = Read(
            [],
            ("DEFAULT_WORKLOAD_CERT_TTL", "1h30m"),
            ("PILOT_DEBOUNCE_AFTER", "5ms"),
            ("CA_TRUSTED_NODE_ACCOUNTS", ""),
            ("ISTIOD_CUSTOM_HOST", "mesh.example, 192.0.2.1"),
            ("SECURE_GRPC_ADDRESS", ":16012"),
            ("REVISION", "canary"));

        Assert.Equal(TimeSpan.FromMinutes(90), options.Authority.Lifetimes.Default);
        Assert.Equal(TimeSpan.FromMilliseconds(5), options.Feed.Quiet);
        Assert.Empty(options.TrustedNodeAccounts);
        Assert.Equal(["mesh.example", "192.0.2.1"], options.ServingNames);
        Assert.Equal(new IPEndPoint(SettingValues.AllAddresses, 16012), options.SecureAddress);
        Assert.Contains("istiod-canary.istio-system.svc", options.AllServingNames);
    }

    [Theory]
    [InlineData("DEFAULT_WORKLOAD_CERT_TTL", "1day", "--defaultWorkloadCertTTL / DEFAULT_WORKLOAD_CERT_TTL: '1day' is not possible; units are h, m, s and ms.")]
    [InlineData("DEFAULT_WORKLOAD_CERT_TTL", "a day", "write a duration such as 24h, 1h30m or 100ms")]
    [InlineData("DEFAULT_WORKLOAD_CERT_TTL", "2161h", "is longer than")]
    [InlineData("MAX_WORKLOAD_CERT_TTL", "0s", "write a duration above zero")]
    [InlineData("GRPC_ADDRESS", "0.0.0.0:15010", "write 127.0.0.1:PORT or none")]
    [InlineData("SECURE_GRPC_ADDRESS", "nowhere", "write ADDRESS:PORT")]
    [InlineData("ENABLE_LEADER_ELECTION", "maybe", "write true or false")]
    [InlineData("CA_TRUSTED_NODE_ACCOUNTS", "ztunnel", "write NAMESPACE/NAME")]
    public void What_cannot_be_is_refused_with_the_setting_and_the_remedy(string variable, string value, string message)
    {
        var error = Assert.Throws<SettingException>(() => Read([], (variable, value)));

        Assert.Contains(variable, error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--nosuch=1")]
    [InlineData("nosuch")]
    public void An_unknown_flag_is_refused(string flag) =>
        Assert.Equal($"'{flag}' is no flag; --help lists them.", Assert.Throws<SettingException>(() => Read([flag])).Message);

    private static ControlPlaneOptions Read(string[] arguments, params (string Name, string Value)[] variables) =>
        OptionsReader.Read(arguments, variables.ToDictionary(variable => variable.Name, variable => variable.Value).GetValueOrDefault);
}
