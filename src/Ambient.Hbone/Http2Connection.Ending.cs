using System.Buffers.Binary;
using Ambient.Hbone.Frames;

namespace Ambient.Hbone;

/// <summary>Keep-alive, announced ends, and the one place where a connection ends.</summary>
public sealed partial class Http2Connection
{
    private const ulong KeepAlivePing = 0x616d_6269_656e_7401; // "ambient" 1
    private const ulong DrainPing = 0x616d_6269_656e_7402;

    /// <summary>What was produced last may still go out to a peer that reads; not longer than this.</summary>
    private static readonly TimeSpan LingerTime = TimeSpan.FromSeconds(2);

    /// <summary>How long the last GOAWAY of a server waits for its peer to have seen the first one: a slow round trip.</summary>
    private const long DrainMilliseconds = 1_000;

    /// <summary>
    /// Time that one tick may add. A longer gap means that we did not run (a suspended machine, a starved processor): what the
    /// peer sent meanwhile is still unread, and its silence is not its own.
    /// </summary>
    private const long MostBetweenTicks = 5_000;

    private ConnectionEnd? _end;
    private TaskCompletionSource? _flushSettled;
    private long _startedAt = -1;
    private long _pingDueAt;
    private long _pongDueAt = -1;
    private long _drainDueAt = -1;
    private long _lingerUntil = -1;
    private long _now = -1;
    private long _tickedAt;
    private int _goAwayLastStreamId = int.MaxValue;
    private bool _isDraining;
    private bool _goAwaySent;
    private bool _goAwayReceived;
    private bool _isTransportDone;

    /// <summary>
    /// The owner's heartbeat, about once a second: keep-alive, timeouts, and the refill of the peer's work budget.
    /// </summary>
    /// <param name="nowMilliseconds">A monotonic clock.</param>
    public void Tick(long nowMilliseconds)
    {
        Work.Tick(nowMilliseconds);
        if (_startedAt < 0)
        {
            _startedAt = _now = nowMilliseconds;
            _pingDueAt = _now + (long)Limits.KeepAliveInterval.TotalMilliseconds;
        }
        else
        {
            _now += Math.Clamp(nowMilliseconds - _tickedAt, 0, MostBetweenTicks);
        }

        _tickedAt = nowMilliseconds;

        if (_end is not null)
        {
            OnLingerTick();
            return;
        }

        ShedIfNeeded();
        if (!(_settingsReceived && _settingsAcknowledged)
            && _now - _startedAt >= Limits.SettingsTimeout.TotalMilliseconds)
        {
            Finish(new ConnectionEnd(ConnectionEndReason.SettingsTimeout, Http2ErrorCode.SettingsTimeout,
                _settingsReceived ? "SETTINGS were not acknowledged" : "no SETTINGS arrived"), sendGoAway: true);
        }
        else if (_pongDueAt >= 0 && _now >= _pongDueAt)
        {
            Finish(new ConnectionEnd(ConnectionEndReason.KeepAliveTimeout, Http2ErrorCode.NoError,
                $"no answer to a PING within {Limits.KeepAliveTimeout.TotalSeconds} s"), sendGoAway: true);
        }
        else if (_pongDueAt < 0 && _now >= _pingDueAt)
        {
            _pongDueAt = _now + (long)Limits.KeepAliveTimeout.TotalMilliseconds;
            SendPing(KeepAlivePing);
        }

        if (_isDraining && _end is null)
        {
            _drainDueAt = _drainDueAt < 0 ? _now + DrainMilliseconds : _drainDueAt;
            if (_now >= _drainDueAt)
            {
                SendFinalGoAway();
            }
        }
    }

    /// <summary>
    /// Ends the connection gracefully: no new streams, those that are open go on, and <see cref="RunAsync"/> ends with the
    /// last of them. A server first says so without a last stream, and names it one round trip later, so that no request
    /// that was under way is lost (RFC 9113 §6.8).
    /// </summary>
    public void GoAway()
    {
        if (_goAwaySent || _end is not null)
        {
            return;
        }

        _goAwaySent = true;
        SendGoAway(IsServer ? int.MaxValue : 0, Http2ErrorCode.NoError, "");
        if (IsServer)
        {
            _isDraining = true;
            SendPing(DrainPing);
        }

        FinishIfDrained();
    }

    /// <summary>Ends the connection and every stream on it at once, and says why.</summary>
    public void Abort(Http2ErrorCode code) =>
        Finish(new ConnectionEnd(ConnectionEndReason.Aborted, code), sendGoAway: true);

    /// <summary>The answer to a PING of ours. False if it was none.</summary>
    private bool OnPong(ulong opaque)
    {
        if (opaque == KeepAlivePing && _pongDueAt >= 0)
        {
            _pongDueAt = -1;
            _pingDueAt = _now + (long)Limits.KeepAliveInterval.TotalMilliseconds;
            return true;
        }

        if (opaque == DrainPing && _isDraining)
        {
            SendFinalGoAway();
            return true;
        }

        return false;
    }

