using Ambient.Api;
using Ambient.Identity.Tls;
using Ambient.Telemetry.Servers;

namespace Ambient.Proxy.Configuration;

/// <summary>Reads the part of the configuration that every proxy has from environment variables.</summary>
public static class ProxyEnvironment
{
    /// <summary>Reads; what cannot be used is left in the reader's problems.</summary>
    /// <param name="reader">The variables.</param>
    /// <param name="program">What the program's own variables begin with: ZTUNNEL, WAYPOINT.</param>
    public static ProxyConfiguration Read(EnvironmentReader reader, string program)
    {
        var proxyConfig = ProxyConfigText.Read(reader);
        var ipv6 = reader.Flag("IPV6_ENABLED", true);
        var controlPlane = proxyConfig.DiscoveryAddress
            ?? (reader.IsSet("KUBERNETES_SERVICE_HOST") ? "https://istiod.istio-system.svc:15012" : "https://localhost:15012");
        var metadata = new Dictionary<string, string>(proxyConfig.Metadata, StringComparer.Ordinal);
        foreach (var (name, value) in reader.WithPrefix("ISTIO_META_"))
        {
            metadata[name] = value;
        }

        var configuration = new ProxyConfiguration
        {
            Network = reader.Text("NETWORK", ""),
            NodeName = reader.Text("NODE_NAME"),
            ClusterId = reader.Text("ISTIO_META_CLUSTER_ID") ?? reader.Text("CLUSTER_ID", "Kubernetes"),
            ClusterDomain = reader.Text("CLUSTER_DOMAIN", "cluster.local"),
            XdsAddress = reader.Address("XDS_ADDRESS", controlPlane),
            CaAddress = reader.Address("CA_ADDRESS", reader.Text("CA_ADDR") ?? controlPlane),
            XdsRootCertificate = reader.Text("XDS_ROOT_CA", ProxyConfiguration.DefaultRootCertificate),
            CaRootCertificate = reader.Text("CA_ROOT_CA", ProxyConfiguration.DefaultRootCertificate),
            AlternativeXdsHostname = reader.Text("ALT_XDS_HOSTNAME"),
            AlternativeCaHostname = reader.Text("ALT_CA_HOSTNAME"),
            AuthToken = reader.Text("AUTH_TOKEN")
                ?? (File.Exists(ProxyConfiguration.DefaultTokenPath) ? ProxyConfiguration.DefaultTokenPath : null),
            XdsHeaders = [.. reader.WithPrefix("XDS_HEADER_").Select(Header)],
            CaHeaders = [.. reader.WithPrefix("CA_HEADER_").Select(Header)],
            SecretTtl = reader.Duration("SECRET_TTL", TimeSpan.FromHours(24)),
            Tls = new TlsOptions
            {
                Records = reader.Choice("TLS_RECORDS", TlsRecordLayer.Evp, ("evp", TlsRecordLayer.Evp), ("libssl", TlsRecordLayer.LibSsl)),
                PreferredCipher = reader.Choice("TLS_CIPHER", TlsCipher.Aes128Gcm, ("aes128", TlsCipher.Aes128Gcm), ("aes256", TlsCipher.Aes256Gcm)),
            },
            LocalXdsPath = reader.Text("LOCAL_XDS_PATH"),
            LocalXds = reader.Text("LOCAL_XDS"),
            WorkerThreads = WorkerThreadCount.Read(reader, program),
            PoolMaxStreams = reader.Number("POOL_MAX_STREAMS_PER_CONNECTION", 100, 1, ushort.MaxValue),
            PoolUnusedReleaseTimeout = reader.Duration("POOL_UNUSED_RELEASE_TIMEOUT", TimeSpan.FromMinutes(5)),
            StreamWindow = reader.Number("HTTP2_STREAM_WINDOW_SIZE", 4 << 20, 65_535, 1 << 30),
            ConnectionWindow = reader.Number("HTTP2_CONNECTION_WINDOW_SIZE", 16 << 20, 65_535, 1 << 30),
            FrameSize = reader.Number("HTTP2_FRAME_SIZE", 1 << 20, 16_384, (1 << 24) - 1),
            TerminationDeadline = Deadline(reader),
            KeepAlive = KeepAlive(reader),
            UserTimeout = reader.Flag("USER_TIMEOUT_ENABLED", false),
            IPv6 = ipv6,
            ResponseBaggage = reader.Flag("ENABLE_RESPONSE_BAGGAGE", true),
            PolicyInfoLogging = reader.Flag("AUTHZ_POLICY_INFO_LOGGING", false),
            Pod = new OwnPod
            {
                Name = reader.Text("POD_NAME", ""),
                Namespace = reader.Text("POD_NAMESPACE", ""),
                ServiceAccount = reader.Text("SERVICE_ACCOUNT", ""),
                InstanceIp = reader.Text("INSTANCE_IP", "1.1.1.1"),
                TrustDomain = reader.Text("TRUST_DOMAIN", SpiffeId.DefaultTrustDomain),
            },
            Metadata = metadata,
            JsonMetadata = reader.WithPrefix("ISTIO_METAJSON_").ToDictionary(StringComparer.Ordinal),
            Admin = ListenAddress.Localhost(proxyConfig.AdminPort, ipv6),
            Metrics = ListenAddress.Any(proxyConfig.StatsPort, ipv6),
            Readiness = ListenAddress.Any(Ports.Readiness, ipv6),
            Version = metadata.GetValueOrDefault("ISTIO_VERSION", "unknown"),
        };
        Check(reader, configuration);
        return configuration;
    }

    private static void Check(EnvironmentReader reader, ProxyConfiguration configuration)
    {
        if (configuration is { LocalXds: not null, LocalXdsPath: not null })
        {
            reader.Problem("LOCAL_XDS", "is set together with LOCAL_XDS_PATH; set one of them");
        }

        if (configuration.LocalXdsPath is { } path && !File.Exists(path))
        {
            reader.Problem("LOCAL_XDS_PATH", "is no file that can be read");
        }

        if (configuration.ConnectionWindow < configuration.StreamWindow)
        {
            reader.Problem("HTTP2_CONNECTION_WINDOW_SIZE", "is smaller than HTTP2_STREAM_WINDOW_SIZE; make it at least as large");
        }
    }

    private static TimeSpan Deadline(EnvironmentReader reader)
    {
        if (reader.Text("CONNECTION_TERMINATION_DEADLINE") is not null)
        {
            return reader.Duration("CONNECTION_TERMINATION_DEADLINE", TimeSpan.FromSeconds(5));
        }

        // Some seconds of the grace period are kept for the rest of the shutdown.
        var grace = reader.Number("TERMINATION_GRACE_PERIOD_SECONDS", -1, 0, 86_400);
        return grace < 0
            ? TimeSpan.FromSeconds(5)
            : TimeSpan.FromSeconds(Math.Max(1, grace > 10 ? grace - 5 : grace - 1));
    }

    private static KeepAlive? KeepAlive(EnvironmentReader reader) => reader.Flag("KEEPALIVE_ENABLED", true)
        ? new KeepAlive(
            reader.Duration("KEEPALIVE_TIME", TimeSpan.FromSeconds(180)),
            reader.Duration("KEEPALIVE_INTERVAL", TimeSpan.FromSeconds(180)),
            reader.Number("KEEPALIVE_RETRIES", 9, 1, 127))
        : null;

    private static KeyValuePair<string, string> Header(KeyValuePair<string, string> variable) =>
        KeyValuePair.Create(variable.Key.ToLowerInvariant(), variable.Value);
}
