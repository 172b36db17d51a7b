using System.IO.Pipelines;
using Ambient.Hbone.Buffers;

namespace Ambient.Hbone;

/// <summary>
/// One request and its answer, or one tunnel: bytes in through <see cref="Input"/>, out through <see cref="Output"/>, each
/// direction ending by itself. Belongs to the loop of its connection. Whoever gets a stream ends it: by completing both
/// pipes, by <see cref="Reset"/>, or by <see cref="Dispose"/>, which resets what has not ended.
/// </summary>
public sealed partial class Http2Stream : IDuplexPipe, IDisposable
{
    private readonly Http2Connection _connection;
    private StreamReader? _reader;
    private StreamWriter? _writer;
    private IOException? _error;
    private CancellationTokenSource? _closing;
    private bool _isClosed;
    private bool _isDisposed;

    internal Http2Stream(Http2Connection connection, int id, int sendWindow, int receiveWindow, RequestHeaders request)
    {
        _connection = connection;
        Id = id;
        Request = request;
        SendWindow = sendWindow;
        _receiveWindow = _windowTarget = receiveWindow;
    }

    /// <summary>The stream's identifier: odd, opened by the client.</summary>
    public int Id { get; }

    /// <summary>The request that opened the stream. Of one that a relay has taken over only the method is kept.</summary>
    public RequestHeaders Request { get; private set; }

    /// <summary>Bytes from the peer. Ends cleanly with END_STREAM or a reset that says NO_ERROR or CANCEL; throws otherwise.</summary>
    public PipeReader Input => _reader ??= MakeReader();

    /// <summary>Bytes to the peer. Completing it sends END_STREAM; completing it with an exception resets the stream.</summary>
    public PipeWriter Output => _writer ??= MakeWriter();

    /// <summary>Fields after the body; empty until <see cref="Input"/> has ended.</summary>
    public HeaderList Trailers { get; private set; } = HeaderList.Empty;

    /// <summary>Set once the stream is reset, by either side or with its connection; null while it is not.</summary>
    public Http2ErrorCode? ResetCode { get; private set; }

    /// <summary>
    /// The peer reset the stream before it ended its direction, so what came may not be all, although <see cref="Input"/> reads
    /// to an end.
    /// </summary>
    public bool WasCutShort { get; private set; }

    /// <summary>Cancelled when the stream is reset or its connection ends: work for it is in vain.</summary>
    public CancellationToken Aborted
    {
        get
        {
            if (_closing is null)
            {
                _closing = new CancellationTokenSource();
                if (ResetCode is not null)
                {
                    _closing.Cancel();
                }
            }

            return _closing.Token;
        }
    }

    /// <summary>Who hears of resets and interim responses, without a token or a task for each stream.</summary>
    public IStreamObserver? Observer { get; set; }

    /// <summary>Both directions have ended for the protocol; received bytes may still wait for their reader.</summary>
    internal bool IsClosed => _isClosed;

    internal Http2Connection Connection => _connection;

    /// <summary>Memory that the stream occupies, for the byte budget.</summary>
    internal long Held => (_received?.Capacity ?? 0) + (_sending?.Capacity ?? 0);

    /// <summary>Ends the stream at once in both directions; bytes that wait are dropped. Nothing happens if it has ended.</summary>
    public void Reset(Http2ErrorCode code)
    {
        if (!_isClosed)
        {
            _connection.SendReset(Id, code);
            End(new Http2StreamException(Id, code, $"stream {Id} was reset by this side ({code})"), code);
        }
    }

    /// <summary>Resets what has not ended (CANCEL) and gives back the memory.</summary>
    public void Dispose()
    {
        Reset(Http2ErrorCode.Cancel);
        _writer?.MarkCompleted();
        _relay = null;
        _isDisposed = true;
        QueueBorrowed();
        DropUnread();
        _sending?.Clear();
    }

    /// <summary>Reset for what the peer did; the RST_STREAM has gone out.</summary>
    internal void Fail(Http2StreamException error) => End(error, error.Code);

    /// <summary>The byte budget is used up and this stream holds most of it.</summary>
    internal void Shed()
    {
        var code = Http2ErrorCode.EnhanceYourCalm;
        var error = new Http2StreamException(Id, code, $"stream {Id} was reset: its reader is slow and the byte budget used up");
        _remoteEnded = false;
        if (!_isClosed)
        {
            _connection.SendReset(Id, code);
            End(error, code);
            return;
        }

        ResetCode ??= code;
        QueueBorrowed();
        FailReading(error);
    }

    /// <summary>RST_STREAM from the peer.</summary>
    internal void OnReset(Http2ErrorCode code)
    {
        var error = new Http2StreamException(Id, code, $"stream {Id} was reset by the peer ({code})");

        // A tunnel whose user went away has ended; a message cut short has not.
        if (Request.IsConnect && code is (Http2ErrorCode.NoError or Http2ErrorCode.Cancel))
        {
            WasCutShort = !_remoteEnded;
            _remoteEnded = true;
        }

        End(error, code);
    }

    /// <summary>The connection is over. What arrived completely may still be read.</summary>
    internal void OnConnectionEnd(Http2ConnectionException error) => End(error, error.End.Code);

    private void End(IOException error, Http2ErrorCode code)
    {
        if (_isClosed)
        {
            return;
        }

        ResetCode = code;
        if (_remoteEnded && _relay is not null)
        {
            OfferBorrowed();
        }

        QueueBorrowed();
        _localEnded = true;
        _sending?.Clear();
        _trailers = null;
        Close(wasReset: true);
        _closing?.Cancel();
        FailResponse(error);
        _writer?.OnClosed(error, IsBenign(error, code));
        if (!_remoteEnded)
        {
            FailReading(error);
        }
        else
        {
            _reader?.Wake();
            TellEnd();
            TellLoss(error);
        }

        Observer?.OnReset();
    }

    /// <summary>The peer just does not want more.</summary>
    private static bool IsBenign(IOException error, Http2ErrorCode? code) =>
        code is Http2ErrorCode.NoError or Http2ErrorCode.Cancel or Http2ErrorCode.StreamClosed && error is Http2StreamException;

    private StreamReader MakeReader()
    {
        var reader = new StreamReader(this, Received);
        if (_error is not null && !_remoteEnded)
        {
            reader.Fail(_error);
        }

        return reader;
    }

    private StreamWriter MakeWriter()
    {
        var writer = new StreamWriter(this);
        if (_error is not null)
        {
            writer.OnClosed(_error, IsBenign(_error, ResetCode));
        }
        else if (_endQueued || _localEnded)
        {
            writer.MarkCompleted();
        }

        return writer;
    }

    private void FailReading(IOException error)
    {
        _error = error;
        DropUnread();
        _reader?.Fail(error);
        if (_relay is { } relay)
        {
            _relay = null;
            relay.OnFailed(error);
        }
    }

    private void DropUnread()
    {
        if (_reader is not null)
        {
            _reader.Drop();
            return;
        }

        _received?.Clear();
        _connection.OnStreamRead(this);
    }

    private void Close(bool wasReset)
    {
        _isClosed = true;
        _connection.OnStreamClosed(this, wasReset, isUnread: _remoteEnded && Unread + BorrowedLength > 0);
    }

    private void CloseIfBothEnded()
    {
        if (_localEnded && _remoteEnded && !_isClosed)
        {
            Close(wasReset: false);
        }
    }
}
