using System.Net;
using Ambient.Api.Discovery;
using Ambient.Telemetry.Metrics;
using Ambient.Xds.Delta;
using Ambient.Xds.Grpc;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Xds.Tests.Delta;

/// <summary>A store behind a delta server on a real socket.</summary>
internal sealed class ServedStore : IAsyncDisposable
{
    private readonly GrpcServer _grpc;

    private ServedStore(DeltaServerOptions? options, Func<Node, ResourceScope>? admit)
    {
        Server = new DeltaServer(Store, NullLoggerFactory.Instance, new DeltaServerMetrics(Metrics), options);
        _grpc = new GrpcServer([new GrpcListener(new IPEndPoint(IPAddress.Loopback, 0))], NullLoggerFactory.Instance)
            .Duplex(
                GrpcMethods.DeltaAggregatedResources,
                (requests, responses, context) => Server.ServeAsync(requests, responses, context, admit), DeltaServer.MaxReceiveBytes);
    }

    public ResourceStore Store { get; } = new(ResourceTypes.Address, ResourceTypes.Authorization);

    public DeltaServer Server { get; }

    public MetricRegistry Metrics { get; } = new();

    public static async Task<ServedStore> StartAsync(DeltaServerOptions? options = null, Func<Node, ResourceScope>? admit = null, bool synced = true)
    {
        var served = new ServedStore(options, admit);
        if (synced)
        {
            served.Store.MarkSynced();
        }

        await served._grpc.StartAsync(default);
        return served;
    }

    public GrpcChannel Channel() => new(new Uri($"http://{_grpc.EndPoints[0]}"), new GrpcChannelOptions { MaxReceiveBytes = DeltaClient.MaxReceiveBytes });

    public void Put(params string[] nameAndVersion) => Put([], nameAndVersion);

    /// <summary>Puts resources given as <c>name=version</c>, each with these aliases.</summary>
    public void Put(string[] aliases, params string[] nameAndVersion) => Store.Apply(new ResourceChange(
        ResourceTypes.Address,
        [.. nameAndVersion.Select(text => text.Split('=')).Select(parts => new DeltaResource(
            parts[0], parts[1], ResourceTypes.Address, ByteString.CopyFromUtf8($"{parts[0]} {parts[1]}"), aliases))],
        []));

    public void Remove(params string[] names) => Store.Apply(new ResourceChange(ResourceTypes.Address, [], names));

    public ValueTask DisposeAsync() => _grpc.DisposeAsync();
}

/// <summary>A client that sends what a test says.</summary>
internal sealed class RawClient : IAsyncDisposable
{
    private readonly GrpcChannel _channel;
    private readonly DuplexCall<DeltaDiscoveryRequest, DeltaDiscoveryResponse> _call;

    private RawClient(GrpcChannel channel, DuplexCall<DeltaDiscoveryRequest, DeltaDiscoveryResponse> call)
    {
        _channel = channel;
        _call = call;
    }

    public static async Task<RawClient> ConnectAsync(ServedStore served)
    {
        var channel = served.Channel();
        return new RawClient(channel, await channel.DuplexAsync(GrpcMethods.DeltaAggregatedResources));
    }

    public Task SendAsync(DeltaDiscoveryRequest request) => _call.WriteAsync(request).AsTask().WaitAsync(TimeSpan.FromSeconds(10));

    /// <summary>Sends the first request for addresses.</summary>
    public Task StartAsync(string[]? subscribe = null, string[]? unsubscribe = null, params (string Name, string Version)[] held)
    {
        var request = new DeltaDiscoveryRequest
        {
            Node = new Node { Id = "ztunnel~10.0.0.1~z.istio-system~istio-system.svc.cluster.local" },
            TypeUrl = ResourceTypes.Address,
            ResourceNamesSubscribe = { subscribe ?? [] },
            ResourceNamesUnsubscribe = { unsubscribe ?? [] },
        };
        foreach (var (name, version) in held)
        {
            request.InitialResourceVersions[name] = version;
        }

        return SendAsync(request);
    }

    public Task SubscribeAsync(params string[] names) =>
        SendAsync(new DeltaDiscoveryRequest { TypeUrl = ResourceTypes.Address, ResourceNamesSubscribe = { names } });

    public Task AcknowledgeAsync(DeltaDiscoveryResponse response) =>
        SendAsync(new DeltaDiscoveryRequest { TypeUrl = response.TypeUrl, ResponseNonce = response.Nonce });

    public async Task<DeltaDiscoveryResponse> ReadAsync() =>
        await _call.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10)) ?? throw new InvalidOperationException("The server ended the stream.");

    /// <summary>Reads a response, compares it (<c>+name=version</c>, <c>-name</c>, sorted) and acknowledges it.</summary>
    public async Task<DeltaDiscoveryResponse> ExpectAsync(params string[] what)
    {
        var response = await ReadAsync();
        Assert.Equal(what, Summary(response));
        await AcknowledgeAsync(response);
        return response;
    }

    public static IEnumerable<string> Summary(DeltaDiscoveryResponse response) =>
        response.Resources.Select(resource => $"+{resource.Name}={resource.Version}")
            .Concat(response.RemovedResources.Select(name => $"-{name}")).Order(StringComparer.Ordinal);

    public async ValueTask DisposeAsync()
    {
        await _call.DisposeAsync();
        _channel.Dispose();
    }
}
