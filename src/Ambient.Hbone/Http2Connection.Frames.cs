using System.Buffers.Binary;
using Ambient.Hbone.Frames;

namespace Ambient.Hbone;

/// <summary>What each frame does. The rules and their error codes are those of RFC 9113 §6; sections are named beside them.</summary>
public sealed partial class Http2Connection
{
    private readonly PeerSettings _peer;
    private int _lastPeerStreamId;
    private int _nextStreamId = 1;
    private bool _settingsReceived;
    private bool _settingsAcknowledged;

    private void OnFrameHeader()
    {
        if (_frame.Length > Limits.MaxFrameSize)
        {
            throw new ConnectionErrorException(Http2ErrorCode.FrameSizeError, $"a frame of {_frame.Length} bytes");
        }

        if (!_settingsReceived && (_frame.Type != FrameType.Settings || _frame.Has(FrameFlags.Acknowledge)))
        {
            throw Broken($"{_frame.Type} before SETTINGS (§3.4)");
        }

        if (_headersStreamId != 0 && (_frame.Type != FrameType.Continuation || _frame.StreamId != _headersStreamId))
        {
            throw Broken($"{_frame.Type} inside a field block (§4.3)");
        }

        switch (_frame.Type)
        {
            case FrameType.Data:
                StartData();
                break;
            case FrameType.Headers:
                StartHeaders();
                break;
            case FrameType.Continuation:
                StartContinuation();
                break;
            case FrameType.PushPromise:
                throw Broken("PUSH_PROMISE, which was not enabled (§6.6)");
            case FrameType.Priority when _frame.Length != 5 && _streams.TryGetValue(_frame.StreamId, out var stream):
                FailStream(stream, Http2ErrorCode.FrameSizeError, $"PRIORITY of {_frame.Length} bytes (§6.3)");
                Skip(_frame.Length);
                break;
            case FrameType.Priority:
                ExpectControl(5, ofStream: true);
                break;
            case FrameType.ResetStream or FrameType.WindowUpdate:
                ExpectControl(4, ofStream: _frame.Type == FrameType.ResetStream || _frame.StreamId != 0);
                break;
            case FrameType.Ping:
                ExpectControl(8, ofStream: false);
                break;
            case FrameType.Settings:
                ExpectControl(CheckedSettingsLength(), ofStream: false);
                break;
            case FrameType.GoAway:
                ExpectControl(_frame.Length < 8 ? 8 : _frame.Length, ofStream: false);
                Expect(Phase.Small, 8); // what follows is for debugging
                break;
            default:
                Work.Spend(WorkBudget.IdleFrame, "frames of unknown types");
                Skip(_frame.Length);
                break;
        }
    }

    private void ExpectControl(int length, bool ofStream)
    {
        if (_frame.Length != length)
        {
            throw new ConnectionErrorException(Http2ErrorCode.FrameSizeError, $"{_frame.Type} of {_frame.Length} bytes");
        }

        if (ofStream != (_frame.StreamId != 0))
        {
            throw Broken($"{_frame.Type} on stream {_frame.StreamId}");
        }

        Expect(Phase.Small, length);
    }

    private int CheckedSettingsLength()
    {
        if (_frame.Has(FrameFlags.Acknowledge))
        {
            return 0;
        }

        if (_frame.Length > Frames.PeerSettings.MostEntries * Frames.PeerSettings.EntrySize)
        {
            throw new ConnectionErrorException(
                Http2ErrorCode.EnhanceYourCalm, $"SETTINGS with more than {Frames.PeerSettings.MostEntries} entries");
        }

        // Any other length than a multiple of six cannot match and is refused as a frame size error.
        return _frame.Length / Frames.PeerSettings.EntrySize * Frames.PeerSettings.EntrySize;
    }

    private void OnControlFrame(ReadOnlySpan<byte> payload)
    {
        switch (_frame.Type)
        {
            case FrameType.Priority:
                // Priorities are obsolete (§5.3): read for their form, and that is all.
                Work.Spend(WorkBudget.IdleFrame, "PRIORITY frames");
                break;
            case FrameType.ResetStream:
                OnResetStream((Http2ErrorCode)BinaryPrimitives.ReadUInt32BigEndian(payload));
                break;
            case FrameType.WindowUpdate:
                OnWindowUpdate((int)(BinaryPrimitives.ReadUInt32BigEndian(payload) & 0x7fff_ffff));
                break;
            case FrameType.Ping:
                OnPing(payload);
                break;
            case FrameType.Settings:
                OnSettings(payload);
                break;
            default:
                OnGoAway(payload);
                break;
        }
    }

