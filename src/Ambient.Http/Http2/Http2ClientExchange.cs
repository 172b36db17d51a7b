using System.IO.Pipelines;
using Ambient.Hbone;
using Ambient.Http.Fields;

namespace Ambient.Http.Http2;

/// <summary>A stream of a client's connection, as an exchange.</summary>
internal sealed class Http2ClientExchange : IClientExchange, IStreamObserver
{
    private readonly Http2ClientConnection _connection;
    private readonly HttpLimits _limits;
    private readonly Http2BodyReader _reader;
    private readonly Http2BodyWriter _writer;
    private Http2Stream _stream = null!;
    private FieldList? _trailers;
    private bool _isHead;
    private bool _hasHead;
    private bool _isAborted;
    private bool _isDisposed;

    public Http2ClientExchange(Http2ClientConnection connection, HttpLimits limits)
    {
        _connection = connection;
        _limits = limits;
        _reader = new Http2BodyReader(onWanted: null);
        _writer = new Http2BodyWriter(Abort);
    }

    public PipeWriter RequestBody => _writer;

    public PipeReader ResponseBody => _reader;

    public FieldList? ResponseTrailers => _trailers ??= _reader.HasEnded ? Http2Fields.Trailers(_stream.Trailers, _limits) : null;

    public Action<ResponseHead>? OnInterim { get; set; }

    public bool HasResponse { get; private set; }

    public bool IsComplete => _hasHead && _writer.IsCompleted && _reader.HasEnded && !_isAborted;

    /// <summary>The response.</summary>
    private ResponseHead Head { get; } = new();

    public void Start(Http2Stream stream, RequestHead request, bool endStream)
    {
        _stream = stream;
        _isHead = request.Method == "HEAD";
        stream.Observer = this;
        _reader.Start(stream, isEmpty: false);
        _writer.Start(stream);
        if (endStream)
        {
            _writer.MarkCompleted();
        }
    }

    public async ValueTask<ResponseHead> ResponseAsync()
    {
        ResponseHeaders headers;
        try
        {
            headers = await _stream.ResponseAsync();
        }
        catch (IOException exception)
        {
            throw _isAborted
                ? new HttpException(HttpFault.Aborted, HasResponse, "the exchange was aborted by this side", exception)
                : Http2Faults.Of(exception, HasResponse);
        }

        HasResponse = _reader.ResponseStarted = true;
        if (Read(headers) is { } refusal)
        {
            Abort();
            throw new HttpException(HttpFault.ProtocolError, responseStarted: true, refusal.Words);
        }

        _hasHead = true;
        return Head;
    }

    public void CompleteRequest(FieldList? trailers = null)
    {
        if (!_writer.IsCompleted)
        {
            _writer.End(trailers is { Count: > 0 } ? Http2Fields.Write(trailers, null, keepsLength: false) : []);
        }
    }

    public void Abort()
    {
        if (!_isAborted && !_isDisposed)
        {
            _isAborted = true;
            _stream.Reset(Http2ErrorCode.Cancel);
        }
    }

    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        if (!IsComplete)
        {
            Abort();
        }

        _isDisposed = true;
        OnInterim = null;
        _stream.Observer = null;
        _stream.Input.Complete();
        Head.Reset();
        _connection.OnDisposed();
    }

    void IStreamObserver.OnInterim(ResponseHeaders response)
    {
        HasResponse = true;
        if (OnInterim is not null && response.Status != 101)
        {
            var head = new ResponseHead { Status = response.Status, Version = HttpVersion.Http2 };
            if (Http2Fields.Read(response.Fields, head.Fields, _limits, isRequest: false) is null)
            {
                OnInterim(head);
            }

            head.Reset();
        }
    }

    void IStreamObserver.OnReset()
    {
        // Who reads or writes is told by the pipes.
    }

    private Refusal? Read(ResponseHeaders headers)
    {
        Head.Status = headers.Status;
        Head.Version = HttpVersion.Http2;
        if (Http2Fields.Read(headers.Fields, Head.Fields, _limits, isRequest: false) is { } refusal)
        {
            return refusal;
        }

        Head.ContentLength = Http2Fields.LengthOf(Head.Fields);
        Head.HasBody = !headers.EndStream && !_isHead && headers.Status is not (204 or 304);
        foreach (ref readonly var field in headers.Fields.AsSpan())
        {
            Head.ReceivedBytes += field.Size;
        }

        if (headers.EndStream)
        {
            _reader.MarkEnded();
        }

        return null;
    }
}
