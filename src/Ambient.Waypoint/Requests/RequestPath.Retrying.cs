using Ambient.Http;
using Ambient.Mesh.Http;

namespace Ambient.Waypoint.Requests;

/// <summary>Step 7: whether a try that failed is repeated, and what the client gets if not.</summary>
internal sealed partial class RequestPath
{
    /// <summary>Pauses grow up to this many times the first, as Envoy's do.</summary>
    private const int LongestBackoff = 10;

    /// <summary>Whether an answer is one that the policy asks for again, and it can be.</summary>
    private static bool IsAskedForAgain(RequestState request, ResponseHead answer)
    {
        var policy = request.DecisionRef.Retry;
        if (policy.Attempts == 0)
        {
            return false;
        }

        var asked = policy.OnStatus(answer.Status) || (request.IsGrpc && GrpcStatusIn(answer) is >= 0 and var grpc && policy.OnGrpcStatus(grpc));
        if (!asked || request.Interrupted != Interruption.None || answer.Status == 101)
        {
            return false;
        }

        return MayRetry(request);
    }

    /// <summary>Waits for the next try. False if there is none.</summary>
    private async ValueTask<bool> RetryAsync(RequestState request)
    {
        if (request.Interrupted is Interruption.ClientGone or Interruption.TimedOut)
        {
            return false;
        }

        if (request.Interrupted == Interruption.TryTimedOut)
        {
            request.ForgetTryTimeout();
            request.Failure = new RequestFailure(TryEnd.TimedOut, $"no answer within {request.DecisionRef.Retry.PerTryTimeout?.TotalSeconds:0.###} s");
        }

        if (request.Failure is { } failure)
        {
            if (IsStale(request, failure))
            {
                request.ReplacedStale = true;
                request.Failure = null;
                return true;
            }

            if (!IsRetriable(request.DecisionRef.Retry, failure) || !MayRetry(request))
            {
                return false;
            }
        }

        (request.Tried ??= []).Add(request.Endpoint!);
        request.Failure = null;
        var policy = request.DecisionRef.Retry;
        var longest = policy.Backoff * Math.Min(LongestBackoff, 1 << Math.Min(Retries(request), 10));
        var pause = longest * _random.NextDouble();
        if (pause > TimeSpan.Zero)
        {
            await PauseAsync(request, pause);
        }

        return request.Interrupted == Interruption.None;
    }

    /// <summary>
    /// The connection had been waiting for a request, and its peer closed it before it saw this one: nothing has been answered, and the method
    /// says that doing it twice is doing it once (RFC 9110 §9.2.2). A new connection takes it, and that is no retry.
    /// </summary>
    private static bool IsStale(RequestState request, in RequestFailure failure) =>
        failure.WasReused && !request.ReplacedStale && request.Head.Method is not ("POST" or "PATCH") && request.Replay.IsWhole;

    private static bool IsRetriable(RetryPolicy policy, in RequestFailure failure) => failure.End switch
    {
        TryEnd.Overflow or TryEnd.NoEndpoint => false,
        TryEnd.ConnectFailed => policy.On(
            RetryConditions.ConnectFailure | RetryConditions.Reset | RetryConditions.ResetBeforeRequest | RetryConditions.ServerError | RetryConditions.GatewayError),
        TryEnd.Refused => policy.On(
            RetryConditions.RefusedStream | RetryConditions.Reset | RetryConditions.ServerError | RetryConditions.GatewayError),
        _ => policy.On(RetryConditions.Reset | RetryConditions.ServerError | RetryConditions.GatewayError),
    };

    /// <summary>Whether there is a try left, and the request can be sent again. Takes one of the upstream's places for retries.</summary>
    private static bool MayRetry(RequestState request)
    {
        if (!request.Replay.IsWhole || request.Exchange.HasResponded)
        {
            return false;
        }

        var policy = request.DecisionRef.Retry;
        if (Retries(request) >= policy.Attempts)
        {
            // Only who has retried, or was refused it, has exceeded a limit.
            request.Flags |= policy.Attempts > 0 ? ResponseFlags.URX : ResponseFlags.None;
            return false;
        }

        var upstream = request.Upstream!;
        if (request.HoldsRetry || upstream.Limits.TryRetry(upstream.Policy.Pool))
        {
            request.HoldsRetry = true;
            return true;
        }

        request.Flags |= ResponseFlags.UO;
        return false;
    }

    /// <summary>Tries after the first, but for the one that replaced a stale connection.</summary>
    private static int Retries(RequestState request) => Math.Max(0, request.Attempts - 1 - (request.ReplacedStale ? 1 : 0));

    /// <summary>No try brought an answer: the client gets one of ours.</summary>
    private void Fail(RequestState request)
    {
        if (request.Interrupted == Interruption.ClientGone)
        {
            ClientGone(request);
            return;
        }

        var failure = request.Interrupted == Interruption.TimedOut
            ? new RequestFailure(TryEnd.TimedOut, $"no answer within {request.DecisionRef.Timeout?.TotalSeconds:0.###} s")
            : request.Failure!.Value;
        request.Flags |= failure.Flag;
        request.Details = failure.Details;
        request.Error = failure.Words;
        Reply(request, failure.Status, failure.Body(retried: Retries(request) > 0));
    }

    private static void ClientGone(RequestState request)
    {
        if (request.BodyFault is { } fault)
        {
            request.Flags |= ResponseFlags.DPE;
            request.Details = "http.body_error";
            request.Error = fault.Message;
            request.Status = request.Exchange.HasResponded ? request.Status : fault.Fault == HttpFault.TimedOut ? 408 : 400;
            return;
        }

        request.Flags |= ResponseFlags.DC;
        request.Details = "downstream_remote_disconnect";
        if (!request.Exchange.HasResponded)
        {
            request.Status = 0;
        }

        request.Exchange.Abort();
    }

    private static int GrpcStatusIn(ResponseHead answer) =>
        answer.Fields.TryGet("grpc-status"u8, out var text) && System.Buffers.Text.Utf8Parser.TryParse(text, out int status, out _) ? status : -1;
}
