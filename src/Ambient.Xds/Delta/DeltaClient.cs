using System.Threading.Channels;
using Ambient.Api.Discovery;
using Ambient.Xds.Grpc;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace Ambient.Xds.Delta;

/// <summary>
/// Keeps a delta stream to a control plane open and hands what comes to the sinks. Each response is answered; what is held survives
/// the loss of a stream and is not sent again.
/// </summary>
public sealed class DeltaClient
{
    /// <summary>Largest response to accept, for <see cref="GrpcChannelOptions.MaxReceiveBytes"/>: as ztunnel has it.</summary>
    public const int MaxReceiveBytes = 200 * 1024 * 1024;

    /// <summary>Names on their way to the server. Who demands more waits a moment.</summary>
    private const int MaxDemands = 1024;

    private readonly GrpcChannel _channel;
    private readonly Node _node;
    private readonly DeltaClientOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly DeltaClientMetrics _metrics;
    private readonly Dictionary<string, HeldType> _held;
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<(HeldType Type, string Name)> _demands = Channel.CreateBounded<(HeldType Type, string Name)>(
        new BoundedChannelOptions(MaxDemands) { SingleReader = true });
    private Task<bool>? _demanded;

    /// <summary>
    /// A client that does not connect yet. The order of <paramref name="subscriptions"/> is the order of the first requests.
    /// </summary>
    public DeltaClient(
        GrpcChannel channel, Node node, IReadOnlyList<DeltaSubscription> subscriptions, ILoggerFactory loggers, DeltaClientMetrics metrics,
        DeltaClientOptions? options = null, TimeProvider? time = null)
    {
        _channel = channel;
        _node = node;
        _options = options ?? new DeltaClientOptions();
        _time = time ?? TimeProvider.System;
        _logger = loggers.CreateLogger("xds");
        _metrics = metrics;
        _held = subscriptions.ToDictionary(subscription => subscription.TypeUrl, subscription => new HeldType(subscription), StringComparer.Ordinal);
        MarkSyncedIfComplete();
    }

    /// <summary>Completes when the first response of every type that is not on demand was applied.</summary>
    public Task Synced => _synced.Task;

    /// <summary>
    /// Asks for a resource of an on-demand type and completes when the server answered, with the resource or with its absence; the sink
    /// has it then. A name that was answered before is asked for again.
    /// </summary>
    public async Task DemandAsync(string typeUrl, string name, CancellationToken cancellation)
    {
        var held = _held[typeUrl];
        if (!held.Subscription.OnDemand)
        {
            throw new InvalidOperationException($"Everything of {typeUrl} is subscribed to; {name} need not be demanded.");
        }

        var (answered, ask) = held.Wait(name);
        try
        {
            if (ask)
            {
                await _demands.Writer.WriteAsync((held, name), cancellation);
            }

            await answered.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            held.Leave(name, answered);
            throw;
        }
    }

