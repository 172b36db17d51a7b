using System.Net;

namespace Ambient.Telemetry.Logging;

/// <summary>What the line about a connection says. What is null is left out.</summary>
public sealed record AccessLogEntry
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

    internal List<KeyValuePair<string, object?>> Values()
    {
        var values = new List<KeyValuePair<string, object?>>(17);
        void Add(string key, object? value)
        {
            if (value is not null)
            {
                values.Add(new(key, value));
            }
        }

        Add("src.addr", Source.Address);
        Add("src.workload", Source.Workload);
        Add("src.namespace", Source.Namespace);
        Add("src.identity", Source.Identity);
        Add("src.cluster", Source.Cluster);
        Add("dst.addr", Destination.Address);
        Add("dst.hbone_addr", HboneAddress is string name ? new BareText(name) : HboneAddress);
        Add("dst.service", DestinationService);
        Add("dst.workload", Destination.Workload);
        Add("dst.namespace", Destination.Namespace);
        Add("dst.identity", Destination.Identity);
        Add("dst.cluster", Destination.Cluster);
        Add("direction", Inbound ? "inbound" : "outbound");
        Add("bytes_sent", BytesSent);
        Add("bytes_recv", BytesReceived);
        Add("duration", Duration);
        Add("error", Error);
        return values;
    }
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

/// <summary>Text that is written without quotes, as addresses are.</summary>
internal sealed record BareText(string Text)
{
    public override string ToString() => Text;
}
