using System.IO.Pipelines;
using System.Threading.Tasks.Sources;
using Ambient.Hbone.Buffers;

namespace Ambient.Hbone;

/// <summary>
/// One request and its answer, or one tunnel: bytes in through <see cref="Input"/>, out through <see cref="Output"/>, each
/// direction ending by itself. Belongs to the loop of its connection. Whoever gets a stream ends it: by completing both
/// pipes, by <see cref="Reset"/>, or by <see cref="Dispose"/>, which resets what has not ended.
/// </summary>
public sealed partial class Http2Stream : IDuplexPipe, IDisposable, IValueTaskSource<ResponseHeaders>
{
    private readonly Http2Connection _connection;
    private readonly StreamReader _reader;
    private readonly StreamWriter _writer;
    private CancellationTokenSource? _closing;
    private bool _isClosed;

    internal Http2Stream(Http2Connection connection, int id, int sendWindow, int receiveWindow, RequestHeaders request)
    {
        _connection = connection;
        Id = id;
        Request = request;
        SendWindow = sendWindow;
        _receiveWindow = receiveWindow;
        _received = new ByteQueue(connection.Segments);
        _sending = new ByteQueue(connection.Segments);
        _reader = new StreamReader(this, _received);
        _writer = new StreamWriter(this);
    }

    /// <summary>The stream's identifier: odd, opened by the client.</summary>
    public int Id { get; }

    /// <summary>The request that opened the stream.</summary>
    public RequestHeaders Request { get; }

    /// <summary>Bytes from the peer. Ends cleanly with END_STREAM or a reset that says NO_ERROR or CANCEL; throws otherwise.</summary>
    public PipeReader Input => _reader;

    /// <summary>Bytes to the peer. Completing it sends END_STREAM; completing it with an exception resets the stream.</summary>
    public PipeWriter Output => _writer;

    /// <summary>Fields after the body; empty until <see cref="Input"/> has ended.</summary>
    public HeaderList Trailers { get; private set; } = HeaderList.Empty;

    /// <summary>Set once the stream is reset, by either side or with its connection; null while it is not.</summary>
    public Http2ErrorCode? ResetCode { get; private set; }

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

    /// <summary>Both directions have ended for the protocol; received bytes may still wait for their reader.</summary>
    internal bool IsClosed => _isClosed;

    internal Http2Connection Connection => _connection;

    /// <summary>Memory that the stream occupies, for the byte budget.</summary>
    internal long Held => _received.Capacity + _sending.Capacity;

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
        _writer.MarkCompleted();
        QueueBorrowed();
        _reader.Drop();
        _sending.Clear();
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
        _reader.Drop();
        _reader.Fail(error);
    }

    /// <summary>RST_STREAM from the peer.</summary>
    internal void OnReset(Http2ErrorCode code)
    {
        var error = new Http2StreamException(Id, code, $"stream {Id} was reset by the peer ({code})");

        // A tunnel whose user went away has ended; a message cut short has not.
        if (Request.IsConnect && code is (Http2ErrorCode.NoError or Http2ErrorCode.Cancel))
        {
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
        QueueBorrowed();
        _localEnded = true;
        _sending.Clear();
        _trailers = null;
        Close(wasReset: true);
        _closing?.Cancel();
        FailResponse(error);
        _writer.OnClosed(error, isBenign: code is Http2ErrorCode.NoError or Http2ErrorCode.Cancel or Http2ErrorCode.StreamClosed && error is Http2StreamException);
        if (!_remoteEnded)
        {
            _reader.Drop();
            _reader.Fail(error);
        }
        else
        {
            _reader.Wake();
        }
    }

    private void Close(bool wasReset)
    {
        _isClosed = true;
        _connection.OnStreamClosed(this, wasReset, isUnread: _remoteEnded && _received.Length + BorrowedLength > 0);
    }

    private void CloseIfBothEnded()
    {
        if (_localEnded && _remoteEnded && !_isClosed)
        {
            Close(wasReset: false);
        }
    }
}
