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
    private readonly ConnectionTelemetry _telemetry;
    private readonly ConnectionParties _parties;
    private readonly long _started;
    private readonly Counter _received;
    private readonly Counter _sent;
    private long _fromClient;
    private long _fromServer;
    private bool _completed;

    private ConnectionReport(ConnectionTelemetry telemetry, ConnectionParties parties, long started)
    {
        _telemetry = telemetry;
        _parties = parties;
        _started = started;
        var labels = parties.ToLabels(ConnectionFailure.None).ToValues();
        _received = telemetry.Metrics.ReceivedBytes.With(labels);
        _sent = telemetry.Metrics.SentBytes.With(labels);
        telemetry.Metrics.Opened.With(labels).Add();
        if (telemetry.Log.WritesOpened)
        {
            telemetry.Log.Opened(parties.ToEntry());
        }
    }

    /// <summary>Who talks to whom.</summary>
    public ConnectionParties Parties => _parties;

    /// <summary>Why the connection was closed from outside, if it was: that counts, whatever its relay reports.</summary>
    public (ConnectionFailure Failure, string Error)? Verdict { get; set; }

    /// <summary>Reports a connection as opened.</summary>
    /// <param name="telemetry">Where to.</param>
    /// <param name="parties">Who talks to whom; does not change any more.</param>
    /// <param name="started">When it was accepted, as a timestamp of the telemetry's clock.</param>
    public static ConnectionReport Open(ConnectionTelemetry telemetry, ConnectionParties parties, long started) =>
        new(telemetry, parties, started);

    /// <summary>Reports a connection that was refused before it was known who talks to whom.</summary>
    public static void Refuse(ConnectionTelemetry telemetry, ConnectionParties parties, string error) =>
        telemetry.Log.Failed(parties.ToEntry() with { Error = error });

    /// <inheritdoc/>
    public void FromClient(int bytes)
    {
        _fromClient += bytes;
        _received.Add(bytes);
    }

    /// <inheritdoc/>
    public void FromServer(int bytes)
    {
        _fromServer += bytes;
        _sent.Add(bytes);
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
        if (Verdict is { } verdict)
        {
            (failure, error) = verdict;
        }

        var labels = _parties.ToLabels(failure).ToValues();
        _telemetry.Metrics.Closed.With(labels).Add();
        if (failure != ConnectionFailure.None)
        {
            _telemetry.Metrics.Failed.With(labels).Add();
        }

        _telemetry.Log.Completed(_parties.ToEntry() with
        {
            BytesSent = _parties.Inbound ? _fromServer : _fromClient,
            BytesReceived = _parties.Inbound ? _fromClient : _fromServer,
            Duration = _telemetry.Time.GetElapsedTime(_started),
            Error = error,
        });
    }
}
