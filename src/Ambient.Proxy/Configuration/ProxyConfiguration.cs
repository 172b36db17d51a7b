using Ambient.Api;
using Ambient.Identity.Tls;
using Ambient.Telemetry.Servers;

namespace Ambient.Proxy.Configuration;

/// <summary>
/// What can be set of any proxy of the mesh, with its defaults; immutable. Names and defaults are those of Istio's node proxy. A program adds its own.
/// </summary>
public record ProxyConfiguration
{
    /// <summary>The network that this node's addresses belong to (NETWORK).</summary>
    public string Network { get; init; } = "";

    /// <summary>This node (NODE_NAME); null makes every workload local.</summary>
    public string? NodeName { get; init; }

    /// <summary>The cluster (ISTIO_META_CLUSTER_ID, CLUSTER_ID).</summary>
    public string ClusterId { get; init; } = "Kubernetes";

    /// <summary>The DNS domain of the cluster (CLUSTER_DOMAIN).</summary>
    public string ClusterDomain { get; init; } = "cluster.local";

    /// <summary>The control plane (XDS_ADDRESS); null for none.</summary>
    public Uri? XdsAddress { get; init; }

    /// <summary>The certificate authority (CA_ADDRESS); null for none.</summary>
    public Uri? CaAddress { get; init; }

    /// <summary>Whom to trust as control plane (XDS_ROOT_CA): a path, PEM, or SYSTEM.</summary>
    public string XdsRootCertificate { get; init; } = DefaultRootCertificate;

    /// <summary>Whom to trust as certificate authority (CA_ROOT_CA): a path, PEM, or SYSTEM.</summary>
    public string CaRootCertificate { get; init; } = DefaultRootCertificate;

    /// <summary>Another name that the control plane's certificate may carry (ALT_XDS_HOSTNAME).</summary>
    public string? AlternativeXdsHostname { get; init; }

    /// <summary>Another name that the certificate authority's certificate may carry (ALT_CA_HOSTNAME).</summary>
    public string? AlternativeCaHostname { get; init; }

    /// <summary>The token that proves who we are (AUTH_TOKEN): a path, read for each call, or the token itself; null for none.</summary>
    public string? AuthToken { get; init; }

    /// <summary>Further metadata of calls to the control plane (XDS_HEADER_…).</summary>
    public IReadOnlyList<KeyValuePair<string, string>> XdsHeaders { get; init; } = [];

    /// <summary>Further metadata of calls to the certificate authority (CA_HEADER_…).</summary>
    public IReadOnlyList<KeyValuePair<string, string>> CaHeaders { get; init; } = [];

    /// <summary>Validity to ask of certificates (SECRET_TTL).</summary>
    public TimeSpan SecretTtl { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How tunnels are encrypted (TLS_RECORDS, TLS_CIPHER).</summary>
    public TlsOptions Tls { get; init; } = TlsOptions.Default;

    /// <summary>A mesh in a file instead of a control plane (LOCAL_XDS_PATH).</summary>
    public string? LocalXdsPath { get; init; }

    /// <summary>The same inline (LOCAL_XDS).</summary>
    public string? LocalXds { get; init; }

    /// <summary>Threads of the data plane (ZTUNNEL_WORKER_THREADS, WAYPOINT_WORKER_THREADS).</summary>
    public int WorkerThreads { get; init; } = 2;

    /// <summary>Streams that may share a tunnel (POOL_MAX_STREAMS_PER_CONNECTION).</summary>
    public int PoolMaxStreams { get; init; } = 100;

    /// <summary>How long an unused tunnel stays open (POOL_UNUSED_RELEASE_TIMEOUT).</summary>
    public TimeSpan PoolUnusedReleaseTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>HTTP2_STREAM_WINDOW_SIZE, bytes.</summary>
    public int StreamWindow { get; init; } = 4 << 20;

    /// <summary>HTTP2_CONNECTION_WINDOW_SIZE, bytes.</summary>
    public int ConnectionWindow { get; init; } = 16 << 20;

    /// <summary>HTTP2_FRAME_SIZE, bytes.</summary>
    public int FrameSize { get; init; } = 1 << 20;

    /// <summary>How long open connections may go on after the end was asked for.</summary>
    public TimeSpan TerminationDeadline { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>TCP keep-alive (KEEPALIVE_…); null for none.</summary>
    public KeepAlive? KeepAlive { get; init; } = new(TimeSpan.FromSeconds(180), TimeSpan.FromSeconds(180), 9);

    /// <summary>Whether unacknowledged data ends a connection too (USER_TIMEOUT_ENABLED).</summary>
    public bool UserTimeout { get; init; }

    /// <summary>Whether IPv6 is used (IPV6_ENABLED).</summary>
    public bool IPv6 { get; init; } = true;

    /// <summary>Whether baggage is read and answered (ENABLE_RESPONSE_BAGGAGE).</summary>
    public bool ResponseBaggage { get; init; } = true;

    /// <summary>Whether policies' verdicts are logged at info level (AUTHZ_POLICY_INFO_LOGGING).</summary>
    public bool PolicyInfoLogging { get; init; }

    /// <summary>Our own pod (POD_NAME, POD_NAMESPACE, SERVICE_ACCOUNT, INSTANCE_IP).</summary>
    public OwnPod Pod { get; init; } = new();

    /// <summary>Further metadata for the control plane (ISTIO_META_… and proxyMetadata).</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>Metadata whose values are JSON (ISTIO_METAJSON_…).</summary>
    public IReadOnlyDictionary<string, string> JsonMetadata { get; init; } = new Dictionary<string, string>();

    /// <summary>Pages for people on the machine itself.</summary>
    public ListenAddress Admin { get; init; } = ListenAddress.Localhost(Ports.Admin);

    /// <summary>Metrics.</summary>
    public ListenAddress Metrics { get; init; } = ListenAddress.Any(Ports.Metrics);

    /// <summary>Readiness.</summary>
    public ListenAddress Readiness { get; init; } = ListenAddress.Any(Ports.Readiness);

    /// <summary>The version to report (ISTIO_META_ISTIO_VERSION).</summary>
    public string Version { get; init; } = "unknown";

    /// <summary>Where the chart mounts the control plane's root certificate.</summary>
    public const string DefaultRootCertificate = "./var/run/secrets/istio/root-cert.pem";

    /// <summary>Where the chart mounts the token.</summary>
    public const string DefaultTokenPath = "./var/run/secrets/tokens/istio-token";
}

/// <summary>When a silent connection is probed.</summary>
/// <param name="Idle">Silence before the first probe.</param>
/// <param name="Interval">Time between probes.</param>
/// <param name="Probes">Unanswered probes that end it.</param>
public sealed record KeepAlive(TimeSpan Idle, TimeSpan Interval, int Probes);

/// <summary>The pod that this process runs in, as the downward API tells.</summary>
public sealed record OwnPod
{
    /// <summary>POD_NAME.</summary>
    public string Name { get; init; } = "";

    /// <summary>POD_NAMESPACE.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>SERVICE_ACCOUNT.</summary>
    public string ServiceAccount { get; init; } = "";

    /// <summary>INSTANCE_IP.</summary>
    public string InstanceIp { get; init; } = "1.1.1.1";

    /// <summary>TRUST_DOMAIN.</summary>
    public string TrustDomain { get; init; } = SpiffeId.DefaultTrustDomain;
}
