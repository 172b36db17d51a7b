using System.Collections.Concurrent;
using Ambient.Api.Discovery;
using Ambient.Xds.Grpc;
using Microsoft.Extensions.Logging;

namespace Ambient.Xds.Delta;

/// <summary>What a stream of a delta server has sent and what its client took.</summary>
/// <param name="NodeId">Who the client says it is.</param>
/// <param name="Peer">Where it comes from.</param>
/// <param name="TypeUrl">The type.</param>
/// <param name="Generation">The generation of the store that it has been sent.</param>
/// <param name="Acknowledged">Whether it accepted the last response.</param>
/// <param name="Rejection">What it found wrong with the last response that it refused.</param>
public sealed record DeltaStreamStatus(string NodeId, string Peer, string TypeUrl, long Generation, bool Acknowledged, string? Rejection);

/// <summary>
/// Serves the resources of a store over delta streams. Each stream sends a type's changes when the client has answered the response
/// before, so that a slow client gets fewer and larger responses and holds no memory here.
/// </summary>
public sealed class DeltaServer(
    ResourceStore store, ILoggerFactory loggers, DeltaServerMetrics metrics, DeltaServerOptions? options = null, TimeProvider? time = null)
{
    private readonly DeltaServerOptions _options = options ?? new DeltaServerOptions();
    private readonly ILogger _logger = loggers.CreateLogger("ads");
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly ConcurrentDictionary<DeltaServerStream, byte> _streams = new();
    private int _open;

    /// <summary>
    /// Largest request to accept: a client that reconnects lists what it has, about 100 bytes each; this is enough for 600,000.
    /// </summary>
    public const int MaxReceiveBytes = 64 * 1024 * 1024;

    /// <summary>Streams that are open.</summary>
    internal int OpenStreams => _streams.Count;

    /// <summary>What each open stream has been sent.</summary>
    public IReadOnlyList<DeltaStreamStatus> Status => [.. _streams.Keys.SelectMany(stream => stream.Status)];

    /// <summary>
    /// Serves one stream until the client ends it; the handler for <see cref="GrpcMethods.DeltaAggregatedResources"/>.
    /// Authenticate before; <paramref name="admit"/> sees the client's node once and says in which scope it is, beside the shared one, or throws
    /// a <see cref="GrpcException"/> to refuse it.
    /// </summary>
    public async Task ServeAsync(
        MessageReader<DeltaDiscoveryRequest> requests, MessageWriter<DeltaDiscoveryResponse> responses, ServerCallContext context,
        Func<Node, ResourceScope>? admit = null)
    {
        if (!store.IsSynced)
        {
            throw new GrpcException(GrpcStatus.Unavailable, "the control plane has not read the cluster yet; try again");
        }

        if (Interlocked.Increment(ref _open) > _options.MaxStreams)
        {
            Interlocked.Decrement(ref _open);
            throw new GrpcException(GrpcStatus.ResourceExhausted, $"{_options.MaxStreams} streams are open, which is the limit");
        }

        var stream = new DeltaServerStream(store, _options, metrics, _logger, _time, responses, context.Peer.ToString(), admit);
        _streams[stream] = 0;
        metrics.Streams.Add(1);
        try
        {
            await stream.RunAsync(requests, context.Cancellation);
        }
        finally
        {
            metrics.Streams.Add(-1);
            Interlocked.Decrement(ref _open);
            _streams.TryRemove(stream, out _);
            Log.StreamClosed(_logger, stream.NodeId, stream.Peer);
        }
    }
}
