namespace Ambient.Telemetry.Logging;

/// <summary>What the line about a request says. What is null is left out.</summary>
public sealed record RequestLogEntry : ILineValues
{
    /// <summary>The client.</summary>
    public AccessLogPeer Source { get; init; } = new();

    /// <summary>The server; its address is the endpoint's that answered, or was tried last.</summary>
    public AccessLogPeer Destination { get; init; } = new();

    /// <summary>Host name of the service that was addressed.</summary>
    public string? DestinationService { get; init; }

    /// <summary>Where the route was written, and its rule.</summary>
    public string? Route { get; init; }

    /// <summary>The request's method.</summary>
    public string? Method { get; init; }

    /// <summary>Host that was asked for.</summary>
    public string? Authority { get; init; }

    /// <summary>The target as it came, normalised.</summary>
    public string? Path { get; init; }

    /// <summary><c>HTTP/1.1</c> or <c>HTTP/2</c>.</summary>
    public string? Protocol { get; init; }

    /// <summary>The answer's status; 0 if the client got none.</summary>
    public int Status { get; init; }

    /// <summary>The status of a gRPC call.</summary>
    public int? GrpcStatus { get; init; }

    /// <summary>Response flags; <c>-</c> if all went well.</summary>
    public required string Flags { get; init; }

    /// <summary>What became of the request: <c>via_upstream</c>, or what answered in its place and why.</summary>
    public required string Details { get; init; }

    /// <summary>Bytes of the request's body.</summary>
    public long BytesReceived { get; init; }

    /// <summary>Bytes of the answer's body.</summary>
    public long BytesSent { get; init; }

    /// <summary>How often an endpoint was asked.</summary>
    public int Attempts { get; init; }

    /// <summary>From the head of the request to the end of the answer; written in whole milliseconds.</summary>
    public TimeSpan Duration { get; init; }

    /// <summary>Which one it was: <c>x-request-id</c>.</summary>
    public string? RequestId { get; init; }

    /// <summary>The trace that it belongs to.</summary>
    public string? TraceParent { get; init; }

    /// <summary>Why it failed or was refused, in words.</summary>
    public string? Error { get; init; }

    void ILineValues.WritePlain(ref LineText line)
    {
        line.AddressField("src.addr="u8, Source.Address);
        line.Field("src.workload="u8, Source.Workload);
        line.Field("src.namespace="u8, Source.Namespace);
        line.Field("src.identity="u8, Source.Identity);
        line.Field("src.cluster="u8, Source.Cluster);
        line.AddressField("dst.addr="u8, Destination.Address);
        line.Field("dst.service="u8, DestinationService);
        line.Field("dst.workload="u8, Destination.Workload);
        line.Field("dst.namespace="u8, Destination.Namespace);
        line.Field("dst.identity="u8, Destination.Identity);
        line.Field("dst.cluster="u8, Destination.Cluster);
        line.Field("route="u8, Route);
        line.Field("method="u8, Method);
        line.Field("authority="u8, Authority);
        line.Field("path="u8, Path);
        line.Field("protocol="u8, Protocol);
        line.Field("status="u8, (long)Status);
        line.Field("grpc_status="u8, (long?)GrpcStatus);
        line.Field("flags="u8, Flags);
        line.Field("details="u8, Details);
        line.Field("bytes_sent="u8, BytesSent);
        line.Field("bytes_recv="u8, BytesReceived);
        line.Field("attempts="u8, (long)Attempts);
        line.Field("duration="u8, (TimeSpan?)Duration);
        line.Field("request_id="u8, RequestId);
        line.Field("traceparent="u8, TraceParent);
        line.Field("error="u8, Error);
    }

    IReadOnlyList<KeyValuePair<string, object?>> ILineValues.Values =>
    [
        new("src.addr", Source.Address),
        new("src.workload", Source.Workload),
        new("src.namespace", Source.Namespace),
        new("src.identity", Source.Identity),
        new("src.cluster", Source.Cluster),
        new("dst.addr", Destination.Address),
        new("dst.service", DestinationService),
        new("dst.workload", Destination.Workload),
        new("dst.namespace", Destination.Namespace),
        new("dst.identity", Destination.Identity),
        new("dst.cluster", Destination.Cluster),
        new("route", Route),
        new("method", Method),
        new("authority", Authority),
        new("path", Path),
        new("protocol", Protocol),
        new("status", Status),
        new("grpc_status", GrpcStatus),
        new("flags", Flags),
        new("details", Details),
        new("bytes_sent", BytesSent),
        new("bytes_recv", BytesReceived),
        new("attempts", Attempts),
        new("duration", Duration),
        new("request_id", RequestId),
        new("traceparent", TraceParent),
        new("error", Error),
    ];
}