    // RST_STREAM (§6.4): | Error Code (32) |
    private void OnResetStream(Http2ErrorCode code)
    {
        CheckNotIdle();
        if (!_streams.TryGetValue(_frame.StreamId, out var stream))
        {
            Work.Spend(WorkBudget.IdleFrame, "resets of closed streams");
            return;
        }

        if (IsServer && !stream.IsAnswered && !stream.HasProgressed)
        {
            Work.Spend(WorkBudget.PrematureReset, "requests reset before their answer");
        }
        else
        {
            Work.Spend(WorkBudget.IdleFrame, "resets");
        }

        stream.OnReset(code);
    }

    // WINDOW_UPDATE (§6.9): |R| Window Size Increment (31) |
    private void OnWindowUpdate(int increment)
    {
        Work.Spend(WorkBudget.IdleFrame, "window updates");
        if (_frame.StreamId == 0)
        {
            if (increment == 0)
            {
                throw Broken("a window update of 0 (§6.9)");
            }

            _sendWindow += increment;
            if (_sendWindow > int.MaxValue)
            {
                throw new ConnectionErrorException(Http2ErrorCode.FlowControlError, "the connection's window passes 2^31-1 (§6.9.1)");
            }

            MarkDirty();
            return;
        }

        CheckNotIdle();
        if (!_streams.TryGetValue(_frame.StreamId, out var stream))
        {
            return;
        }

        if (increment == 0)
        {
            FailStream(stream, Http2ErrorCode.ProtocolError, "a window update of 0 (§6.9)");
        }
        else if (!stream.TryGrowWindow(increment))
        {
            FailStream(stream, Http2ErrorCode.FlowControlError, "the stream's window passes 2^31-1 (§6.9.1)");
        }
    }

    // SETTINGS (§6.5): entries of six octets, see PeerSettings.
    private void OnSettings(ReadOnlySpan<byte> entries)
    {
        if (_frame.Has(FrameFlags.Acknowledge))
        {
            if (_settingsAcknowledged && !TryNarrow())
            {
                Work.Spend(WorkBudget.Answered, "acknowledgements of SETTINGS never sent");
            }

            _settingsAcknowledged = true;
            return;
        }

        if (_settingsReceived)
        {
            Work.Spend(WorkBudget.Answered + (entries.Length / Frames.PeerSettings.EntrySize), "SETTINGS");
        }

        var oldWindow = _peer.InitialWindowSize;
        _peer.Apply(entries);
        _encoder.LimitTable(_peer.HeaderTableSize);
        if (_peer.InitialWindowSize != oldWindow)
        {
            foreach (var stream in _streams.Values)
            {
                if (!stream.TryGrowWindow(_peer.InitialWindowSize - oldWindow))
                {
                    throw new ConnectionErrorException(
                        Http2ErrorCode.FlowControlError, "the initial window takes a stream's window past 2^31-1 (§6.9.2)");
                }
            }
        }

        SendFrame(FrameType.Settings, FrameFlags.Acknowledge, 0, default);
        _settingsReceived = true;
        NotifyCapacity();
    }

    // PING (§6.7): | Opaque Data (64) |
    private void OnPing(ReadOnlySpan<byte> opaque)
    {
        if (!_frame.Has(FrameFlags.Acknowledge))
        {
            Work.Spend(WorkBudget.Answered, "PINGs");
            SendFrame(FrameType.Ping, FrameFlags.Acknowledge, 0, opaque);
        }
        else if (!OnPong(BinaryPrimitives.ReadUInt64BigEndian(opaque)))
        {
            Work.Spend(WorkBudget.IdleFrame, "answers to PINGs never sent");
        }
    }

    /// <summary>A frame for a stream that was never opened breaks the connection (§5.1, idle).</summary>
    private void CheckNotIdle()
    {
        var isIdle = (_frame.StreamId & 1) == 0
            || (IsServer ? _frame.StreamId > _lastPeerStreamId : _nextStreamId > 0 && _frame.StreamId >= _nextStreamId);
        if (isIdle)
        {
            throw Broken($"{_frame.Type} on stream {_frame.StreamId}, which is idle (§5.1)");
        }
    }

    /// <summary>
    /// A frame for a stream that is closed: ignored if a reset crossed it, an error of the connection after a proper end,
    /// and a reset if so many streams were reset that this one may have been forgotten (§5.1, closed).
    /// </summary>
    private void OnFrameOfClosedStream()
    {
        if (_resetStreams.Contains(_frame.StreamId))
        {
            Work.Spend(WorkBudget.IdleFrame, "frames of reset streams");
            return;
        }

        if (!_resetStreams.HasForgotten)
        {
            throw new ConnectionErrorException(
                Http2ErrorCode.StreamClosed, $"{_frame.Type} on stream {_frame.StreamId} after its end (§5.1)");
        }

        FailStreamId(_frame.StreamId, Http2ErrorCode.StreamClosed);
    }

    private static ConnectionErrorException Broken(string what) => new(Http2ErrorCode.ProtocolError, what);
}
