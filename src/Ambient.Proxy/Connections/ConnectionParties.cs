using System.Net;
using Ambient.Api;
using Ambient.Mesh.Model;
using Ambient.Telemetry.Logging;
using Ambient.Telemetry.Metrics;

namespace Ambient.Proxy.Connections;

/// <summary>Who talks to whom, as far as the mesh knows: what the log line and the metrics of a connection say about its ends.</summary>
public sealed record ConnectionParties
{
    /// <summary>Whether the connection comes in to a workload of ours, or goes out from one.</summary>
    public required bool Inbound { get; init; }

    /// <summary>Whether it passes a waypoint, which reports it as such.</summary>
    public bool AtWaypoint { get; init; }

    /// <summary>The client's address.</summary>
    public required IPEndPoint SourceAddress { get; init; }

    /// <summary>The address that was connected to: the tunnel's, where there is one.</summary>
    public IPEndPoint? DestinationAddress { get; init; }

    /// <summary>What was asked for inside the tunnel; null in plaintext.</summary>
    public string? HboneAuthority { get; init; }

    /// <summary>The client's workload.</summary>
    public PartyDescription? Source { get; init; }

    /// <summary>The server's workload.</summary>
    public PartyDescription? Destination { get; init; }

    /// <summary>The client's identity.</summary>
    public SpiffeId? SourceIdentity { get; init; }

    /// <summary>The server's identity.</summary>
    public SpiffeId? DestinationIdentity { get; init; }

    /// <summary>The service that was addressed.</summary>
    public Service? Service { get; init; }

    /// <summary>Whether mutual TLS protects it, and has proved the identities.</summary>
    public bool MutualTls { get; init; }

    internal TrafficLabels ToLabels(ConnectionFailure failure) => new()
    {
        Reporter = Reporter,
        Source = (Source ?? PartyDescription.Unknown).ToPeer(SourceIdentity),
        Destination = (Destination ?? PartyDescription.Unknown).ToPeer(DestinationIdentity),
        DestinationService = Service?.Hostname,
        DestinationServiceNamespace = Service?.Namespace,
        DestinationServiceName = Service?.Name,
        ResponseFlags = ResponseFlags.Of(failure),
        MutualTls = MutualTls,
    };

    internal AccessLogEntry ToEntry() => new()
    {
        Inbound = Inbound,
        // Metrics may name whom a plaintext connection is meant for; the log names only what was proved.
        Source = (Source ?? PartyDescription.Unknown).ToLogPeer(SourceAddress, MutualTls ? SourceIdentity : null),
        Destination = (Destination ?? PartyDescription.Unknown).ToLogPeer(DestinationAddress, MutualTls ? DestinationIdentity : null),
        HboneAddress = HboneAuthority,
        DestinationService = Service?.Hostname,
    };

    internal string Reporter => AtWaypoint ? "waypoint" : Inbound ? "destination" : "source";
}

/// <summary>One end of a connection: a workload that the mesh knows, or what the peer's proxy told about one (baggage).</summary>
public sealed record PartyDescription
{
    /// <summary>Nothing is known.</summary>
    public static readonly PartyDescription Unknown = new();

    /// <summary>Name of the pod or machine; only where the mesh knows it.</summary>
    public string? Name { get; init; }

    /// <summary>Name of its controller.</summary>
    public string? WorkloadName { get; init; }

    /// <summary>Its namespace.</summary>
    public string? Namespace { get; init; }

    /// <summary>Telemetry's name of the service that it implements.</summary>
    public string? CanonicalService { get; init; }

    /// <summary>Telemetry's version of it.</summary>
    public string? CanonicalRevision { get; init; }

    /// <summary>Telemetry's name of the application.</summary>
    public string? App { get; init; }

    /// <summary>The cluster that it runs in.</summary>
    public string? Cluster { get; init; }

    /// <summary>Its region.</summary>
    public string? Region { get; init; }

    /// <summary>Its zone.</summary>
    public string? Zone { get; init; }

    /// <summary>A workload of the mesh.</summary>
    public static PartyDescription Of(Workload workload) => new()
    {
        Name = workload.Name,
        WorkloadName = workload.WorkloadName,
        Namespace = workload.Namespace,
        CanonicalService = workload.CanonicalName,
        CanonicalRevision = workload.CanonicalRevision,
        App = workload.CanonicalName,
        Cluster = workload.ClusterId,
        Region = workload.Locality.Region,
        Zone = workload.Locality.Zone,
    };

    /// <summary>The same for metrics.</summary>
    public TrafficPeer ToPeer(SpiffeId? identity) => new()
    {
        Workload = WorkloadName,
        CanonicalService = CanonicalService,
        CanonicalRevision = CanonicalRevision,
        Namespace = Namespace,
        Principal = identity?.ToString(),
        App = App,
        Version = CanonicalRevision,
        Cluster = Cluster,
        Region = Region,
        Zone = Zone,
    };

    /// <summary>The same for the log.</summary>
    public AccessLogPeer ToLogPeer(IPEndPoint? address, SpiffeId? identity) => new()
    {
        Address = address,
        Workload = Name,
        Namespace = Namespace,
        Identity = identity?.ToString(),
        Cluster = Cluster,
    };
}
