using System.IO.Pipelines;
using Ambient.Http.Fields;

namespace Ambient.Http.Http1;

/// <summary>The exchange of a client's connection, used for one request after the other.</summary>
internal sealed class Http1ClientExchange : IClientExchange, IBodyOwner
{
    private readonly Http1ClientConnection _connection;
    private readonly BodyReader _reader;
    private readonly BodyWriter _writer;
    private readonly ResponseWait _wait = new();
    private HttpException? _fault;
    private bool _isRequestWritten;
    private bool _isDisposed = true;

    public Http1ClientExchange(Http1ClientConnection connection, Http1Output output, PipeReader input, HttpLimits limits)
    {
        _connection = connection;
        _reader = new BodyReader(input, limits, this);
        _writer = new BodyWriter(output, this);
    }

    public PipeWriter RequestBody => _writer;

    public PipeReader ResponseBody => _reader;

    public FieldList? ResponseTrailers => null;

    public Action<ResponseHead>? OnInterim { get; set; }

    public bool HasResponse { get; set; }

    public bool IsComplete => _isRequestWritten && IsResponseRead && _fault is null;

    /// <summary>A request is under way.</summary>
    public bool IsOpen => !_isDisposed;

    /// <summary>The head of the response has arrived.</summary>
    public bool HasHead { get; private set; }

    /// <summary>The response, used for one exchange after the other.</summary>
    public ResponseHead Head { get; } = new();

    /// <summary>Both messages are raw bytes from here on.</summary>
    public bool IsUpgraded { get; private set; }

    /// <summary>The response's body, for the connection.</summary>
    public BodyReader Body => _reader;

    private bool IsResponseRead => HasHead && _reader.HasEnded && !IsUpgraded;

    public void Start(BodyFraming framing, long length)
    {
        _wait.Reset();
        _reader.Start(BodyFraming.None);
        _writer.Start(framing, length);
        _fault = null;
        _isDisposed = IsUpgraded = HasResponse = HasHead = false;
        OnInterim = null;
        _isRequestWritten = framing == BodyFraming.None;
        if (_isRequestWritten)
        {
            _writer.MarkCompleted();
        }
    }

    public ValueTask<ResponseHead> ResponseAsync() => _wait.TakeAsync();

    public void CompleteRequest(FieldList? trailers = null)
    {
        if (!_writer.IsCompleted)
        {
            _writer.End(isWhole: true); // trailers of requests are dropped on the way to HTTP/1.1, as Envoy does
        }
    }

    public void Abort()
    {
        if (!_isDisposed && _fault is null)
        {
            Fail(new HttpException(HttpFault.Aborted, HasResponse, "the exchange was aborted by this side"));
            _connection.Break();
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
        Head.Reset();
        _connection.OnDisposed();
    }

    /// <summary>The final head, or that of 101.</summary>
    public void SetResponse(BodyFraming framing)
    {
        HasHead = true;
        if (Head.Status == 101)
        {
            IsUpgraded = true;
            _writer.Start(BodyFraming.UntilClose);
            _isRequestWritten = false;
        }

        _reader.Start(framing, Head.ContentLength ?? 0);
        _wait.Set(Head);
    }

    public void Fail(HttpException fault)
    {
        if (_fault is not null || IsComplete)
        {
            return;
        }

        _fault = fault;
        _wait.Fail(fault);
        _reader.Fail(fault);
    }

    void IBodyOwner.OnBodyWanted()
    {
    }

    void IBodyOwner.OnBodyRead() => _connection.OnResponseRead();

    void IBodyOwner.OnBodyAbandoned()
    {
        // What is left of it ends the connection when the exchange is disposed.
    }

    void IBodyOwner.OnBodyFault(HttpException fault, Refusal? refusal)
    {
        _fault ??= fault;
        _connection.Break();
    }

    void IBodyOwner.OnBodyWritten()
    {
        _isRequestWritten = true;
        if (IsUpgraded)
        {
            _connection.CompleteOutput();
        }
    }

    void IBodyOwner.OnBodyBroken() => Abort();
}
