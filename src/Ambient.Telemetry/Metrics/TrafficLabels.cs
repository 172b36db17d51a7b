namespace Ambient.Telemetry.Metrics;

/// <summary>
/// The labels of a connection, in the order in which they are written. What is not known reads <c>unknown</c>.
/// </summary>
public sealed record TrafficLabels
{
    private const string Unknown = "unknown";

    internal static readonly string[] Names =
    [
        "reporter",
        "source_workload", "source_canonical_service", "source_canonical_revision", "source_workload_namespace",
        "source_principal", "source_app", "source_version", "source_cluster",
        "destination_service", "destination_service_namespace", "destination_service_name",
        "destination_workload", "destination_canonical_service", "destination_canonical_revision",
        "destination_workload_namespace", "destination_principal", "destination_app", "destination_version",
        "destination_cluster",
        "request_protocol", "response_flags", "connection_security_policy",
        "source_region", "source_zone", "destination_region", "destination_zone",
    ];

    /// <summary>The four of the localities appear together, once one of them is known.</summary>
    internal const int Optional = 4;

    /// <summary>Who counts: <c>source</c> or <c>destination</c>.</summary>
    public required string Reporter { get; init; }

    /// <summary>The client's end.</summary>
    public TrafficPeer Source { get; init; } = new();

    /// <summary>The server's end.</summary>
    public TrafficPeer Destination { get; init; } = new();

    /// <summary>Host name of the service that was addressed.</summary>
    public string? DestinationService { get; init; }

    /// <summary>Its namespace.</summary>
    public string? DestinationServiceNamespace { get; init; }

    /// <summary>Its name.</summary>
    public string? DestinationServiceName { get; init; }

    /// <summary>The protocol as far as the reporter understands it.</summary>
    public string RequestProtocol { get; init; } = "tcp";

    /// <summary>Why the connection failed; <c>-</c> if it did not.</summary>
    public string ResponseFlags { get; init; } = "-";

    /// <summary>Whether mutual TLS protects the hop.</summary>
    public bool MutualTls { get; init; }

    /// <summary>The values in the order of the names.</summary>
    public LabelValues ToValues() => Source.HasLocality || Destination.HasLocality
        ? ToValues(Known(Source.Region), Known(Source.Zone), Known(Destination.Region), Known(Destination.Zone))
        : ToValues([]);

    /// <summary>The values of a request's series: no localities, but the answer.</summary>
    internal LabelValues ToRequestValues(string responseCode, string grpcStatus) => ToValues(responseCode, grpcStatus);

    private LabelValues ToValues(params ReadOnlySpan<string> more) => LabelValues.Of(
    [
        Reporter,
        Known(Source.Workload), Known(Source.CanonicalService), Known(Source.CanonicalRevision), Known(Source.Namespace),
        Known(Source.Principal), Known(Source.App), Known(Source.Version), Known(Source.Cluster),
        Known(DestinationService), Known(DestinationServiceNamespace), Known(DestinationServiceName),
        Known(Destination.Workload), Known(Destination.CanonicalService), Known(Destination.CanonicalRevision),
        Known(Destination.Namespace), Known(Destination.Principal), Known(Destination.App), Known(Destination.Version),
        Known(Destination.Cluster),
        RequestProtocol, ResponseFlags, MutualTls ? "mutual_tls" : Unknown,
        .. more,
    ]);

    private static string Known(string? value) => string.IsNullOrEmpty(value) ? Unknown : value;
}

/// <summary>One end of a connection as metrics name it.</summary>
public sealed record TrafficPeer
{
    /// <summary>Name of the workload (the Deployment, not the pod).</summary>
    public string? Workload { get; init; }

    /// <summary>Canonical service.</summary>
    public string? CanonicalService { get; init; }

    /// <summary>Canonical revision.</summary>
    public string? CanonicalRevision { get; init; }

    /// <summary>Namespace of the workload.</summary>
    public string? Namespace { get; init; }

    /// <summary>SPIFFE identity, proven by mutual TLS.</summary>
    public string? Principal { get; init; }

    /// <summary>Application label.</summary>
    public string? App { get; init; }

    /// <summary>Version label.</summary>
    public string? Version { get; init; }

    /// <summary>Cluster.</summary>
    public string? Cluster { get; init; }

    /// <summary>Region.</summary>
    public string? Region { get; init; }

    /// <summary>Zone.</summary>
    public string? Zone { get; init; }

    internal bool HasLocality => !string.IsNullOrEmpty(Region) || !string.IsNullOrEmpty(Zone);
}
