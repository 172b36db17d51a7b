using System.Runtime.CompilerServices;
using Ambient.Http;
using Ambient.Mesh.Http;
using Ambient.Waypoint.Requests.Upstreams;
using HttpVersion = Ambient.Http.HttpVersion;

namespace Ambient.Waypoint.Requests;

/// <summary>Steps 4 to 8: a request on its way to an endpoint and its answer on its way back.</summary>
internal sealed partial class RequestPath
{
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask CarryAsync(RequestState request)
    {
        // 4. Faults first: what they answer never leaves.
        if (request.DecisionRef.Fault != default && !await InjectAsync(request))
        {
            Finish(request);
            return;
        }

        Prepare(request);
        while (true)
        {
            // 5. An endpoint, and a connection to it.
            var connection = Rent(request);
            if (request.Waiter is { } waiter)
            {
                connection = await RentedAsync(request, waiter);
            }

            // 6. The request on it, and the head of its answer.
            if (connection is not null)
            {
                ResponseHead? answer = null;
                try
                {
                    answer = await Send(request, connection).ResponseAsync();
                }
                catch (HttpException failure)
                {
                    request.Failure = RequestFailure.Of(failure, connection.IsReused);
                }

                request.EndTry();
                if (answer is not null && !IsAskedForAgain(request, answer))
                {
                    // 8. The answer, as it comes.
                    await PassOnAsync(request, answer);
                    break;
                }

                if (answer is { HasBody: true })
                {
                    BodyRelay.DropWhole(request.Try!.ResponseBody);
                }

                await EndTryAsync(request, answer?.Status ?? 0);
            }

            // 7. Another try?
            if (!await RetryAsync(request))
            {
                Fail(request);
                break;
            }
        }

        if (request.HoldsRetry)
        {
            request.Upstream!.Limits.Retried();
        }

        // 9. The record.
        Finish(request);
    }

    /// <returns>Whether the request goes on.</returns>
    private async ValueTask<bool> InjectAsync(RequestState request)
    {
        var fault = request.DecisionRef.Fault;
        if (fault.Delay is { } delay)
        {
            request.Flags |= ResponseFlags.DI;
            await PauseAsync(request, delay);
            if (request.Interrupted != Interruption.None)
            {
                ClientGone(request);
                return false;
            }
        }

        if (!fault.Aborts)
        {
            return true;
        }

        request.Flags |= ResponseFlags.FI;
        request.Details = "fault_filter_abort";
        if (fault.AbortGrpcStatus is { } grpc)
        {
            request.ReplyGrpc(grpc);
            HeaderEdits.Complete(request.Reply, _date);
            request.Exchange.Respond(request.Reply, endStream: true);
        }
        else
        {
            Reply(request, fault.AbortStatus, "fault filter abort");
        }

        return false;
    }

    /// <summary>What all tries have in common: where to, the head to send, how long.</summary>
    private void Prepare(RequestState request)
    {
        ref readonly var decision = ref request.DecisionRef;
        var upstream = request.Upstream = request.Scope.UpstreamOf(decision);
        upstream.Follow(
            Plane.Mesh.Current, decision.Traffic, decision.Subset, _dialer.Self, request.Scope.Connection.Destination.Address, Loop.NowMilliseconds);

        var head = request.Head;
        if (decision.Route is { } route)
        {
            HeaderEdits.Apply(head.Fields, decision.Backend?.RequestHeaders);
            HeaderEdits.Apply(head.Fields, route.RequestHeaders);
            if (decision.Target is { } target)
            {
                request.OriginalTarget = head.Path + head.Query;
                var query = target.IndexOf('?', StringComparison.Ordinal);
                head.Path = query < 0 ? target : target[..query];
                head.Query = query < 0 ? "" : target[query..];
            }

            if (decision.Authority is { } authority)
            {
                head.Authority = authority;
            }
        }

        HeaderEdits.Complete(head, _random);
        request.BeginExchange(decision.Timeout);
        request.Replay.Begin(head.HasBody && (decision.Retry.Attempts > 0 || decision.Mirrored != 0) ? Plane.Settings.ReplayBytes : 0);
        if (decision.Mirrored != 0 && !head.HasBody)
        {
            BeginMirrors(request);
        }
    }

    /// <summary>
    /// A connection for a try; or what to wait for, in <see cref="RequestState.Waiter"/>; or neither, with the reason in
    /// <see cref="RequestState.Failure"/>.
    /// </summary>
    private UpstreamConnection? Rent(RequestState request)
    {
        var upstream = request.Upstream!;
        if (upstream.Pick(_random, Loop.NowMilliseconds, request.Tried) is not { } endpoint)
        {
            request.Failure = new RequestFailure(TryEnd.NoEndpoint, $"{upstream} has no endpoint in use, of {upstream.Endpoints.Length}");
            return null;
        }

        request.Endpoint = endpoint;
        if (!upstream.Limits.TryBegin(upstream.Policy.Pool))
        {
            request.Failure = new RequestFailure(TryEnd.Overflow, $"{upstream} has {upstream.Limits.Requests} requests under way, as many as its traffic policy allows");
            return null;
        }

        request.Attempts++;
        request.BeginTry(request.DecisionRef.Retry.PerTryTimeout);
        endpoint.Begin();
        var pool = _client.PoolOf(endpoint);
        var version = VersionFor(request);
        if (pool.TryRent(version) is { } connection)
        {
            return connection;
        }

        request.Waiter = pool.Wait(version);
        if (request.Waiter is null)
        {
            request.Failure = new RequestFailure(TryEnd.Overflow, $"{upstream} has {upstream.Limits.Pending} requests waiting for a connection, as many as its traffic policy allows");
            Ended(request);
        }

        return null;
    }

