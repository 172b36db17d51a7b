using System.Net;
using System.Threading.Channels;
using Ambient.Api.Discovery;
using Ambient.Xds.Grpc;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Xds.Tests.Delta;

/// <summary>A discovery server that does what a test says, stream by stream.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly Channel<Stream> _streams = Channel.CreateBounded<Stream>(16);
    private readonly GrpcServer _server;

    private ScriptedServer(IPEndPoint endpoint) => _server = new GrpcServer([new GrpcListener(endpoint)], NullLoggerFactory.Instance)
        .Duplex(GrpcMethods.DeltaAggregatedResources, async (requests, responses, context) =>
        {
            var stream = new Stream(requests, responses, context);
            await _streams.Writer.WriteAsync(stream);
            var end = await stream.Ended.Task.WaitAsync(TimeSpan.FromSeconds(30), context.Cancellation);
            if (end is not null)
            {
                throw end;
            }
        });

    public Uri Address => new($"http://{_server.EndPoints[0]}");

    public IPEndPoint EndPoint => _server.EndPoints[0];

    public static async Task<ScriptedServer> StartAsync(IPEndPoint? endpoint = null)
    {
        var server = new ScriptedServer(endpoint ?? new IPEndPoint(IPAddress.Loopback, 0));
        await server._server.StartAsync(default);
        return server;
    }

    public async Task<Stream> AcceptAsync() => await _streams.Reader.ReadAsync().AsTask().WaitAsync(Limit);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    internal sealed record Stream(
        MessageReader<DeltaDiscoveryRequest> Requests, MessageWriter<DeltaDiscoveryResponse> Responses, ServerCallContext Context)
    {
        public TaskCompletionSource<GrpcException?> Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task<DeltaDiscoveryRequest> ReadAsync() =>
            await Requests.ReadAsync(default).AsTask().WaitAsync(Limit) ?? throw new InvalidOperationException("The client ended the stream.");

        public Task SendAsync(DeltaDiscoveryResponse response) => Responses.WriteAsync(response, default).AsTask().WaitAsync(Limit);

        public void End(GrpcException? failure = null) => Ended.TrySetResult(failure);
    }
}