    // GOAWAY (§6.8):
    // +-+-------------------------------------------------------------+
    // |R|                  Last-Stream-ID (31)                        |
    // +-+-------------------------------------------------------------+
    // |                      Error Code (32)                          |
    // +---------------------------------------------------------------+
    // |                  Additional Debug Data (*)                    |
    // +---------------------------------------------------------------+
    private void OnGoAway(ReadOnlySpan<byte> payload)
    {
        Work.Spend(WorkBudget.Answered, "GOAWAYs");
        var lastStreamId = BinaryPrimitives.ReadInt32BigEndian(payload) & 0x7fff_ffff;
        var code = (Http2ErrorCode)BinaryPrimitives.ReadUInt32BigEndian(payload[4..]);
        _goAwayReceived = true;
        if (code != Http2ErrorCode.NoError)
        {
            Finish(new ConnectionEnd(ConnectionEndReason.PeerError, code, "the peer sent GOAWAY"), sendGoAway: false);
            return;
        }

        if (!IsServer)
        {
            foreach (var stream in _streams.Values.Where(stream => stream.Id > lastStreamId).ToList())
            {
                stream.Fail(new Http2StreamException(stream.Id, Http2ErrorCode.RefusedStream,
                    $"stream {stream.Id} was not processed: the peer is going away"));
            }
        }

        NotifyCapacity();
    }

    private void SendFinalGoAway()
    {
        _isDraining = false;
        _goAwayLastStreamId = _lastPeerStreamId;
        SendGoAway(_goAwayLastStreamId, Http2ErrorCode.NoError, "");
        FinishIfDrained();
    }

    private void SendGoAway(int lastStreamId, Http2ErrorCode code, string debug)
    {
        Span<byte> payload = stackalloc byte[8 + 120];
        BinaryPrimitives.WriteInt32BigEndian(payload, lastStreamId);
        BinaryPrimitives.WriteUInt32BigEndian(payload[4..], (uint)code);
        var text = debug.AsSpan(0, Math.Min(debug.Length, 40));
        var length = 8 + System.Text.Encoding.UTF8.GetBytes(text, payload[8..]);
        SendFrame(FrameType.GoAway, FrameFlags.None, 0, payload[..length]);
    }

    private void SendPing(ulong opaque)
    {
        Span<byte> payload = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(payload, opaque);
        SendFrame(FrameType.Ping, FrameFlags.None, 0, payload);
    }

    private void FinishIfDrained()
    {
        if (_inPass || _end is not null || _streams.Count > 0)
        {
            return;
        }

        if (_goAwaySent && !_isDraining)
        {
            Finish(new ConnectionEnd(ConnectionEndReason.Drained), sendGoAway: false);
        }
        else if (_goAwayReceived)
        {
            Finish(new ConnectionEnd(ConnectionEndReason.PeerGoAway), sendGoAway: false);
        }
    }

    private void FailConnection(Http2ErrorCode code, string why)
    {
        var reason = code == Http2ErrorCode.EnhanceYourCalm ? ConnectionEndReason.Abuse : ConnectionEndReason.ProtocolError;
        Finish(new ConnectionEnd(reason, code, why), sendGoAway: true);
    }

    private void OnTransportClosed()
    {
        var isMidFrame = _phase is not (Phase.FrameHeader or Phase.Preface) || _stagedCount > 0;
        Finish(
            ActiveStreams == 0 && !isMidFrame
                ? new ConnectionEnd(_goAwayReceived ? ConnectionEndReason.PeerGoAway : ConnectionEndReason.PeerClosed)
                : new ConnectionEnd(ConnectionEndReason.TransportFailed, Http2ErrorCode.NoError,
                    $"the peer closed the transport with {ActiveStreams} streams open{(isMidFrame ? " in the middle of a frame" : "")}"),
            sendGoAway: false);
    }

    private void OnTransportFailed(Exception exception)
    {
        _isTransportDone = true;
        Finish(new ConnectionEnd(ConnectionEndReason.TransportFailed, Http2ErrorCode.NoError, exception.Message), sendGoAway: false);
    }

    /// <summary>The first reason wins. Streams end, the read loop wakes up and closes the transport.</summary>
    private void Finish(ConnectionEnd end, bool sendGoAway)
    {
        if (_end is not null)
        {
            return;
        }

        if (sendGoAway)
        {
            SendGoAway(_lastPeerStreamId, end.Code, end.Detail ?? "");
            if (_end is not null)
            {
                return; // the transport failed while saying so
            }
        }

        _end = end;
        _lingerUntil = _now < 0 ? -1 : _now + (long)LingerTime.TotalMilliseconds;
        var error = new Http2ConnectionException(end);
        foreach (var stream in _streams.Values.ToList())
        {
            stream.OnConnectionEnd(error);
        }

        _account.Close();
        _settled.TrySetException(error);
        _ = _settled.Task.Exception; // nobody has to wait for the peer's SETTINGS
        _input.CancelPendingRead();
        CapacityChanged?.Invoke();
    }

    private void OnLingerTick()
    {
        if (_lingerUntil < 0)
        {
            _lingerUntil = _now + (long)LingerTime.TotalMilliseconds;
        }
        else if (_now >= _lingerUntil)
        {
            _flushSettled?.TrySetResult();
        }
    }

    /// <summary>Lets what was written last go out, within the linger time, and closes both directions of the transport.</summary>
    private async Task CloseTransportAsync()
    {
        Pump();
        while (_flushPending && !_isTransportDone)
        {
            _flushSettled = new TaskCompletionSource();
            await _flushSettled.Task;
            if (_flushPending)
            {
                break; // out of patience
            }

            Pump();
        }

        _isTransportDone = true;
        try
        {
            await _output.CompleteAsync();
            await _input.CompleteAsync();
        }
        catch (IOException)
        {
            // The connection is over either way; how it ended is in its ConnectionEnd.
        }
    }
}
