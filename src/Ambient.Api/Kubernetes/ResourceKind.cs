using System.Text.Json.Serialization.Metadata;

namespace Ambient.Api.Kubernetes;

/// <summary>Where a kind lives in the API, and how its JSON is read.</summary>
/// <param name="Group">API group; empty for the core group.</param>
/// <param name="Version">Version, e.g. <c>v1</c>.</param>
/// <param name="Plural">The name in paths, e.g. <c>pods</c>.</param>
/// <param name="Namespaced">Whether objects live in namespaces.</param>
/// <param name="Json">Serialization metadata of the record.</param>
public sealed record ResourceKind<T>(string Group, string Version, string Plural, bool Namespaced, JsonTypeInfo<T> Json)
    where T : class, IResource
{
    /// <summary>The path of the collection, or of one object, without a query.</summary>
    public string Path(string? ns, string? name = null)
    {
        var root = Group.Length == 0 ? $"/api/{Version}" : $"/apis/{Group}/{Version}";
        var collection = Namespaced && ns is not null ? $"{root}/namespaces/{ns}/{Plural}" : $"{root}/{Plural}";
        return name is null ? collection : $"{collection}/{name}";
    }
}

/// <summary>The kinds that Ambient reads or writes.</summary>
public static class ResourceKinds
{
    public static ResourceKind<Namespace> Namespaces { get; } = new("", "v1", "namespaces", false, ResourceJson.Default.Namespace);
    public static ResourceKind<Node> Nodes { get; } = new("", "v1", "nodes", false, ResourceJson.Default.Node);
    public static ResourceKind<Pod> Pods { get; } = new("", "v1", "pods", true, ResourceJson.Default.Pod);
    public static ResourceKind<Service> Services { get; } = new("", "v1", "services", true, ResourceJson.Default.Service);
    public static ResourceKind<ServiceAccount> ServiceAccounts { get; } = new("", "v1", "serviceaccounts", true, ResourceJson.Default.ServiceAccount);
    public static ResourceKind<ConfigMap> ConfigMaps { get; } = new("", "v1", "configmaps", true, ResourceJson.Default.ConfigMap);
    public static ResourceKind<Secret> Secrets { get; } = new("", "v1", "secrets", true, ResourceJson.Default.Secret);
    public static ResourceKind<SecretHeader> SecretHeaders { get; } = new("", "v1", "secrets", true, ResourceJson.Default.SecretHeader);
    public static ResourceKind<Event> Events { get; } = new("", "v1", "events", true, ResourceJson.Default.Event);
    public static ResourceKind<EndpointSlice> EndpointSlices { get; } = new("discovery.k8s.io", "v1", "endpointslices", true, ResourceJson.Default.EndpointSlice);
    public static ResourceKind<Deployment> Deployments { get; } = new("apps", "v1", "deployments", true, ResourceJson.Default.Deployment);
    public static ResourceKind<ReplicaSet> ReplicaSets { get; } = new("apps", "v1", "replicasets", true, ResourceJson.Default.ReplicaSet);
    public static ResourceKind<DaemonSet> DaemonSets { get; } = new("apps", "v1", "daemonsets", true, ResourceJson.Default.DaemonSet);
    public static ResourceKind<Lease> Leases { get; } = new("coordination.k8s.io", "v1", "leases", true, ResourceJson.Default.Lease);
    public static ResourceKind<TokenReview> TokenReviews { get; } = new("authentication.k8s.io", "v1", "tokenreviews", false, ResourceJson.Default.TokenReview);
    public static ResourceKind<AuthorizationPolicy> AuthorizationPolicies { get; } = new("security.istio.io", "v1", "authorizationpolicies", true, ResourceJson.Default.AuthorizationPolicy);
    public static ResourceKind<PeerAuthentication> PeerAuthentications { get; } = new("security.istio.io", "v1", "peerauthentications", true, ResourceJson.Default.PeerAuthentication);
    public static ResourceKind<Gateway> Gateways { get; } = new("gateway.networking.k8s.io", "v1", "gateways", true, ResourceJson.Default.Gateway);
    public static ResourceKind<GatewayClass> GatewayClasses { get; } = new("gateway.networking.k8s.io", "v1", "gatewayclasses", false, ResourceJson.Default.GatewayClass);
    public static ResourceKind<HttpRoute> HttpRoutes { get; } = new("gateway.networking.k8s.io", "v1", "httproutes", true, ResourceJson.Default.HttpRoute);
    public static ResourceKind<GrpcRoute> GrpcRoutes { get; } = new("gateway.networking.k8s.io", "v1", "grpcroutes", true, ResourceJson.Default.GrpcRoute);
    public static ResourceKind<VirtualService> VirtualServices { get; } = new("networking.istio.io", "v1", "virtualservices", true, ResourceJson.Default.VirtualService);
    public static ResourceKind<DestinationRule> DestinationRules { get; } = new("networking.istio.io", "v1", "destinationrules", true, ResourceJson.Default.DestinationRule);
    public static ResourceKind<ServiceEntry> ServiceEntries { get; } = new("networking.istio.io", "v1", "serviceentries", true, ResourceJson.Default.ServiceEntry);
    public static ResourceKind<WorkloadEntry> WorkloadEntries { get; } = new("networking.istio.io", "v1", "workloadentries", true, ResourceJson.Default.WorkloadEntry);
}
