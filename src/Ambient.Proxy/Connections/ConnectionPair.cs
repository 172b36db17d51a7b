using System.Net;
using Ambient.Telemetry.Logging;
using Ambient.Telemetry.Metrics;

namespace Ambient.Proxy.Connections;

/// <summary>
/// What all connections between the same two parties have in common: their metric series, looked up once, and the texts of their log
/// lines. Immutable but for a series that the first end of a connection adds; any thread may use it.
/// </summary>
public sealed class ConnectionPair
{
    private readonly ConnectionParties _parties;
    private readonly LabelValues _labels;
    private readonly AccessLogPeer _source;
    private readonly AccessLogPeer _destination;
    private Counter? _closed;

    /// <summary>Looks up what will be needed.</summary>
    /// <param name="telemetry">Where connections are reported.</param>
    /// <param name="parties">Who talks to whom; the addresses are passed over.</param>
    public ConnectionPair(ConnectionTelemetry telemetry, ConnectionParties parties)
    {
        Telemetry = telemetry;
        _parties = parties;
        _labels = parties.ToLabels(ConnectionFailure.None).ToValues();
        Opened = telemetry.Metrics.Opened.With(_labels);
        Received = telemetry.Metrics.ReceivedBytes.With(_labels);
        Sent = telemetry.Metrics.SentBytes.With(_labels);
        var entry = parties.ToEntry();
        _source = entry.Source;
        _destination = entry.Destination;
    }

    /// <summary>Who talks to whom; of the addresses, those of the first connection.</summary>
    public ConnectionParties Parties => _parties;

    internal ConnectionTelemetry Telemetry { get; }

    internal Counter Opened { get; }

    internal Counter Received { get; }

    internal Counter Sent { get; }

    /// <summary>One more connection has ended.</summary>
    internal void CountEnd(ConnectionFailure failure)
    {
        if (failure == ConnectionFailure.None)
        {
            (_closed ??= Telemetry.Metrics.Closed.With(_labels)).Add();
            return;
        }

        var labels = _parties.ToLabels(failure).ToValues();
        Telemetry.Metrics.Closed.With(labels).Add();
        Telemetry.Metrics.Failed.With(labels).Add();
    }

    internal AccessLogEntry ToEntry(
        in ConnectionAddresses addresses, long? sent = null, long? received = null, TimeSpan? duration = null, string? error = null) => new()
    {
        Inbound = _parties.Inbound,
        Source = _source with { Address = addresses.Source },
        Destination = _destination with { Address = addresses.Destination },
        HboneAddress = addresses.HboneAuthority,
        DestinationService = _parties.Service?.Hostname,
        BytesSent = sent,
        BytesReceived = received,
        Duration = duration,
        Error = error,
    };
}

/// <summary>What differs between connections of a pair.</summary>
/// <param name="Source">The client's address.</param>
/// <param name="Destination">The address that was connected to: the tunnel's, where there is one.</param>
/// <param name="HboneAuthority">What was asked for inside the tunnel; null in plaintext.</param>
public readonly record struct ConnectionAddresses(IPEndPoint Source, IPEndPoint? Destination, string? HboneAuthority);
