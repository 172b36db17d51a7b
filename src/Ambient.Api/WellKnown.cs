namespace Ambient.Api;

/// <summary>TCP ports of the data plane and its servers, as Istio ambient fixes them.</summary>
public static class Ports
{
    /// <summary>Outbound capture, in the pod's network namespace.</summary>
    public const int Outbound = 15001;

    /// <summary>Inbound plaintext capture, in the pod's network namespace.</summary>
    public const int InboundPlaintext = 15006;

    /// <summary>Inbound HBONE, in the pod's network namespace.</summary>
    public const int Hbone = 15008;

    /// <summary>Captured DNS, in the pod's network namespace.</summary>
    public const int Dns = 15053;

    /// <summary>Admin pages, on loopback.</summary>
    public const int Admin = 15000;

    /// <summary>Prometheus metrics.</summary>
    public const int Metrics = 15020;

    /// <summary>Readiness.</summary>
    public const int Readiness = 15021;

    /// <summary>xDS without TLS, on loopback.</summary>
    public const int XdsPlaintext = 15010;

    /// <summary>xDS and certificate service over TLS.</summary>
    public const int Xds = 15012;

    /// <summary>Metrics and debug pages of the control plane and of the node agent.</summary>
    public const int ControlPlaneMetrics = 15014;
}

/// <summary>Packet and connection marks that keep the proxy's own traffic out of capture.</summary>
public static class Marks
{
    /// <summary>SO_MARK of every socket that the proxy makes in a pod.</summary>
    public const int Packet = 0x539;

    /// <summary>Connection mark of connections that the proxy opened towards the application.</summary>
    public const int Connection = 0x111;

    /// <summary>The bits of a mark that are ours.</summary>
    public const int Mask = 0xfff;
}

/// <summary>Labels that users and components put on resources.</summary>
public static class Labels
{
    /// <summary>On a namespace or pod: <c>ambient</c> asks for enrolment, <c>none</c> on a pod refuses it.</summary>
    public const string DataplaneMode = "istio.io/dataplane-mode";

    /// <summary>Value of <see cref="DataplaneMode"/> that enrols.</summary>
    public const string Ambient = "ambient";

    /// <summary>Value of <see cref="DataplaneMode"/> and of the waypoint labels that opts out.</summary>
    public const string None = "none";

    /// <summary>The revision of the control plane that owns a resource.</summary>
    public const string Revision = "istio.io/rev";

    /// <summary>The network of the cluster (on the system namespace) or of an endpoint.</summary>
    public const string Network = "topology.istio.io/network";

    /// <summary>The part of a zone, on a node.</summary>
    public const string Subzone = "topology.istio.io/subzone";

    /// <summary>The region, on a node.</summary>
    public const string Region = "topology.kubernetes.io/region";

    /// <summary>The zone, on a node.</summary>
    public const string Zone = "topology.kubernetes.io/zone";

    /// <summary>The service that an EndpointSlice belongs to.</summary>
    public const string ServiceName = "kubernetes.io/service-name";

    /// <summary>Overrides the derived workload name.</summary>
    public const string WorkloadName = "service.istio.io/workload-name";

    /// <summary>Overrides the derived canonical service name.</summary>
    public const string CanonicalName = "service.istio.io/canonical-name";

    /// <summary>Overrides the derived canonical service revision.</summary>
    public const string CanonicalRevision = "service.istio.io/canonical-revision";

    /// <summary>CSV of tunnel protocols that a workload terminates itself.</summary>
    public const string Tunnel = "networking.istio.io/tunnel";

    /// <summary>The hash that a ReplicaSet gives its pods.</summary>
    public const string PodTemplateHash = "pod-template-hash";

    /// <summary>On a namespace, service or pod: the waypoint that its traffic goes through; <c>none</c> for no waypoint.</summary>
    public const string UseWaypoint = "istio.io/use-waypoint";

    /// <summary>Beside <see cref="UseWaypoint"/>: the waypoint's namespace, if it is another one.</summary>
    public const string UseWaypointNamespace = "istio.io/use-waypoint-namespace";

    /// <summary>On a Gateway or GatewayClass: which traffic a waypoint takes: <c>service</c>, <c>workload</c>, <c>all</c> or <c>none</c>.</summary>
    public const string WaypointFor = "istio.io/waypoint-for";

    /// <summary>On a service or namespace: ingress gateways send its traffic through its waypoint too.</summary>
    public const string IngressUseWaypoint = "istio.io/ingress-use-waypoint";

    /// <summary>On what a gateway controller makes: which one did.</summary>
    public const string GatewayManaged = "gateway.istio.io/managed";

    /// <summary>On what is made for a Gateway: its name.</summary>
    public const string GatewayName = "gateway.networking.k8s.io/gateway-name";

    /// <summary>On what is made for a Gateway: the name of its class.</summary>
    public const string GatewayClassName = "gateway.networking.k8s.io/gateway-class-name";
}

/// <summary>Annotations that users and components put on resources.</summary>
public static class Annotations
{
    /// <summary>Written by the node agent on a pod: <c>enabled</c> or <c>pending</c>.</summary>
    public const string Redirection = "ambient.istio.io/redirection";

    /// <summary>On a pod: inbound plaintext is not redirected.</summary>
    public const string BypassInboundCapture = "ambient.istio.io/bypass-inbound-capture";

    /// <summary>On a pod: overrides the node's DNS capture.</summary>
    public const string DnsCapture = "ambient.istio.io/dns-capture";

    /// <summary>On a pod: interfaces whose inbound traffic is treated as outbound.</summary>
    public const string RerouteVirtualInterfaces = "istio.io/reroute-virtual-interfaces";

    /// <summary>On a pod: a sidecar was injected, so ambient leaves it alone.</summary>
    public const string SidecarStatus = "sidecar.istio.io/status";

    /// <summary>On a policy: evaluate and report, never enforce.</summary>
    public const string DryRun = "istio.io/dry-run";

    /// <summary>On a waypoint's Gateway: the one service account, of the same namespace, whose traffic goes through it.</summary>
    public const string ForServiceAccount = "istio.io/for-service-account";

    /// <summary>
    /// On a waypoint's Gateway: <c>true</c> lets traffic pass it by while it is not ready, as Istio does. Without it such traffic is
    /// refused.
    /// </summary>
    public const string WaypointFailOpen = "ambient.istio.io/waypoint-fail-open";

    /// <summary>On a service or namespace: prefer near endpoints.</summary>
    public const string TrafficDistribution = "networking.istio.io/traffic-distribution";
}
