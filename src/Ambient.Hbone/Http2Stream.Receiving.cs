using Ambient.Hbone.Buffers;

namespace Ambient.Hbone;

/// <summary>Data and headers that arrive, and the credit for what was consumed.</summary>
public sealed partial class Http2Stream
{
    private ByteQueue? _received;
    private int _receiveWindow;
    private int _windowTarget;
    private long _consumed;
    private long? _bodyLeft;
    private int _smallFrames;
    private bool _remoteEnded;

    /// <summary>The peer sent END_STREAM: no more data can arrive.</summary>
    internal bool RemoteEnded => _remoteEnded;

    /// <summary>Something arrived in the current pass; the reader is woken at its end.</summary>
    internal bool IsTouched { get; set; }

    /// <summary>Any data moved in either direction: a reset is then not premature.</summary>
    internal bool HasProgressed { get; private set; }

    /// <summary>Bytes that wait for their reader.</summary>
    private long Unread => _received?.Length ?? 0;

    /// <summary>Made when the first byte has to wait: most streams of a relay never need it.</summary>
    private ByteQueue Received => _received ??= new ByteQueue(_connection.Segments);

    /// <summary>Takes a DATA frame's length, padding included, out of the stream's window.</summary>
    internal bool TryTakeWindow(int length)
    {
        _receiveWindow -= length;
        return _receiveWindow >= 0;
    }

    /// <summary>The connection's windows were narrowed: this one too, below zero if need be.</summary>
    internal void Narrow(int by)
    {
        _receiveWindow -= by;
        _windowTarget -= by;
        ReturnCredit();
    }

    /// <summary>Checks the payload against a content-length; false if it is longer.</summary>
    internal bool TryTakeBody(int length)
    {
        _bodyLeft -= length;
        return _bodyLeft is not < 0;
    }

    internal void OnData(ReadOnlyMemory<byte> bytes)
    {
        HasProgressed = true;
        if (_reader is { IsCompleted: true })
        {
            _consumed += bytes.Length;
            return;
        }

        if (!TryBorrow(bytes))
        {
            Received.Write(bytes.Span);
            _connection.OnReaderBehind(Unread);
        }
    }

    /// <summary>Padding is consumed on arrival.</summary>
    internal void OnPadding(int length) => _consumed += length;

    /// <summary>A frame that hardly carries anything was charged to the work budget; reading it gives the points back.</summary>
    internal void OnSmallFrame() => _smallFrames++;

    /// <summary>END_STREAM. False if the body is shorter than its content-length.</summary>
    internal bool OnEndStream()
    {
        if (_bodyLeft > 0)
        {
            return false;
        }

        _remoteEnded = true;
        CloseIfBothEnded();
        return true;
    }

    internal void OnTrailers(HeaderList trailers) => Trailers = trailers;

    /// <summary>A body of known length follows.</summary>
    internal void ExpectBody(HeaderList fields, bool endStream)
    {
        if (fields["content-length"] is { } text)
        {
            _bodyLeft = long.Parse(text);
        }
        else if (endStream)
        {
            _bodyLeft = 0;
        }
    }

    /// <summary>End of a pass: the reader sees what arrived, in one piece.</summary>
    internal void Settle()
    {
        WakeResponse();
        OfferBorrowed();
        _reader?.Wake();
        TellEnd();
        ReturnCredit();
    }

    /// <summary>The reader consumed bytes.</summary>
    internal void OnConsumed(long count)
    {
        _consumed += count;
        if (_smallFrames > 0 && Unread == 0)
        {
            _connection.Work.Earn(_smallFrames);
            _smallFrames = 0;
        }

        if (_isClosed && Unread == 0)
        {
            _connection.OnStreamRead(this);
        }

        ReturnCredit();
    }

    /// <summary>The reader wants no more. What arrives is dropped, and the stream ends if we have nothing to say either.</summary>
    internal void OnReaderCompleted(Exception? exception)
    {
        QueueBorrowed();
        var dropped = Unread;
        DropUnread();
        if (_remoteEnded || _isClosed)
        {
            _connection.OnStreamRead(this);
            return;
        }

        if (exception is not null || _localEnded)
        {
            Reset(exception is null ? Http2ErrorCode.NoError : Http2ErrorCode.Cancel);
            return;
        }

        OnConsumed(dropped);
    }

    /// <summary>
    /// Gives the peer credit for consumed bytes, in steps of half a window so that updates stay rare. On a connection that
    /// has met slow readers the window grows while this one keeps up and shrinks when it falls behind. While the byte budget is under
    /// pressure it is smaller: part of the credit is kept back until the reader has caught up.
    /// </summary>
    private void ReturnCredit()
    {
        if (_remoteEnded || _isClosed || _consumed == 0)
        {
            return;
        }

        var target = _connection.WindowTarget(_windowTarget);
        var credit = Math.Min(_consumed, target - _receiveWindow - Unread);
        if (credit <= 0 || credit < target / 2)
        {
            return;
        }

        _consumed -= credit;
        if (_connection.IsNarrow)
        {
            _windowTarget = Unread == 0
                ? Math.Min(2 * _windowTarget, _connection.Limits.StreamWindow)
                : Math.Max(_windowTarget / 2, _connection.Limits.SlowStreamWindow);
            credit += Math.Max(0, _connection.WindowTarget(_windowTarget) - target);
        }

        _receiveWindow += (int)credit;
        _connection.SendWindowUpdate(Id, (int)credit);
    }
}
