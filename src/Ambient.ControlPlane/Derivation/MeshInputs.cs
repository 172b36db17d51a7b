using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Collections;
using Ambient.ControlPlane.Policies;
using Ambient.ControlPlane.Routing;

namespace Ambient.ControlPlane.Derivation;

/// <summary>What the mesh is derived from: the cluster's objects, by <see cref="ResourceKey"/>.</summary>
internal sealed class MeshInputs
{
    public Source<Pod> Pods { get; } = new();

    public Source<Service> Services { get; } = new();

    public Source<EndpointSlice> EndpointSlices { get; } = new();

    public Source<Namespace> Namespaces { get; } = new();

    public Source<Node> Nodes { get; } = new();

    public Source<SecretHeader> Secrets { get; } = new();

    public Source<Gateway> Gateways { get; } = new();

    public Source<GatewayClass> GatewayClasses { get; } = new();

    public Source<HttpRoute> HttpRoutes { get; } = new();

    public Source<GrpcRoute> GrpcRoutes { get; } = new();

    public LastGood<ServiceEntry> ServiceEntries { get; } = new(ServiceEntryValidation.Problems);

    public LastGood<WorkloadEntry> WorkloadEntries { get; } = new(ServiceEntryValidation.Problems);

    public LastGood<VirtualService> VirtualServices { get; } = new(VirtualServiceValidation.Problems);

    public LastGood<DestinationRule> DestinationRules { get; } = new(DestinationRuleValidation.Problems);

    public LastGood<AuthorizationPolicy> AuthorizationPolicies { get; } = new(PolicyValidation.Problems);

    public LastGood<PeerAuthentication> PeerAuthentications { get; } = new(PolicyValidation.Problems);
}
