using System.Net;
using Ambient.ControlPlane.Authority;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Serving;
using static Ambient.ControlPlane.Configuration.SettingValues;

namespace Ambient.ControlPlane.Configuration;

/// <summary>Reads the options from flags and environment. Where Istio has a variable or flag for a thing, it has the same name here.</summary>
internal sealed class OptionsReader
{
    private static readonly Setting KubeConfig = new("kubeconfig", "KUBECONFIG", "kubeconfig file; in a pod, its service account by default");
    private static readonly Setting Namespace = new("namespace", "POD_NAMESPACE", "namespace of the control plane and of mesh-wide policies (istio-system)");
    private static readonly Setting Name = new("name", "POD_NAME", "name of this replica (the host's name)");
    private static readonly Setting ClusterId = new("clusterID", "CLUSTER_ID", "name of the cluster (Kubernetes)");
    private static readonly Setting TrustDomain = new("trustDomain", "TRUST_DOMAIN", "trust domain of the mesh (cluster.local)");
    private static readonly Setting Domain = new("domain", "DOMAIN_SUFFIX", "DNS suffix of services (cluster.local)");
    private static readonly Setting Revision = new("revision", "REVISION", "revision of this control plane (default)");
    private static readonly Setting Audiences = new("tokenAudiences", "TOKEN_AUDIENCES", "audiences of callers' tokens, by commas (istio-ca)");
    private static readonly Setting TrustedAccounts = new("trustedNodeAccounts", "CA_TRUSTED_NODE_ACCOUNTS", "accounts NAMESPACE/NAME that may get certificates for workloads of their node (ztunnel in the own namespace)");
    private static readonly Setting CheckNode = new("xdsIdentityCheck", "PILOT_ENABLE_XDS_IDENTITY_CHECK", "whether a node must be of its caller's account (true)");
    private static readonly Setting Election = new("leaderElection", "ENABLE_LEADER_ELECTION", "whether replicas elect who writes status and ConfigMaps (true)");
    private static readonly Setting CustomHosts = new("customHosts", "ISTIOD_CUSTOM_HOST", "further DNS names and addresses of the serving certificate, by commas");
    private static readonly Setting Secure = new("secureGRPCAddr", "SECURE_GRPC_ADDRESS", "address of xDS and certificates over TLS (:15012)");
    private static readonly Setting Plaintext = new("grpcAddr", "GRPC_ADDRESS", "loopback address of xDS without TLS; none: off (127.0.0.1:15010)");
    private static readonly Setting Monitoring = new("monitoringAddr", "MONITORING_ADDRESS", "address of metrics and debug pages (:15014)");
    private static readonly Setting Http = new("httpAddr", "HTTP_ADDRESS", "address of readiness (:8080)");
    private static readonly Setting DefaultTtl = new("defaultWorkloadCertTTL", "DEFAULT_WORKLOAD_CERT_TTL", "lifetime of workload certificates (24h)");
    private static readonly Setting LongestTtl = new("maxWorkloadCertTTL", "MAX_WORKLOAD_CERT_TTL", "longest lifetime that may be asked for (2160h)");
    private static readonly Setting RootTtl = new("selfSignedCACertTTL", "CITADEL_SELF_SIGNED_CA_CERT_TTL", "lifetime of a self-signed root (87600h)");
    private static readonly Setting RootFolder = new("rootCADir", "ROOT_CA_DIR", "folder of a plugged-in authority (/etc/cacerts)");
    private static readonly Setting DryRun = new("dryRunPolicies", "AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY", "whether dry-run policies are sent to proxies (false)");
    private static readonly Setting FailOpen = new("waypointsFailOpen", "AMBIENT_WAYPOINTS_FAIL_OPEN", "whether traffic passes a waypoint by that is missing or not ready, as in Istio (false: it is refused)");
    private static readonly Setting WaypointImage = new("waypointImage", "WAYPOINT_IMAGE", "image that waypoints run (ambient/waypoint)");
    private static readonly Setting Quiet = new("debounceAfter", "PILOT_DEBOUNCE_AFTER", "quiet time that ends a burst of changes (30ms)");
    private static readonly Setting Longest = new("debounceMax", "PILOT_DEBOUNCE_MAX", "longest time that a burst is gathered (300ms)");

    private static readonly Setting[] All =
    [
        KubeConfig, Namespace, Name, ClusterId, TrustDomain, Domain, Revision, Audiences, TrustedAccounts, CheckNode, Election,
        CustomHosts, Secure, Plaintext, Monitoring, Http, DefaultTtl, LongestTtl, RootTtl, RootFolder, DryRun, FailOpen, WaypointImage, Quiet, Longest,
    ];

    private readonly Dictionary<string, string> _flags = new(StringComparer.Ordinal);
    private readonly Func<string, string?> _variables;

