using Ambient.Api.Certificates;
using Ambient.Api.Discovery;
using Google.Protobuf;

namespace Ambient.Xds.Grpc;

/// <summary>A method of a service: its path and how its messages are read.</summary>
/// <param name="Path">As it stands in <c>:path</c>: <c>/package.Service/Method</c>.</param>
/// <param name="RequestParser">Reads requests.</param>
/// <param name="ResponseParser">Reads responses.</param>
public sealed record GrpcMethod<TRequest, TResponse>(
    string Path, MessageParser<TRequest> RequestParser, MessageParser<TResponse> ResponseParser)
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>;

/// <summary>The methods that the mesh uses.</summary>
public static class GrpcMethods
{
    /// <summary>The delta stream of aggregated discovery; both sides stream.</summary>
    public static readonly GrpcMethod<DeltaDiscoveryRequest, DeltaDiscoveryResponse> DeltaAggregatedResources = new(
        "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
        DeltaDiscoveryRequest.Parser,
        DeltaDiscoveryResponse.Parser);

    /// <summary>The signing of a certificate request; unary.</summary>
    public static readonly GrpcMethod<IstioCertificateRequest, IstioCertificateResponse> CreateCertificate = new(
        "/istio.v1.auth.IstioCertificateService/CreateCertificate",
        IstioCertificateRequest.Parser,
        IstioCertificateResponse.Parser);
}