    private async ValueTask<UpstreamConnection?> RentedAsync(RequestState request, EndpointPool.Waiter waiter)
    {
        UpstreamConnection? connection = null;
        try
        {
            connection = await waiter.Rented;
        }
        catch (Exception failure) when (failure is IOException or TimeoutException)
        {
            request.Failure = new RequestFailure(TryEnd.ConnectFailed, failure.Message);
        }

        request.Waiter = null;
        if (connection is not null && request.Interrupted != Interruption.None)
        {
            connection.Pool.Return(connection);
            connection = null;
        }

        if (connection is null)
        {
            request.EndTry();
            if (request.Failure is not null)
            {
                Observe(request, 0);
            }

            Ended(request);
        }

        return connection;
    }

    private IClientExchange Send(RequestState request, UpstreamConnection connection)
    {
        var head = request.Head;
        request.Connection = connection;
        var exchange = request.Try = connection.Http.Send(head, endStream: !head.HasBody);
        exchange.OnInterim = request.OnInterim;
        if (head.HasBody)
        {
            request.SendingBody = SendBodyAsync(request, exchange);
        }

        return exchange;
    }

    /// <summary>
    /// Sends the request's body while its answer is waited for. A failure is no one's here: what went wrong with the connection is told by
    /// the answer, and what went wrong with the client by the request's exchange.
    /// </summary>
    private async Task SendBodyAsync(RequestState request, IClientExchange to)
    {
        var exchange = request.Exchange;
        try
        {
            if (request.Replay.Length > 0)
            {
                await to.RequestBody.WriteAsync(request.Replay.Kept);
            }

            if (!request.BodyEnded)
            {
                RelayOutcome end;
                do
                {
                    end = await BodyRelay.RunAsync(Loop, exchange.RequestBody, to.RequestBody, request.OnBody);
                }
                while (end == RelayOutcome.Stopped && !request.StopsBody); // a stop that was meant for the try before

                if (end != RelayOutcome.Whole)
                {
                    return;
                }

                request.BodyEnded = true;
                if (request.DecisionRef.Mirrored != 0)
                {
                    BeginMirrors(request);
                }
            }

            to.CompleteRequest(exchange.RequestTrailers);
        }
        catch (IOException failure)
        {
            // The codec answers a client whose body is malformed or does not come.
            request.BodyFault = exchange.IsAborted && failure is HttpException { Fault: HttpFault.ProtocolError or HttpFault.TimedOut } fault ? fault : null;
            to.Abort();
        }
    }

    /// <summary>The try is over: its connection is free for another request, or ends.</summary>
    private async ValueTask EndTryAsync(RequestState request, int status)
    {
        request.EndTry();
        var exchange = request.Try!;
        if (request.SendingBody is { IsCompleted: false } sending)
        {
            // The answer came before the request had ended, or none will: the rest of the body is not wanted.
            request.StopsBody = true;
            request.Exchange.RequestBody.CancelPendingRead();
            exchange.Abort();
            await sending;
            request.StopsBody = false;
        }

        CloseTry(request, status);
    }

    /// <summary>The same where nothing is being sent any more.</summary>
    private void CloseTry(RequestState request, int status)
    {
        var exchange = request.Try!;
        request.SendingBody = null;
        request.Try = null;
        exchange.Dispose();
        request.Connection!.Pool.Return(request.Connection);
        request.Connection = null;
        if (request.Interrupted != Interruption.ClientGone)
        {
            Observe(request, status);
        }

        Ended(request);
    }

    private void Observe(RequestState request, int status)
    {
        var upstream = request.Upstream!;
        if (upstream.Observe(request.Endpoint!, status, Loop.NowMilliseconds))
        {
            Plane.Telemetry.Ejections.With(upstream.ToString()).Add();
        }
    }

    private static void Ended(RequestState request)
    {
        request.Endpoint!.End();
        request.Upstream!.Limits.Ended();
    }

    /// <summary>
    /// What the endpoint speaks, as declared; the client's protocol where nothing is. gRPC is never anything but HTTP/2, and an upgrade nothing
    /// but HTTP/1.1.
    /// </summary>
    private static HttpVersion VersionFor(RequestState request) => request.Head.Upgrade is not null ? HttpVersion.Http1
        : request.IsGrpc && request.Head.Version == HttpVersion.Http2 ? HttpVersion.Http2
        : request.Upstream!.VersionFor(request.Head.Version);

    /// <summary>Waits, unless the request is given up meanwhile.</summary>
    private async ValueTask PauseAsync(RequestState request, TimeSpan time)
    {
        var pause = new TaskCompletionSource();
        request.Pause = pause;
        using (Loop.After(time, static state => ((TaskCompletionSource)state!).TrySetResult(), pause))
        {
            await pause.Task;
        }

        request.Pause = null;
    }
}
