using System.Collections;
using System.Globalization;
using Ambient.Api;
using Ambient.Identity.Tls;
using Ambient.Mesh.State;
using Ambient.Telemetry.Servers;

namespace Ambient.Ztunnel.Configuration;

/// <summary>Makes the configuration from environment variables.</summary>
internal static class EnvironmentConfiguration
{
    /// <summary>From this process's environment.</summary>
    /// <exception cref="ConfigurationException">Names each variable that cannot be used.</exception>
    public static ZtunnelConfiguration Read() => Read(Environment.GetEnvironmentVariables()
        .Cast<DictionaryEntry>()
        .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", StringComparer.Ordinal));

    /// <inheritdoc cref="Read()" />
    public static ZtunnelConfiguration Read(IReadOnlyDictionary<string, string> variables)
    {
        var reader = new EnvironmentReader(variables);
        var proxyConfig = ProxyConfigText.Read(reader);
        var mode = reader.Choice("PROXY_MODE", ProxyMode.Shared, ("shared", ProxyMode.Shared), ("dedicated", ProxyMode.Dedicated));
        var ipv6 = reader.Flag("IPV6_ENABLED", true);
        var controlPlane = proxyConfig.DiscoveryAddress
            ?? (reader.IsSet("KUBERNETES_SERVICE_HOST") ? "https://istiod.istio-system.svc:15012" : "https://localhost:15012");
        var metadata = new Dictionary<string, string>(proxyConfig.Metadata, StringComparer.Ordinal);
        foreach (var (name, value) in reader.WithPrefix("ISTIO_META_"))
        {
            metadata[name] = value;
        }

        var configuration = new ZtunnelConfiguration
        {
            Mode = mode,
            DedicatedWorkload = Workload(reader, mode),
            Proxy = reader.Flag("ENABLE_PROXY", true),
            Network = reader.Text("NETWORK", ""),
            NodeName = reader.Text("NODE_NAME"),
            ClusterId = reader.Text("ISTIO_META_CLUSTER_ID") ?? reader.Text("CLUSTER_ID", "Kubernetes"),
            ClusterDomain = reader.Text("CLUSTER_DOMAIN", "cluster.local"),
            XdsAddress = reader.Address("XDS_ADDRESS", controlPlane),
            CaAddress = reader.Address("CA_ADDRESS", controlPlane),
            XdsRootCertificate = reader.Text("XDS_ROOT_CA", ZtunnelConfiguration.DefaultRootCertificate),
            CaRootCertificate = reader.Text("CA_ROOT_CA", ZtunnelConfiguration.DefaultRootCertificate),
            AlternativeXdsHostname = reader.Text("ALT_XDS_HOSTNAME"),
            AlternativeCaHostname = reader.Text("ALT_CA_HOSTNAME"),
            AuthToken = reader.Text("AUTH_TOKEN")
                ?? (File.Exists(ZtunnelConfiguration.DefaultTokenPath) ? ZtunnelConfiguration.DefaultTokenPath : null),
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
            WorkerThreads = WorkerThreadCount.Read(reader),
            PoolMaxStreams = reader.Number("POOL_MAX_STREAMS_PER_CONNECTION", 100, 1, ushort.MaxValue),
            PoolUnusedReleaseTimeout = reader.Duration("POOL_UNUSED_RELEASE_TIMEOUT", TimeSpan.FromMinutes(5)),
            StreamWindow = reader.Number("HTTP2_STREAM_WINDOW_SIZE", 4 << 20, 65_535, 1 << 30),
            ConnectionWindow = reader.Number("HTTP2_CONNECTION_WINDOW_SIZE", 16 << 20, 65_535, 1 << 30),
            FrameSize = reader.Number("HTTP2_FRAME_SIZE", 1 << 20, 16_384, (1 << 24) - 1),
            TerminationDeadline = Deadline(reader),
            KeepSourceAddress = reader.OptionalFlag("ENABLE_ORIG_SRC"),
            PacketMark = reader.Text("PACKET_MARK") is null
                ? mode == ProxyMode.Shared ? Marks.Packet : null
                : reader.Number("PACKET_MARK", Marks.Packet, 1, int.MaxValue),
            KeepAlive = KeepAlive(reader),
            UserTimeout = reader.Flag("USER_TIMEOUT_ENABLED", false),
            InpodSocket = reader.Text("INPOD_UDS", "/var/run/ztunnel/ztunnel.sock"),
            InpodPortReuse = reader.Flag("INPOD_PORT_REUSE", true),
            IPv6 = ipv6,
            LocalhostAppTunnel = reader.Flag("LOCALHOST_APP_TUNNEL", true),
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
        return reader.Problems.Count == 0 ? configuration : throw new ConfigurationException(reader.Problems);
    }

    private static void Check(EnvironmentReader reader, ZtunnelConfiguration configuration)
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

        // What would silently not happen is refused instead.
        foreach (var (name, what) in new[]
        {
            ("UNSTABLE_ENABLE_SOCKS5", "SOCKS5 is not offered"),
            ("XDS_ON_DEMAND", "everything is always subscribed to"),
            ("TLS12_ENABLED", "only TLS 1.3 is spoken"),
        })
        {
            if (reader.Flag(name, false))
            {
                reader.Problem(name, $"is not supported: {what}; remove the variable");
            }
        }
    }

    private static WorkloadKey? Workload(EnvironmentReader reader, ProxyMode mode)
    {
        if (mode == ProxyMode.Shared)
        {
            return null;
        }

        if (reader.Text("PROXY_WORKLOAD_INFO")?.Split('/') is [{ Length: > 0 } ns, { Length: > 0 } name, { Length: > 0 } account])
        {
            return new WorkloadKey(name, ns, account);
        }

        reader.Problem("PROXY_WORKLOAD_INFO", "has to be NAMESPACE/NAME/SERVICE-ACCOUNT when PROXY_MODE=dedicated");
        return null;
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

/// <summary>How many threads the data plane gets.</summary>
internal static class WorkerThreadCount
{
    /// <summary>
    /// A number, a share of the cores (<c>25%</c>), 0 for all cores, or <c>auto</c>: the CPU limit of the container where it is given, otherwise a quarter of
    /// the cores, but two at least.
    /// </summary>
    public static int Read(EnvironmentReader reader)
    {
        var cores = Environment.ProcessorCount;
        var text = reader.Text("ZTUNNEL_WORKER_THREADS");
        if (text is null or "auto")
        {
            return Cpus(reader, "ZTUNNEL_RESOURCE_CPU_LIMIT") ?? Cpus(reader, "ZTUNNEL_CPU_LIMIT")
                ?? Math.Max(Math.Max((cores + 3) / 4, Cpus(reader, "ZTUNNEL_RESOURCE_CPU_REQUEST") ?? 0), 2);
        }

        if (text.EndsWith('%') && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var share)
            && share is > 0 and <= 100)
        {
            return Math.Max(1, ((cores * share) + 99) / 100);
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= 1024)
        {
            return number == 0 ? cores : number;
        }

        reader.Problem("ZTUNNEL_WORKER_THREADS", "is not a number of threads, a share such as 25%, 0 for all cores, or auto");
        return 2;
    }

    /// <summary>Kubernetes writes whole CPUs or thousandths (<c>250m</c>); both are rounded up.</summary>
    private static int? Cpus(EnvironmentReader reader, string name)
    {
        if (reader.Text(name) is not { } text)
        {
            return null;
        }

        var thousandths = text.EndsWith('m');
        if (int.TryParse(thousandths ? text.AsSpan(0, text.Length - 1) : text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number > 0)
        {
            return thousandths ? (number + 999) / 1000 : number;
        }

        reader.Problem(name, "is not a quantity of CPUs such as 2 or 500m");
        return null;
    }
}
