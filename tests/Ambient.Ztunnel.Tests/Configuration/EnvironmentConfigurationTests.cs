using Ambient.Identity.Tls;
using Ambient.Mesh.State;
using Ambient.Proxy.Configuration;
using Ambient.Ztunnel.Configuration;

namespace Ambient.Ztunnel.Tests.Configuration;

/// <summary>The environment: defaults, values, and what is said about values that cannot be used.</summary>
public sealed class EnvironmentConfigurationTests
{
    [Fact]
    public void An_empty_environment_gives_the_defaults()
    {
        var configuration = Read();
        Assert.Equal(ProxyMode.Shared, configuration.Mode);
        Assert.Equal(new Uri("https://localhost:15012"), configuration.XdsAddress);
        Assert.Equal(new Uri("https://localhost:15012"), configuration.CaAddress);
        Assert.Equal(("Kubernetes", 0x539, "/var/run/ztunnel/ztunnel.sock"), (configuration.ClusterId, configuration.PacketMark, configuration.InpodSocket));
        Assert.Equal((TimeSpan.FromHours(24), TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(5)),
            (configuration.SecretTtl, configuration.PoolUnusedReleaseTimeout, configuration.TerminationDeadline));
        Assert.Equal(new KeepAlive(TimeSpan.FromSeconds(180), TimeSpan.FromSeconds(180), 9), configuration.KeepAlive);
        Assert.True(configuration.WorkerThreads >= 2);
    }

    [Fact]
    public void In_Kubernetes_the_control_plane_is_istiod() =>
        Assert.Equal(new Uri("https://istiod.istio-system.svc:15012"), Read(("KUBERNETES_SERVICE_HOST", "10.0.0.1")).XdsAddress);

    [Theory]
    [InlineData("30", 25)]
    [InlineData("10", 9)]
    [InlineData("1", 1)]
    public void The_deadline_leaves_some_of_the_grace_period(string grace, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Read(("TERMINATION_GRACE_PERIOD_SECONDS", grace)).TerminationDeadline);

    [Theory]
    [InlineData("3", 3)]
    [InlineData("100%", 0)]
    [InlineData("0", 0)]
    public void Threads_are_a_number_or_a_share(string text, int threads) =>
        Assert.Equal(threads == 0 ? Environment.ProcessorCount : threads, Read(("ZTUNNEL_WORKER_THREADS", text)).WorkerThreads);

