using Ambient.Proxy.Relaying;
using Ambient.Telemetry.Logging;
using Ambient.Telemetry.Metrics;

namespace Ambient.Proxy.Connections;

/// <summary>Where connections are reported.</summary>
/// <param name="Metrics">Counters by who talks to whom.</param>
/// <param name="Log">One line a connection.</param>
/// <param name="Time">For durations.</param>
public sealed record ConnectionTelemetry(TrafficMetrics Metrics, AccessLog Log, TimeProvider Time);

/// <summary>
/// The record of one connection: opened once, its bytes as they move, and closed once with its outcome, in the metrics and in the
/// log alike. Bytes are counted when they are passed on, so that a long connection shows while it lives.
/// </summary>
public sealed class ConnectionReport : IRelayCounter
{
    private readonly ConnectionPair _pair;
    private readonly ConnectionAddresses _addresses;
    private readonly long _started;
    private long _fromClient;
    private long _fromServer;
    private Outside? _verdict;
    private bool _completed;

    private ConnectionReport(ConnectionPair pair, in ConnectionAddresses addresses, long started)
    {
        _pair = pair;
        _addresses = addresses;
        _started = started;
        pair.Opened.Add();
        if (pair.Telemetry.Log.WritesOpened)
        {
            pair.Telemetry.Log.Opened(pair.ToEntry(addresses));
        }
    }

    /// <summary>Who talks to whom.</summary>
    public ConnectionParties Parties => _pair.Parties;

    /// <summary>From where to where.</summary>
    public ref readonly ConnectionAddresses Addresses => ref _addresses;

    /// <summary>Why the connection was closed from outside, if it was: that counts, whatever its relay reports.</summary>
    public (ConnectionFailure Failure, string Error)? Verdict
    {
        get => _verdict is null ? null : (_verdict.Failure, _verdict.Error);
        set => _verdict = value is null ? null : new Outside(value.Value.Failure, value.Value.Error);
    }

    /// <summary>Reports a connection as opened.</summary>
    /// <param name="pair">Who talks to whom.</param>
    /// <param name="addresses">From where to where.</param>
    /// <param name="started">When it was accepted, as a timestamp of the telemetry's clock.</param>
    public static ConnectionReport Open(ConnectionPair pair, in ConnectionAddresses addresses, long started) => new(pair, addresses, started);

    /// <summary>Reports a connection of parties that nobody keeps a pair for.</summary>
    /// <param name="telemetry">Where to.</param>
    /// <param name="parties">Who talks to whom.</param>
    /// <param name="started">When it was accepted, as a timestamp of the telemetry's clock.</param>
    public static ConnectionReport Open(ConnectionTelemetry telemetry, ConnectionParties parties, long started) => Open(
        new ConnectionPair(telemetry, parties),
        new ConnectionAddresses(parties.SourceAddress, parties.DestinationAddress, parties.HboneAuthority),
        started);

    /// <summary>Reports a connection that was refused before it was known who talks to whom.</summary>
    public static void Refuse(ConnectionTelemetry telemetry, ConnectionParties parties, string error) =>
        telemetry.Log.Failed(parties.ToEntry() with { Error = error });

    /// <summary>Counts a connection that was refused though it was known who wanted to talk to whom.</summary>
    public static void CountRefusal(ConnectionTelemetry telemetry, ConnectionParties parties, ConnectionFailure failure) =>
        telemetry.Metrics.Failed.With(parties.ToLabels(failure).ToValues()).Add();

    /// <inheritdoc/>
    public void FromClient(int bytes)
    {
        _fromClient += bytes;
        _pair.Received.Add(bytes);
    }

    /// <inheritdoc/>
    public void FromServer(int bytes)
    {
        _fromServer += bytes;
        _pair.Sent.Add(bytes);
    }

    /// <summary>Reports the end; the first call counts.</summary>
    /// <param name="failure">None where it ended as connections should.</param>
    /// <param name="error">What the log says; null where there is nothing to say.</param>
    public void Complete(ConnectionFailure failure, string? error)
    {
        if (_completed)
        {
            return;
        }

        _completed = true;
        if (_verdict is not null)
        {
            failure = _verdict.Failure;
            error = _verdict.Error;
        }

        _pair.CountEnd(failure);
        var telemetry = _pair.Telemetry;
        var (sent, received) = Parties.Inbound ? (_fromServer, _fromClient) : (_fromClient, _fromServer);
        telemetry.Log.Completed(_pair.ToEntry(_addresses, sent, received, telemetry.Time.GetElapsedTime(_started), error));
    }

    /// <summary>Kept apart, as hardly any connection has one.</summary>
    private sealed record Outside(ConnectionFailure Failure, string Error);
}
