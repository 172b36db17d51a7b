using System.Net;
using System.Net.Sockets;
using Ambient.Api.Discovery;
using Ambient.Xds.Grpc;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Xds.Tests.Grpc;

/// <summary>A peer that is gone without a word is noticed by its silence.</summary>
public sealed class KeepAliveTests
{
    [Fact]
    public async Task A_connection_on_which_nothing_comes_back_is_given_up()
    {
        await using var server = new GrpcServer([new GrpcListener(new IPEndPoint(IPAddress.Loopback, 0))], NullLoggerFactory.Instance)
            .Duplex(GrpcMethods.DeltaAggregatedResources, async (requests, responses, context) =>
            {
                while (await requests.ReadAsync(context.Cancellation) is { } request)
                {
                    await responses.WriteAsync(new DeltaDiscoveryResponse { Nonce = request.TypeUrl }, context.Cancellation);
                }
            });
        await server.StartAsync(default);
        await using var wire = new Wire(server.EndPoints[0]);
        using var channel = new GrpcChannel(new Uri($"http://{wire.EndPoint}"), new GrpcChannelOptions
        {
            KeepAliveDelay = TimeSpan.FromSeconds(1),
            KeepAliveTimeout = TimeSpan.FromSeconds(1),
        });
        await using var call = await channel.DuplexAsync(GrpcMethods.DeltaAggregatedResources);
        await call.WriteAsync(new DeltaDiscoveryRequest { TypeUrl = "a" });
        Assert.Equal("a", (await call.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(10)))!.Nonce);

        wire.Cut();
        var failure = await Assert.ThrowsAsync<GrpcException>(() => call.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.Equal(GrpcStatus.Unavailable, failure.Status);
        Assert.StartsWith($"the stream with http://{wire.EndPoint}/ broke off: ", failure.Detail, StringComparison.Ordinal);
        Assert.Contains("ping", failure.Detail, StringComparison.Ordinal);
    }

    /// <summary>Passes bytes on until it is cut; then it takes them and passes nothing on, as a network that drops packets.</summary>
    private sealed class Wire : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _end = new();
        private readonly Task _running;
        private volatile bool _cut;

        public Wire(IPEndPoint server)
        {
            _listener.Start();
            _running = RunAsync(server);
        }

        public EndPoint EndPoint => _listener.LocalEndpoint;

        public void Cut() => _cut = true;

        public async ValueTask DisposeAsync()
        {
            await _end.CancelAsync();
            await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _listener.Stop();
            _end.Dispose();
        }

        private async Task RunAsync(IPEndPoint server)
        {
            using var near = await _listener.AcceptTcpClientAsync(_end.Token);
            using var far = new TcpClient();
            await far.ConnectAsync(server, _end.Token);
            await Task.WhenAll(PassAsync(near.GetStream(), far.GetStream()), PassAsync(far.GetStream(), near.GetStream()));
        }

        private async Task PassAsync(NetworkStream from, NetworkStream to)
        {
            var buffer = new byte[4096];
            while (await from.ReadAsync(buffer, _end.Token) is > 0 and var count)
            {
                if (!_cut)
                {
                    await to.WriteAsync(buffer.AsMemory(0, count), _end.Token);
                }
            }
        }
    }
}
