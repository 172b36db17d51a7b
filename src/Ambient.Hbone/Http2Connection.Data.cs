using Ambient.Hbone.Frames;

namespace Ambient.Hbone;

/// <summary>DATA as it arrives, and the connection's credit for it.</summary>
public sealed partial class Http2Connection
{
    /// <summary>Payloads below this are charged until they are read: ten octets of frame and record for each are a poor bargain.</summary>
    private const int SmallPayload = 16;

    private long _receiveWindow;
    private long _received;

    // DATA (§6.1): |Pad Length? (8)| Data (*) | Padding (*) |
    private void StartData()
    {
        if (_frame.StreamId == 0)
        {
            throw Broken("DATA on stream 0 (§6.1)");
        }

        CheckNotIdle();
        TakeConnectionWindow(_frame.Length);
        _dataStream = FindDataStream();
        if (_frame.Has(FrameFlags.Padded))
        {
            if (_frame.Length == 0)
            {
                throw new ConnectionErrorException(Http2ErrorCode.FrameSizeError, "a padded frame without room for its padding (§6.1)");
            }

            Expect(Phase.DataPrefix, 1);
            return;
        }

        _left = _frame.Length;
        _padding = 0;
        StartPayload(Phase.Data);
    }

    /// <summary>
    /// The connection's window counts what is under way: credit goes back on receipt, in steps of half a window. A stream
    /// that nobody reads can so never stop the others; what it holds is bounded by its own window and the byte budget.
    /// </summary>
    private void TakeConnectionWindow(int length)
    {
        _receiveWindow -= length;
        if (_receiveWindow < 0)
        {
            throw new ConnectionErrorException(Http2ErrorCode.FlowControlError, "more data than the connection's window (§6.9.1)");
        }

        _received += length;
        if (_received >= Limits.ConnectionWindow / 2)
        {
            _receiveWindow += _received;
            SendWindowUpdate(0, (int)_received);
            _received = 0;
        }
    }

    private Http2Stream? FindDataStream()
    {
        if (!_streams.TryGetValue(_frame.StreamId, out var stream))
        {
            OnFrameOfClosedStream();
            return null;
        }

        if (stream.RemoteEnded)
        {
            FailStream(stream, Http2ErrorCode.StreamClosed, "DATA after the peer's END_STREAM (§5.1)");
            return null;
        }

        if (!IsServer && !stream.IsAnswered)
        {
            FailStream(stream, Http2ErrorCode.ProtocolError, "DATA before the response's headers (§8.1)");
            return null;
        }

        if (!stream.TryTakeWindow(_frame.Length))
        {
            FailStream(stream, Http2ErrorCode.FlowControlError, "more data than the stream's window (§6.9.1)");
            return null;
        }

        return stream;
    }

    private void OnData(ReadOnlyMemory<byte> octets)
    {
        if (_dataStream is { IsClosed: false } stream && !octets.IsEmpty)
        {
            stream.OnData(octets);
            Touch(stream);
        }
    }

    private void OnDataEnd()
    {
        if (_dataStream is not { IsClosed: false } stream)
        {
            return;
        }

        _dataStream = null;
        var overhead = _frame.Has(FrameFlags.Padded) ? _padding + 1 : 0;
        var payload = _frame.Length - overhead;
        stream.OnPadding(overhead);
        var isEnd = _frame.Has(FrameFlags.EndStream);
        if (payload == 0 && !isEnd)
        {
            Work.Spend(WorkBudget.Answered, "empty DATA frames");
        }
        else if (payload < SmallPayload && !isEnd)
        {
            Work.Spend(WorkBudget.IdleFrame, "DATA frames of a few bytes that nobody reads");
            stream.OnSmallFrame();
        }

        if (!stream.TryTakeBody(payload))
        {
            FailStream(stream, Http2ErrorCode.ProtocolError, "a body longer than its content-length (§8.1.1)");
        }
        else if (isEnd)
        {
            EndRemote(stream);
        }

        Touch(stream);
    }

    private void EndRemote(Http2Stream stream)
    {
        if (!stream.OnEndStream())
        {
            FailStream(stream, Http2ErrorCode.ProtocolError, "a body shorter than its content-length (§8.1.1)");
        }

        Touch(stream);
    }
}
