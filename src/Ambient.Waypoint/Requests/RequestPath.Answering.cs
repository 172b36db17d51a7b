using System.Buffers.Text;
using System.Runtime.CompilerServices;
using Ambient.Http;
using Ambient.Http.Fields;

namespace Ambient.Waypoint.Requests;

/// <summary>Step 8: the answer as it comes.</summary>
internal sealed partial class RequestPath
{
    private const int SwitchingProtocols = 101;

    /// <summary>Passes an endpoint's answer on, to its end, and ends the try.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask PassOnAsync(RequestState request, ResponseHead answer)
    {
        var (exchange, from) = (request.Exchange, request.Try!);
        var status = request.Status = answer.Status;
        request.Details = "via_upstream";
        if (request.IsGrpc)
        {
            request.GrpcStatus = GrpcStatusIn(answer);
        }

        if (request.DecisionRef.Route is { } route)
        {
            HeaderEdits.Apply(answer.Fields, request.DecisionRef.Backend?.ResponseHeaders);
            HeaderEdits.Apply(answer.Fields, route.ResponseHeaders);
        }

        HeaderEdits.Complete(answer, _date);
        if (status == SwitchingProtocols)
        {
            exchange.Respond(answer, endStream: false);
            await SwitchAsync(request);
        }
        else if (!answer.HasBody)
        {
            exchange.Respond(answer, endStream: true);
        }
        else
        {
            exchange.Respond(answer, endStream: false);
            await StreamAsync(request);
        }

        if (request.Interrupted == Interruption.ClientGone || (exchange.IsAborted && request.Flags == ResponseFlags.None))
        {
            ClientGone(request);
        }

        if (request.SendingBody is not null || request.Interrupted != Interruption.None)
        {
            await EndTryAsync(request, status);
        }
        else
        {
            CloseTry(request, status);
        }
    }

    private ValueTask StreamAsync(RequestState request)
    {
        var (exchange, from) = (request.Exchange, request.Try!);
        try
        {
            if (BodyRelay.TryWhole(from.ResponseBody, exchange.ResponseBody, out var bytes))
            {
                request.AnswerBytes = bytes;
                Complete(request);
                return default;
            }
        }
        catch (IOException failure)
        {
            return CutShortAsync(request, failure);
        }

        return StreamOnAsync(request);
    }

    private async ValueTask StreamOnAsync(RequestState request)
    {
        var (exchange, from) = (request.Exchange, request.Try!);
        IOException? broken = null;
        try
        {
            if (await BodyRelay.RunAsync(Loop, from.ResponseBody, exchange.ResponseBody, request.OnAnswer) == RelayOutcome.Whole)
            {
                Complete(request);
                return;
            }

            request.Interrupt(Interruption.ClientGone);
        }
        catch (IOException failure)
        {
            broken = failure;
        }

        await CutShortAsync(request, broken);
    }

    /// <summary>The answer cannot be ended well: the client gets what came of it, and sees that something is missing.</summary>
    private async ValueTask CutShortAsync(RequestState request, IOException? failure)
    {
        switch (request.Interrupted)
        {
            case Interruption.ClientGone:
                return;
            case Interruption.TimedOut:
                request.Flags |= ResponseFlags.UT;
                request.Details = "response_timeout";
                request.Error = $"the answer did not end within {request.DecisionRef.Timeout?.TotalSeconds:0.###} s";
                break;
            default:
                var end = RequestFailure.Late(failure!);
                request.Flags |= end.Flag;
                request.Details = end.LateDetails;
                request.Error = end.Words;
                break;
        }

        if (!request.Exchange.IsAborted)
        {
            await request.Exchange.ResponseBody.FlushAsync();
            await Loop.Yield(); // what the turn wrote has left
            request.Exchange.Abort();
        }
    }

    private static void Complete(RequestState request)
    {
        var trailers = request.Try!.ResponseTrailers;
        if (request.IsGrpc && trailers is not null)
        {
            request.GrpcStatus = GrpcStatusIn(trailers, request.GrpcStatus);
        }

        request.Exchange.Complete(trailers);
    }

    /// <summary>Bytes both ways, until both have ended or one broke. No time-out of a request holds for them.</summary>
    private async ValueTask SwitchAsync(RequestState request)
    {
        request.EndTimeouts();
        request.SendingBody = SendSwitchedAsync(request);
        await StreamAsync(request);
        if (request.Interrupted == Interruption.None && request.Flags == ResponseFlags.None)
        {
            await request.SendingBody;
        }
    }

    private async Task SendSwitchedAsync(RequestState request)
    {
        var (exchange, to) = (request.Exchange, request.Try!);
        try
        {
            if (await BodyRelay.RunAsync(Loop, exchange.RequestBody, to.RequestBody, request.OnBody) == RelayOutcome.Whole)
            {
                to.CompleteRequest();
            }
        }
        catch (IOException)
        {
            // The client broke off, or the endpoint did, which the other direction tells.
            to.Abort();
        }
    }

    private static int GrpcStatusIn(FieldList trailers, int otherwise) =>
        trailers.TryGet("grpc-status"u8, out var text) && Utf8Parser.TryParse(text, out int status, out _) ? status : otherwise;
}