    private OptionsReader(IReadOnlyList<string> arguments, Func<string, string?> variables)
    {
        _variables = variables;
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            var equals = argument.IndexOf('=', StringComparison.Ordinal);
            var name = argument.TrimStart('-')[..^(equals < 0 ? 0 : argument.Length - equals)];
            if (!argument.StartsWith("--", StringComparison.Ordinal) || !All.Any(setting => setting.Flag == name))
            {
                throw new SettingException($"'{argument}' is no flag; --help lists them.");
            }

            _flags[name] = equals >= 0
                ? argument[(equals + 1)..]
                : ++i < arguments.Count ? arguments[i] : throw new SettingException($"--{name} needs a value.");
        }
    }

    /// <summary>All settings, one a line.</summary>
    public static string Help { get; } =
        "The control plane of the mesh. Each setting is a flag (--FLAG=VALUE) or a variable:\n\n"
        + string.Concat(All.Select(setting => $"  --{setting.Flag,-24} {setting.Variable,-46} {setting.Meaning}\n"));

    /// <exception cref="SettingException">A setting has a value that it cannot have.</exception>
    public static ControlPlaneOptions Read(IReadOnlyList<string> arguments, Func<string, string?> variables) =>
        new OptionsReader(arguments, variables).Read();

    private ControlPlaneOptions Read()
    {
        var defaults = new ControlPlaneOptions { Authority = new() { Namespace = "", TrustDomain = "" }, TrustedNodeAccounts = new HashSet<string>() };
        var ns = Value(Namespace) ?? defaults.Namespace;
        var mesh = new MeshSettings();
        mesh = mesh with
        {
            ClusterId = Value(ClusterId) ?? mesh.ClusterId,
            TrustDomain = Value(TrustDomain) ?? mesh.TrustDomain,
            DomainSuffix = Value(Domain) ?? mesh.DomainSuffix,
            Revision = Value(Revision) ?? mesh.Revision,
            RootNamespace = ns,
            DryRunPolicies = Value(DryRun, Flag) ?? mesh.DryRunPolicies,
            WaypointsFailOpen = Value(FailOpen, Flag) ?? mesh.WaypointsFailOpen,
            WaypointImage = Value(WaypointImage) ?? mesh.WaypointImage,
        };
        return new ControlPlaneOptions
        {
            KubeConfig = Value(KubeConfig),
            Namespace = ns,
            Name = Value(Name) ?? defaults.Name,
            Mesh = mesh,
            Feed = ReadFeed(),
            Authority = ReadAuthority(ns, mesh.TrustDomain),
            TokenAudiences = Value(Audiences) is { } audiences ? List(audiences) : defaults.TokenAudiences,
            TrustedNodeAccounts = ReadTrustedAccounts(ns),
            CheckNodeIdentity = Value(CheckNode, Flag) ?? defaults.CheckNodeIdentity,
            LeaderElection = Value(Election, Flag) ?? defaults.LeaderElection,
            ServingNames = Value(CustomHosts) is { } hosts ? List(hosts) : [],
            SecureAddress = Reference(Secure, Address) ?? defaults.SecureAddress,
            PlaintextAddress = ReadPlaintext(defaults.PlaintextAddress),
            MonitoringAddress = Reference(Monitoring, Address) ?? defaults.MonitoringAddress,
            HttpAddress = Reference(Http, Address) ?? defaults.HttpAddress,
        };
    }

    private FeedOptions ReadFeed()
    {
        var feed = new FeedOptions();
        return new FeedOptions { Quiet = Value(Quiet, Duration) ?? feed.Quiet, Longest = Value(Longest, Duration) ?? feed.Longest };
    }

    private AuthorityOptions ReadAuthority(string ns, string trustDomain)
    {
        var authority = new AuthorityOptions { Namespace = ns, TrustDomain = trustDomain };
        var lifetimes = authority.Lifetimes with
        {
            Default = Value(DefaultTtl, Duration) ?? authority.Lifetimes.Default,
            Longest = Value(LongestTtl, Duration) ?? authority.Lifetimes.Longest,
        };
        if (lifetimes.Default > lifetimes.Longest)
        {
            throw new SettingException($"{DefaultTtl}: {lifetimes.Default} is longer than {LongestTtl}, {lifetimes.Longest}; shorten the one or lengthen the other.");
        }

        return authority with
        {
            Folder = Value(RootFolder) ?? authority.Folder,
            RootLifetime = Value(RootTtl, Duration) ?? authority.RootLifetime,
            Lifetimes = lifetimes,
        };
    }

    private HashSet<string> ReadTrustedAccounts(string ns)
    {
        // Set but empty means that nobody is trusted.
        var accounts = Text(TrustedAccounts) is { } text ? List(text) : [$"{ns}/ztunnel"];
        return accounts.FirstOrDefault(account => account.Split('/') is not [{ Length: > 0 }, { Length: > 0 }]) is { } wrong
            ? throw Wrong(TrustedAccounts, wrong, "write NAMESPACE/NAME")
            : [.. accounts];
    }

    private IPEndPoint? ReadPlaintext(IPEndPoint? otherwise)
    {
        if (Text(Plaintext) is not { } text)
        {
            return otherwise;
        }

        if (text is "" or "none")
        {
            return null;
        }

        var address = Address(Plaintext, text);
        return IPAddress.IsLoopback(address.Address)
            ? address
            : throw Wrong(Plaintext, text, "callers of this port are not asked who they are, so it listens on loopback only; write 127.0.0.1:PORT or none");
    }

    /// <summary>A setting's text; null where it is not set, or empty.</summary>
    private string? Value(Setting setting) => Text(setting) is { Length: > 0 } text ? text : null;

    private string? Text(Setting setting) => _flags.GetValueOrDefault(setting.Flag) ?? _variables(setting.Variable);

    private T? Value<T>(Setting setting, Func<Setting, string, T> read)
        where T : struct => Value(setting) is { } text ? read(setting, text) : null;

    private T? Reference<T>(Setting setting, Func<Setting, string, T> read)
        where T : class => Value(setting) is { } text ? read(setting, text) : null;
}