    [Fact]
    public void Tunnels_are_encrypted_as_told()
    {
        Assert.Equal(TlsOptions.Default, Read().Tls);
        Assert.Equal(
            new TlsOptions { Records = TlsRecordLayer.LibSsl, PreferredCipher = TlsCipher.Aes256Gcm },
            Read(("TLS_RECORDS", "libssl"), ("TLS_CIPHER", "aes256")).Tls);
        Assert.Equal(
            new TlsOptions { Records = TlsRecordLayer.Evp, PreferredCipher = TlsCipher.Aes128Gcm },
            Read(("TLS_RECORDS", "evp"), ("TLS_CIPHER", "aes128")).Tls);
    }

    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("1m30s", 90_000)]
    [InlineData("1.5s", 1_500)]
    public void Durations_have_units(string text, int milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), Read(("CONNECTION_TERMINATION_DEADLINE", text)).TerminationDeadline);

    [Fact]
    public void A_dedicated_proxy_serves_one_workload_and_marks_nothing()
    {
        var configuration = Read(("PROXY_MODE", "dedicated"), ("PROXY_WORKLOAD_INFO", "shop/web/web-account"));
        Assert.Equal(new WorkloadKey("web", "shop", "web-account"), configuration.DedicatedWorkload);
        Assert.Null(configuration.PacketMark);
    }

    [Fact]
    public void Headers_metadata_and_addresses_are_taken()
    {
        var configuration = Read(
            ("XDS_HEADER_X_Team", "mesh"), ("CA_HEADER_X", "1"), ("ISTIO_META_ISTIO_VERSION", "1.2"), ("ISTIO_META_CLUSTER_ID", "c1"),
            ("XDS_ADDRESS", "cp:15012"), ("CA_ADDRESS", ""), ("PROXY_CONFIG", "{proxyAdminPort: 16000, proxyMetadata: {A: b}}"));
        Assert.Equal([new("x_team", "mesh")], configuration.XdsHeaders);
        Assert.Equal([new("x", "1")], configuration.CaHeaders);
        Assert.Equal(("1.2", "c1", "b"), (configuration.Version, configuration.ClusterId, configuration.Metadata["A"]));
        Assert.Equal(new Uri("https://cp:15012"), configuration.XdsAddress);
        Assert.Null(configuration.CaAddress);
        Assert.Equal(16000, configuration.Admin.EndPoints[0].Port);
    }

    [Theory]
    [InlineData("PROXY_MODE", "both", "PROXY_MODE=both is not one of shared, dedicated")]
    [InlineData("PROXY_MODE", "dedicated", "PROXY_WORKLOAD_INFO has to be NAMESPACE/NAME/SERVICE-ACCOUNT when PROXY_MODE=dedicated")]
    [InlineData("XDS_ADDRESS", "ftp://x", "XDS_ADDRESS=ftp://x is not an address: write https://HOST:PORT")]
    [InlineData("SECRET_TTL", "soon", "SECRET_TTL=soon is not a duration such as 500ms, 30s, 5m or 24h")]
    [InlineData("IPV6_ENABLED", "maybe", "IPV6_ENABLED=maybe is neither true nor false")]
    [InlineData("PACKET_MARK", "0x539", "PACKET_MARK=0x539 is not a number from 1 to")]
    [InlineData("HTTP2_FRAME_SIZE", "1", "HTTP2_FRAME_SIZE=1 is not a number from 16384 to 16777215")]
    [InlineData("HTTP2_CONNECTION_WINDOW_SIZE", "65535", "HTTP2_CONNECTION_WINDOW_SIZE=65535 is smaller than HTTP2_STREAM_WINDOW_SIZE")]
    [InlineData("ZTUNNEL_WORKER_THREADS", "many", "ZTUNNEL_WORKER_THREADS=many is not a number of threads, a share such as 25%")]
    [InlineData("ZTUNNEL_CPU_LIMIT", "x", "ZTUNNEL_CPU_LIMIT=x is not a quantity of CPUs such as 2 or 500m")]
    [InlineData("TLS_RECORDS", "kernel", "TLS_RECORDS=kernel is not one of evp, libssl")]
    [InlineData("TLS_CIPHER", "rc4", "TLS_CIPHER=rc4 is not one of aes128, aes256")]
    [InlineData("LOCAL_XDS_PATH", "/no/such/file", "LOCAL_XDS_PATH=/no/such/file is no file that can be read")]
    [InlineData("PROXY_CONFIG", "[", "PROXY_CONFIG=[ is not YAML at line")]
    [InlineData("PROXY_CONFIG", "{statsPort: x}", "holds statsPort: x, which is no port")]
    [InlineData("UNSTABLE_ENABLE_SOCKS5", "true", "UNSTABLE_ENABLE_SOCKS5=true is not supported: SOCKS5 is not offered; remove the variable")]
    [InlineData("TLS12_ENABLED", "true", "TLS12_ENABLED=true is not supported: only TLS 1.3 is spoken; remove the variable")]
    public void A_value_that_cannot_be_used_is_named_with_its_remedy(string name, string value, string words) =>
        Assert.Contains(words, Assert.Single(Assert.Throws<ConfigurationException>(() => Read((name, value))).Problems), StringComparison.Ordinal);

    [Fact]
    public void All_mistakes_are_told_at_once()
    {
        var refusal = Assert.Throws<ConfigurationException>(() => Read(("SECRET_TTL", "x"), ("IPV6_ENABLED", "y"), ("PACKET_MARK", "z")));
        Assert.Equal(3, refusal.Problems.Count);
    }

    private static ZtunnelConfiguration Read(params (string Name, string Value)[] variables) =>
        EnvironmentConfiguration.Read(variables.ToDictionary(variable => variable.Name, variable => variable.Value));
}
