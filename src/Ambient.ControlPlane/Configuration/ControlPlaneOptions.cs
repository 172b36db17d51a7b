using System.Net;
using Ambient.Api;
using Ambient.ControlPlane.Authority;
using Ambient.ControlPlane.Derivation;
using Ambient.ControlPlane.Serving;

namespace Ambient.ControlPlane.Configuration;

/// <summary>Everything that can be configured.</summary>
internal sealed record ControlPlaneOptions
{
    /// <summary>A kubeconfig file; null means the pod's own service account.</summary>
    public string? KubeConfig { get; init; }

    /// <summary>The namespace of the control plane: of its secrets and leases, and of mesh-wide policies.</summary>
    public string Namespace { get; init; } = "istio-system";

    /// <summary>Who we are to other replicas. The pod's name, so that a restarted container leads again at once.</summary>
    public string Name { get; init; } = Environment.MachineName;

    public MeshSettings Mesh { get; init; } = new();

    public FeedOptions Feed { get; init; } = new();

    public required AuthorityOptions Authority { get; init; }

    /// <summary>Audiences of which a caller's token must have one.</summary>
    public IReadOnlyList<string> TokenAudiences { get; init; } = ["istio-ca"];

    /// <summary>Service accounts that may ask for certificates of workloads on their node; empty: none may.</summary>
    public required IReadOnlySet<string> TrustedNodeAccounts { get; init; }

    /// <summary>Whether a node must be of its caller's namespace and service account.</summary>
    public bool CheckNodeIdentity { get; init; } = true;

    /// <summary>Off: this replica writes status and ConfigMaps without asking others.</summary>
    public bool LeaderElection { get; init; } = true;

    /// <summary>Further DNS names and addresses of the serving certificate.</summary>
    public IReadOnlyList<string> ServingNames { get; init; } = [];

    /// <summary>xDS and certificates over TLS.</summary>
    public IPEndPoint SecureAddress { get; init; } = new(SettingValues.AllAddresses, Ports.Xds);

    /// <summary>xDS without TLS; on loopback only. Null: not at all.</summary>
    public IPEndPoint? PlaintextAddress { get; init; } = new(IPAddress.Loopback, Ports.XdsPlaintext);

    /// <summary>Metrics, version and debug pages.</summary>
    public IPEndPoint MonitoringAddress { get; init; } = new(SettingValues.AllAddresses, Ports.ControlPlaneMetrics);

    /// <summary>Readiness.</summary>
    public IPEndPoint HttpAddress { get; init; } = new(SettingValues.AllAddresses, 8080);

    /// <summary>All names under which clients know the control plane.</summary>
    public IReadOnlyList<string> AllServingNames =>
    [
        $"istiod.{Namespace}.svc", $"istiod.{Namespace}.svc.{Mesh.DomainSuffix}", $"istiod-remote.{Namespace}.svc",
        $"istio-pilot.{Namespace}.svc", .. Revisioned, .. ServingNames,
    ];

    private IEnumerable<string> Revisioned => Mesh.Revision == "default" ? [] : [$"istiod-{Mesh.Revision}.{Namespace}.svc"];
}
