using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Ambient.Api.Discovery;
using Ambient.Api.Kubernetes;
using Ambient.ControlPlane.Authority;
using Ambient.Xds.Delta;
using Ambient.Xds.Grpc;
using Google.Protobuf.WellKnownTypes;
using Address = Ambient.Api.Workloads.Address;

namespace Ambient.ControlPlane.Tests.EndToEnd;

/// <summary>A client as a node proxy is one: it trusts the published roots and shows its pod's token.</summary>
internal sealed class ProxyUnderTest : IAsyncDisposable
{
    private const string NodeId = "ztunnel~10.8.0.200~ztunnel-abc12.istio-system~istio-system.svc.cluster.local";
    private DuplexCall<DeltaDiscoveryRequest, DeltaDiscoveryResponse>? _stream;

    private ProxyUnderTest(GrpcChannel channel) => Channel = channel;

    public GrpcChannel Channel { get; }

    /// <summary>Over TLS, with a token or, where it is null, without.</summary>
    public static async Task<ProxyUnderTest> ConnectAsync(ApiUnderTest api, AppUnderTest app, string? token)
    {
        X509Certificate2Collection roots = [];
        roots.ImportFromPem(await RootsAsync(api, "istio-system"));
        return new ProxyUnderTest(new GrpcChannel(new Uri($"https://{app.App.SecureEndPoint}"), new GrpcChannelOptions
        {
            AlternativeHostname = "istiod.istio-system.svc",
            RootCertificates = _ => ValueTask.FromResult(roots),
            Metadata = _ => ValueTask.FromResult<IReadOnlyList<KeyValuePair<string, string>>>(
                token is null ? [] : [new("authorization", "Bearer " + token), new("clusterid", "Kubernetes")]),
        }));
    }

    public static ProxyUnderTest ConnectPlain(IPEndPoint server) => new(new GrpcChannel(new Uri($"http://{server}")));

    /// <summary>The published roots of a namespace, once they are there.</summary>
    public static async Task<string> RootsAsync(ApiUnderTest api, string ns)
    {
        ConfigMap? map = null;
        await Until.TrueAsync(
            async () => (map = await api.Client.FindAsync(ResourceKinds.ConfigMaps, ns, RootPublisher.ConfigMapName)) is not null,
            $"{RootPublisher.ConfigMapName} in {ns}");
        return map!.Data![RootPublisher.ConfigMapKey];
    }

    /// <summary>Opens a stream and asks for everything of both types.</summary>
    public async Task SubscribeAsync(Dictionary<string, string>? versions = null, string ns = "istio-system")
    {
        _stream = await Channel.DuplexAsync(GrpcMethods.DeltaAggregatedResources);
        var node = new Ambient.Api.Discovery.Node { Id = NodeId, Metadata = new Struct() };
        node.Metadata.Fields["NAMESPACE"] = Value.ForString(ns);
        node.Metadata.Fields["NODE_NAME"] = Value.ForString("node-1");
        await SendAsync(new DeltaDiscoveryRequest { Node = node, TypeUrl = ResourceTypes.Address, InitialResourceVersions = { versions ?? [] } });
        await SendAsync(new DeltaDiscoveryRequest { Node = node, TypeUrl = ResourceTypes.Authorization });
    }

    /// <summary>Opens a stream as a waypoint and asks for everything of some types.</summary>
    public async Task SubscribeAsWaypointAsync(string ns, string gateway, params string[] types)
    {
        _stream = await Channel.DuplexAsync(GrpcMethods.DeltaAggregatedResources);
        var node = new Ambient.Api.Discovery.Node { Id = $"waypoint~10.8.0.9~{gateway}-1.{ns}~{ns}.svc.cluster.local", Metadata = new Struct() };
        node.Metadata.Fields["NAMESPACE"] = Value.ForString(ns);
        node.Metadata.Fields["GATEWAY_NAME"] = Value.ForString(gateway);
        foreach (var type in types)
        {
            await SendAsync(new DeltaDiscoveryRequest { Node = node, TypeUrl = type });
        }
    }

    /// <summary>Asks for names of a type, on the stream that is open; all of it without names.</summary>
    public Task AskAsync(string type, params string[] names) => SendAsync(new DeltaDiscoveryRequest { TypeUrl = type, ResourceNamesSubscribe = { names } });

    /// <summary>The next response, which is accepted.</summary>
    public async Task<DeltaDiscoveryResponse> NextAsync(TimeSpan? patience = null)
    {
        using var limit = new CancellationTokenSource(patience ?? TimeSpan.FromSeconds(10));
        var response = await _stream!.ReadAsync(limit.Token) ?? throw new InvalidOperationException("the server ended the stream");
        await SendAsync(new DeltaDiscoveryRequest { TypeUrl = response.TypeUrl, ResponseNonce = response.Nonce });
        return response;
    }

    /// <summary>Whether the server stays silent.</summary>
    public async Task<bool> IsSilentAsync(TimeSpan time)
    {
        try
        {
            await NextAsync(time);
            return false;
        }
        catch (OperationCanceledException)
        {
            return true;
        }
    }

    public static JsonObject Recorded(Resource resource) => resource.Resource_.TypeUrl == ResourceTypes.Address
        ? RecordedForm.Of(Address.Parser.ParseFrom(resource.Resource_.Value))
        : RecordedForm.Of(Ambient.Api.Security.Authorization.Parser.ParseFrom(resource.Resource_.Value));

    public async ValueTask DisposeAsync()
    {
        await (_stream?.DisposeAsync() ?? ValueTask.CompletedTask);
        Channel.Dispose();
    }

    private Task SendAsync(DeltaDiscoveryRequest request) => _stream!.WriteAsync(request).AsTask();
}
