using System.Text;
using Ambient.Http;
using Ambient.Mesh.Http;

namespace Ambient.Waypoint.Requests;

/// <summary>Steps 1 to 3: what becomes of a request, decided without a wait.</summary>
internal sealed partial class RequestPath
{
    /// <summary>Paths up to this length are looked at on the stack.</summary>
    private const int UsualPath = 512;

    /// <summary>Serves one request.</summary>
    public ValueTask HandleAsync(RequestScope scope, IServerExchange exchange)
    {
        // 1. The head is there.
        var request = _spare.TryPop(out var spare) ? spare : new RequestState();
        request.Begin(scope, exchange, Plane.Telemetry.Time.GetTimestamp());

        // 2. and 3. May it go on, and where?
        if (!Decide(request) || !Answer(request))
        {
            Finish(request);
            return default;
        }

        // 4. to 9.
        return CarryAsync(request);
    }

    /// <summary>A request that its codec refused: what is known of it is recorded.</summary>
    public void OnRefused(RequestScope scope, in Refusal refusal)
    {
        if (refusal.Reason is RefusalReason.Body or RefusalReason.BodyTimeout)
        {
            return; // its request has a record
        }

        var flags = refusal.Flag switch
        {
            "DPE" => ResponseFlags.DPE,
            "NR" => ResponseFlags.NR,
            _ => ResponseFlags.None,
        };
        RecordRefused(scope, refusal, flags);
    }

    /// <returns>Whether it may go on.</returns>
    private bool Decide(RequestState request)
    {
        var head = request.Head;
        var method = head.Method;
        var path = head.PathBytes;
        var query = head.QueryBytes;
        var length = path.Length + query.Length;
        Span<char> text = length <= UsualPath ? stackalloc char[length] : new char[length];
        Encoding.Latin1.GetChars(path, text);
        Encoding.Latin1.GetChars(query, text[path.Length..]);
        var facts = new HttpRequestFacts
        {
            Connection = request.Scope.Facts,
            Method = method,
            Path = text[..path.Length],
            Query = text[path.Length..],
            Authority = head.Authority,
            Scheme = head.Scheme,
            Headers = request,
        };
        var waypoint = Plane.Waypoint.Current;
        var verdict = HttpAuthorizer.Evaluate(waypoint, request.Scope.ServiceKey, facts);
        if (verdict.Policy is not null || !verdict.Allowed || verdict.Audited is not null || verdict.DryRunPolicy is not null)
        {
            Note(verdict);
        }

        if (!verdict.Allowed)
        {
            Deny(request, verdict, HttpVerdictExplanation.Render(waypoint, request.Scope.ServiceKey, facts, verdict));
            return false;
        }

        request.Decision = HttpRouter.Decide(waypoint, request.Scope.ServiceKey, facts, _random);
        return true;
    }

    /// <returns>Whether it is to be sent on; otherwise it is answered.</returns>
    private bool Answer(RequestState request)
    {
        ref readonly var decision = ref request.DecisionRef;
        switch (decision.Outcome)
        {
            case RouteOutcome.Forward:
                return true;
            case RouteOutcome.Redirect:
                request.Details = "direct_response";
                request.Reply.Fields.Add("location", decision.Location!);
                Reply(request, decision.Status, "");
                return false;
            case RouteOutcome.Respond:
                request.Details = "direct_response";
                Reply(request, decision.Status, decision.Body);
                return false;
            case RouteOutcome.NoRoute:
                request.Flags |= ResponseFlags.NR;
                request.Details = "route_not_found";
                request.Error = $"no route of service {request.Scope.ServiceKey} matches";
                Reply(request, decision.Status, "");
                return false;
            case RouteOutcome.NoBackend:
                request.Details = "direct_response";
                request.Error = $"route {decision.Route} has no backend for its share";
                Reply(request, decision.Status, "");
                return false;
            default:
                request.Flags |= ResponseFlags.NC;
                request.Details = "cluster_not_found";
                request.Error = $"service {request.Scope.ServiceKey} is not known to this waypoint";
                Reply(request, decision.Status, "");
                return false;
        }
    }

    private void Deny(RequestState request, in HttpVerdict verdict, string words)
    {
        request.Details = $"rbac_access_denied_matched_policy[{verdict.Policy?.Key ?? "none"}]";
        request.Error = words;
        Reply(request, 403, "RBAC: access denied");
    }

    /// <summary>An answer of our own, with the head in <see cref="RequestState.Reply"/>.</summary>
    private void Reply(RequestState request, int status, string body)
    {
        var exchange = request.Exchange;
        if (exchange.HasResponded || exchange.IsAborted)
        {
            return;
        }

        var head = request.Reply;
        request.Status = status;
        if (request.IsGrpc && status >= 400)
        {
            // As gRPC expects it: the status is in the fields, so that a client sees it as one of a call.
            request.ReplyGrpc(GrpcStatusOf(status));
            if (body.Length > 0)
            {
                head.Fields.Add("grpc-message", GrpcText(body));
            }

            HeaderEdits.Complete(head, _date);
            exchange.Respond(head, endStream: true);
            return;
        }

        head.Status = status;
        if (body.Length > 0)
        {
            head.Fields.Add("content-type"u8, "text/plain"u8);
        }

        HeaderEdits.Apply(head.Fields, status < 400 ? request.DecisionRef.Route?.ResponseHeaders : null);
        HeaderEdits.Complete(head, _date);
        head.ContentLength = Encoding.UTF8.GetByteCount(body);
        head.HasBody = body.Length > 0;
        exchange.Respond(head, endStream: body.Length == 0);
        if (body.Length > 0)
        {
            Encoding.UTF8.GetBytes(body, exchange.ResponseBody);
            request.AnswerBytes = head.ContentLength.Value;
            exchange.Complete();
        }
    }

    /// <summary>Printable ASCII as it is, the rest of its UTF-8 in percents (gRPC over HTTP/2, Responses).</summary>
    private static string GrpcText(string text)
    {
        var encoded = new StringBuilder(text.Length);
        foreach (var one in Encoding.UTF8.GetBytes(text))
        {
            _ = one is >= 0x20 and <= 0x7e and not (byte)'%' ? encoded.Append((char)one) : encoded.Append('%').Append(one.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
        }

        return encoded.ToString();
    }

    /// <summary>How gRPC reads HTTP statuses (its document http-grpc-status-mapping).</summary>
    private static int GrpcStatusOf(int status) => status switch
    {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 or 502 or 503 or 504 => 14,
        _ => 2,
    };
}
