using Ambient.Http;
using Ambient.Mesh.Authorization;
using Ambient.Mesh.Http;
using Ambient.Proxy.Connections;
using Ambient.Telemetry.Logging;
using HttpVersion = Ambient.Http.HttpVersion;

namespace Ambient.Waypoint.Requests;

/// <summary>Step 9: one record for each request.</summary>
internal sealed partial class RequestPath
{
    private void Finish(RequestState request)
    {
        var telemetry = Plane.Telemetry;
        var scope = request.Scope;
        var connection = scope.Connection;
        var duration = telemetry.Time.GetElapsedTime(request.Started);
        var service = request.Upstream?.Service ?? connection.Service;
        var key = new SeriesKey(
            connection.SourceWorkload, connection.SourceParty, connection.SourceIdentity, connection.MutualTls,
            request.Endpoint?.Workload ?? connection.Workload, service, request.Status, request.Flags, request.IsGrpc, request.GrpcStatus);
        scope.SeriesOf(key, _series, Loop.NowMilliseconds).Count(duration, request.BodyBytes, request.AnswerBytes);
        if (request.Error is null ? telemetry.Log.WritesCompleted : telemetry.Log.WritesFailed)
        {
            telemetry.Log.Completed(Entry(request, duration, service));
        }

        request.Exchange.OnAborted = null;
        request.End();
        if (_spare.Count < MostSpare)
        {
            _spare.Push(request);
        }
    }

    private void RecordRefused(RequestScope scope, in Refusal refusal, ResponseFlags flags)
    {
        var connection = scope.Connection;
        var key = new SeriesKey(
            connection.SourceWorkload, connection.SourceParty, connection.SourceIdentity, connection.MutualTls,
            connection.Workload, connection.Service, refusal.Status, flags, IsGrpc: false, GrpcStatus: -1);
        scope.SeriesOf(key, _series, Loop.NowMilliseconds).Count(TimeSpan.Zero, 0, 0);
        if (Plane.Telemetry.Log.WritesFailed)
        {
            Plane.Telemetry.Log.Completed(new RequestLogEntry
            {
                Source = SourceOf(connection),
                Destination = DestinationOf(connection, null),
                DestinationService = connection.Service?.Hostname,
                Status = refusal.Status,
                Flags = ResponseFlagText.Of(flags),
                Details = refusal.Reason.ToString(),
                Error = refusal.Words,
            });
        }
    }

    private static RequestLogEntry Entry(RequestState request, TimeSpan duration, Mesh.Model.Service? service)
    {
        var head = request.Head;
        return new RequestLogEntry
        {
            Source = SourceOf(request.Scope.Connection),
            Destination = DestinationOf(request.Scope.Connection, request.Endpoint),
            DestinationService = service?.Hostname,
            Route = request.DecisionRef.Route?.ToString(),
            Method = head.Method,
            Authority = head.Authority,
            Path = request.OriginalTarget ?? head.Path + head.Query,
            Protocol = head.Version == HttpVersion.Http2 ? "HTTP/2" : "HTTP/1.1",
            Status = request.Status,
            GrpcStatus = request.GrpcStatus >= 0 ? request.GrpcStatus : null,
            Flags = ResponseFlagText.Of(request.Flags),
            Details = request.Details,
            BytesReceived = request.BodyBytes,
            BytesSent = request.AnswerBytes,
            Attempts = request.Attempts,
            Duration = duration,
            RequestId = head.Fields.Text("x-request-id"u8),
            TraceParent = head.Fields.Text("traceparent"u8),
            Error = request.Error,
        };
    }

    private static AccessLogPeer SourceOf(RequestConnection connection) =>
        (connection.SourceWorkload is { } workload ? PartyDescription.Of(workload) : connection.SourceParty ?? PartyDescription.Unknown)
        .ToLogPeer(connection.Source, connection.MutualTls ? connection.SourceIdentity : null);

    private static AccessLogPeer DestinationOf(RequestConnection connection, Upstreams.UpstreamEndpoint? endpoint) =>
        endpoint is not null ? PartyDescription.Of(endpoint.Workload).ToLogPeer(endpoint.EndPoint, endpoint.Workload.Identity)
        : connection.Workload is { } workload ? PartyDescription.Of(workload).ToLogPeer(connection.Destination, workload.Identity)
        : new AccessLogPeer { Address = connection.Destination };

    /// <summary>What policies said of a request, where it is more than that it may pass.</summary>
    private void Note(in HttpVerdict verdict)
    {
        var verdicts = Plane.Telemetry.Verdicts;
        if (!verdict.Allowed)
        {
            verdicts.With(verdict.Policy?.Key ?? verdict.UnknownKey ?? "", verdict.RuleIndex < 0 ? "" : RuleText(verdict.RuleIndex), "denied").Add();
        }

        if (verdict.Audited is { } audited)
        {
            verdicts.With(audited.Key, "", "audited").Add();
        }

        if (verdict.DryRun == DryRunOutcome.WouldDeny && verdict.DryRunPolicy is { } dry)
        {
            verdicts.With(dry.Key, "", "dry-run-denied").Add();
        }
        else if (verdict.DryRun == DryRunOutcome.WouldNotAllow)
        {
            verdicts.With("", "", "dry-run-not-allowed").Add();
        }
    }

    private static string RuleText(int rule) => rule.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
