using System.Text.Json.Serialization;

namespace Ambient.Api.Kubernetes;

/// <summary>JSON of the resource records: camel case, nulls left out, unknown fields skipped.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    IgnoreReadOnlyProperties = true)]
[JsonSerializable(typeof(Namespace))]
[JsonSerializable(typeof(Node))]
[JsonSerializable(typeof(Pod))]
[JsonSerializable(typeof(Service))]
[JsonSerializable(typeof(ServiceAccount))]
[JsonSerializable(typeof(ConfigMap))]
[JsonSerializable(typeof(Secret))]
[JsonSerializable(typeof(SecretHeader))]
[JsonSerializable(typeof(Event))]
[JsonSerializable(typeof(EndpointSlice))]
[JsonSerializable(typeof(Deployment))]
[JsonSerializable(typeof(ReplicaSet))]
[JsonSerializable(typeof(DaemonSet))]
[JsonSerializable(typeof(Lease))]
[JsonSerializable(typeof(TokenRequest))]
[JsonSerializable(typeof(TokenReview))]
[JsonSerializable(typeof(AuthorizationPolicy))]
[JsonSerializable(typeof(PeerAuthentication))]
[JsonSerializable(typeof(Gateway))]
[JsonSerializable(typeof(GatewayClass))]
[JsonSerializable(typeof(GatewayStatus))]
[JsonSerializable(typeof(HttpRoute))]
[JsonSerializable(typeof(RouteStatus))]
[JsonSerializable(typeof(GrpcRoute))]
[JsonSerializable(typeof(VirtualService))]
[JsonSerializable(typeof(DestinationRule))]
[JsonSerializable(typeof(ServiceEntry))]
[JsonSerializable(typeof(ServiceEntryStatus))]
[JsonSerializable(typeof(WorkloadEntry))]
[JsonSerializable(typeof(LabelSelector))]
[JsonSerializable(typeof(PodStatus))]
public sealed partial class ResourceJson : JsonSerializerContext;
