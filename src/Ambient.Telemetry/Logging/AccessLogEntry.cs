using System.Net;

namespace Ambient.Telemetry.Logging;

/// <summary>What the line about a connection says. What is null is left out.</summary>
public sealed record AccessLogEntry : ILineValues
{
    /// <summary>The client.</summary>
    public AccessLogPeer Source { get; init; } = new();

    /// <summary>The server; its address is the one that was connected to.</summary>
    public AccessLogPeer Destination { get; init; } = new();

    /// <summary>The target inside the tunnel: an address or, for a service, its authority.</summary>
    public object? HboneAddress { get; init; }

    /// <summary>Host name of the service that was addressed.</summary>
    public string? DestinationService { get; init; }

    /// <summary>Whether the connection came in to the workload or went out from it.</summary>
    public required bool Inbound { get; init; }

    /// <summary>Bytes that the workload of the reporter sent.</summary>
    public long? BytesSent { get; init; }

    /// <summary>Bytes that it received.</summary>
    public long? BytesReceived { get; init; }

    /// <summary>How long it lasted; written in whole milliseconds.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>Why it failed: what was refused, by whom, and which attribute decided.</summary>
    public string? Error { get; init; }

    /// <summary>Without a list, boxes or text in between: a busy proxy writes thousands of these a second.</summary>
    void ILineValues.WritePlain(ref LineText line)
    {
        line.AddressField("src.addr="u8, Source.Address);
        line.Field("src.workload="u8, Source.Workload);
        line.Field("src.namespace="u8, Source.Namespace);
        line.Field("src.identity="u8, Source.Identity);
        line.Field("src.cluster="u8, Source.Cluster);
        line.AddressField("dst.addr="u8, Destination.Address);
        line.AddressField("dst.hbone_addr="u8, HboneAddress);
        line.Field("dst.service="u8, DestinationService);
        line.Field("dst.workload="u8, Destination.Workload);
        line.Field("dst.namespace="u8, Destination.Namespace);
        line.Field("dst.identity="u8, Destination.Identity);
        line.Field("dst.cluster="u8, Destination.Cluster);
        line.Field("direction="u8, Direction);
        line.Field("bytes_sent="u8, BytesSent);
        line.Field("bytes_recv="u8, BytesReceived);
        line.Field("duration="u8, Duration);
        line.Field("error="u8, Error);
    }

    /// <summary>The same for formats that take them one by one.</summary>
    IReadOnlyList<KeyValuePair<string, object?>> ILineValues.Values =>
    [
        new("src.addr", Source.Address),
        new("src.workload", Source.Workload),
        new("src.namespace", Source.Namespace),
        new("src.identity", Source.Identity),
        new("src.cluster", Source.Cluster),
        new("dst.addr", Destination.Address),
        new("dst.hbone_addr", HboneAddress),
        new("dst.service", DestinationService),
        new("dst.workload", Destination.Workload),
        new("dst.namespace", Destination.Namespace),
        new("dst.identity", Destination.Identity),
        new("dst.cluster", Destination.Cluster),
        new("direction", Direction),
        new("bytes_sent", BytesSent),
        new("bytes_recv", BytesReceived),
        new("duration", Duration),
        new("error", Error),
    ];

    private string Direction => Inbound ? "inbound" : "outbound";
}

/// <summary>One end of a connection as the access log names it.</summary>
public sealed record AccessLogPeer
{
    /// <summary>Address and port.</summary>
    public IPEndPoint? Address { get; init; }

    /// <summary>Name of the pod or other workload.</summary>
    public string? Workload { get; init; }

    /// <summary>Its namespace.</summary>
    public string? Namespace { get; init; }

    /// <summary>Its SPIFFE identity, if mutual TLS proved it.</summary>
    public string? Identity { get; init; }

    /// <summary>Its cluster.</summary>
    public string? Cluster { get; init; }
}