    /// <summary>Connects, and connects again when a stream ends, until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var backoff = new ReconnectBackoff(_options.FirstBackoff, _options.MaxBackoff);
        while (true)
        {
            var started = _time.GetTimestamp();
            var failure = await RunStreamAsync(cancellation);
            var delay = backoff.Next(failure, _time.GetElapsedTime(started));
            if (failure is null || ReconnectBackoff.IsExpected(failure))
            {
                Log.Reconnecting(_logger, _channel.Address, failure?.Message ?? "the server ended it");
            }
            else
            {
                Log.Failed(_logger, _channel.Address, delay, failure.Message);
            }

            await Task.Delay(delay, _time, cancellation);
        }
    }

    /// <summary>One stream from beginning to end: why it ended; null if the server was done.</summary>
    private async Task<GrpcException?> RunStreamAsync(CancellationToken cancellation)
    {
        // What was demanded before is in the first requests.
        while (_demands.Reader.TryRead(out _))
        {
        }

        var connected = false;
        GrpcException? failure = null;
        try
        {
            await using var call = await _channel.DuplexAsync(GrpcMethods.DeltaAggregatedResources, cancellation);
            try
            {
                await foreach (var response in ReadAsync(call, cancellation))
                {
                    await HandleAsync(call, response, cancellation);
                }
            }
            finally
            {
                connected = call.Connected;
            }
        }
        catch (GrpcException ended)
        {
            failure = ended;
        }

        _metrics.Terminations.With(ReconnectBackoff.ReasonOf(failure, connected)).Add();
        return failure;
    }

    /// <summary>Sends the first requests, then yields responses; demands go out in between.</summary>
    private async IAsyncEnumerable<DeltaDiscoveryResponse> ReadAsync(
        DuplexCall<DeltaDiscoveryRequest, DeltaDiscoveryResponse> call,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        foreach (var held in _held.Values)
        {
            await call.WriteAsync(held.FirstRequest(_node), cancellation);
        }

        Log.Connected(_logger, _channel.Address);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var read = call.ReadAsync(ending.Token).AsTask();
        try
        {
            while (true)
            {
                _demanded ??= _demands.Reader.WaitToReadAsync(CancellationToken.None).AsTask();
                await Task.WhenAny(read, _demanded);
                if (_demanded.IsCompleted)
                {
                    _demanded = null;
                    await SendDemandsAsync(call, cancellation);
                }

                if (read.IsCompleted)
                {
                    if (await read is not { } response)
                    {
                        yield break;
                    }

                    yield return response;
                    read = call.ReadAsync(ending.Token).AsTask();
                }
            }
        }
        finally
        {
            await ending.CancelAsync();
            await ((Task)read).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task SendDemandsAsync(DuplexCall<DeltaDiscoveryRequest, DeltaDiscoveryResponse> call, CancellationToken cancellation)
    {
        var requests = new Dictionary<HeldType, DeltaDiscoveryRequest>();
        while (_demands.Reader.TryRead(out var demand))
        {
            if (!requests.TryGetValue(demand.Type, out var request))
            {
                request = requests[demand.Type] = new DeltaDiscoveryRequest { TypeUrl = demand.Type.Subscription.TypeUrl };
            }

            request.ResourceNamesSubscribe.Add(demand.Name);
        }

        foreach (var request in requests.Values)
        {
            await call.WriteAsync(request, cancellation);
        }
    }

    private async Task HandleAsync(
        DuplexCall<DeltaDiscoveryRequest, DeltaDiscoveryResponse> call, DeltaDiscoveryResponse response, CancellationToken cancellation)
    {
        // A type of the server's choosing must not become a label of its own.
        var url = _held.ContainsKey(response.TypeUrl) ? response.TypeUrl : "unknown";
        _metrics.Messages.With(url).Add();
        _metrics.MessageBytes.With(url).Add(call.LastSize);
        Log.Received(_logger, response.TypeUrl, response.Resources.Count, response.RemovedResources.Count, call.LastSize);

        var answer = new DeltaDiscoveryRequest { TypeUrl = response.TypeUrl, ResponseNonce = response.Nonce };
        if (!_held.TryGetValue(response.TypeUrl, out var held))
        {
            Log.Unasked(_logger, response.TypeUrl);
            await call.WriteAsync(answer, cancellation);
            return;
        }

        var (rejections, applied) = Apply(held, response);
        held.Note(response, rejections, applied);
        if (rejections.Count > 0)
        {
            var reasons = string.Join("; ", rejections.Select(rejection => $"{rejection.Name}: {rejection.Reason}"));
            Log.Refused(_logger, response.TypeUrl, reasons);
            answer.ErrorDetail = new Status { Message = reasons };
        }

        await call.WriteAsync(answer, cancellation);
        if (rejections.Count == 0 && !held.Synced)
        {
            held.Synced = true;
            MarkSyncedIfComplete();
        }
    }

    private (IReadOnlyList<ResourceRejection> Rejections, bool Applied) Apply(HeldType held, DeltaDiscoveryResponse response)
    {
        try
        {
            var updates = response.Resources.Select(
                resource => new ReceivedResource(resource.Name, resource.Version, resource.Resource_?.Value ?? ByteString.Empty));
            return (held.Subscription.Sink.Apply([.. updates], response.RemovedResources), true);
        }
        catch (Exception failure)
        {
            Log.ApplyFailed(_logger, failure, response.TypeUrl);
            var names = response.Resources.Select(resource => resource.Name).Concat(response.RemovedResources);
            return ([.. names.Select(name => new ResourceRejection(name, $"cannot be applied: {failure.Message}"))], false);
        }
    }

    private void MarkSyncedIfComplete()
    {
        if (_held.Values.All(held => held.Synced || held.Subscription.OnDemand))
        {
            _synced.TrySetResult();
        }
    }
}
