using System.IO.Pipelines;
using Ambient.Hbone;
using Ambient.Http.Fields;
using Ambient.Http.Http1;

namespace Ambient.Http.Http2;

/// <summary>A stream of a server's connection, as an exchange. The connection uses it again for a later stream.</summary>
internal sealed class Http2ServerExchange : IServerExchange, IStreamObserver
{
    private readonly HttpLimits _limits;
    private readonly Http2BodyReader _reader;
    private readonly Http2BodyWriter _writer;
    private readonly SilenceClock _clock = new();
    private Http2Stream _stream = null!;
    private FieldList? _trailers;
    private bool _continueIsDue;

    public Http2ServerExchange(HttpLimits limits)
    {
        _limits = limits;
        _reader = new Http2BodyReader(OnBodyWanted);
        _writer = new Http2BodyWriter(Abort);
    }

    public RequestHead Request { get; } = new();

    public PipeReader RequestBody => _reader;

    public FieldList? RequestTrailers => _trailers ??= _reader.HasEnded ? Http2Fields.Trailers(_stream.Trailers, _limits) : null;

    public bool IsAborted { get; private set; }

    public Action? OnAborted
    {
        get;
        set
        {
            field = value;
            if (IsAborted && value is not null)
            {
                field = null;
                value();
            }
        }
    }

    public bool HasResponded { get; private set; }

    public PipeWriter ResponseBody => _writer;

    /// <summary>Reads the request; words if it is refused.</summary>
    public Refusal? Start(Http2Stream stream)
    {
        _stream = stream;
        _trailers = null;
        IsAborted = HasResponded = false;
        OnAborted = null;
        _clock.Restart();
        if (Http2RequestReader.Read(stream.Request, Request, _limits) is { } refusal)
        {
            return refusal;
        }

        stream.Observer = this;
        _continueIsDue = Request.ExpectsContinue;
        _reader.Start(stream, isEmpty: !Request.HasBody);
        _writer.MarkCompleted();
        return null;
    }

    public void RespondInterim(ResponseHead head)
    {
        ArgumentNullException.ThrowIfNull(head);
        if (HasResponded || head.Status is < 100 or > 199 or 101)
        {
            throw new InvalidOperationException("interim responses are 100 to 199 but not 101, and come before the response");
        }

        if (IsAborted || (head.Status == 100 && !_continueIsDue))
        {
            return;
        }

        _continueIsDue &= head.Status != 100;
        _stream.Respond(head.Status, Http2Fields.Write(head.Fields, null, keepsLength: false), endStream: false);
    }

    public void Respond(ResponseHead head, bool endStream)
    {
        ArgumentNullException.ThrowIfNull(head);
        if (HasResponded || head.Status is < 200 or > 999)
        {
            throw new InvalidOperationException(HasResponded ? "the response was sent already" : $"{head.Status} is no final response of HTTP/2");
        }

        HasResponded = true;
        _reader.ResponseStarted = true;
        if (IsAborted)
        {
            _writer.Start(stream: null);
            return;
        }

        var hasNoBody = Request.Method == "HEAD" || head.Status is 204 or 304;
        var ends = endStream || hasNoBody;
        var fields = Http2Fields.Write(head.Fields, ends ? null : head.ContentLength, keepsLength: head.Status != 204 && (hasNoBody || !endStream));
        _stream.Respond(head.Status, fields, ends);
        _writer.Start(ends ? null : _stream);
        if (endStream)
        {
            _writer.MarkCompleted();
        }
    }

    public void Complete(FieldList? trailers = null)
    {
        if (!HasResponded)
        {
            throw new InvalidOperationException("the response's head comes first");
        }

        if (!_writer.IsCompleted)
        {
            _writer.End(trailers is { Count: > 0 } ? Http2Fields.Write(trailers, null, keepsLength: false) : []);
        }
    }

    public void Abort()
    {
        if (!IsAborted)
        {
            IsAborted = true;
            _stream.Reset(Http2ErrorCode.InternalError);
        }
    }

    /// <summary>Gives up a client that neither sends the body that is waited for nor takes the one that waits for it.</summary>
    public void Tick(long now)
    {
        var silence = _clock.Tick(now, _reader.IsWaiting || _writer.IsWaiting, _reader.Progress + _writer.Progress);
        if (silence >= _limits.BodyTimeout.TotalMilliseconds)
        {
            _stream.Reset(Http2ErrorCode.Cancel); // which the observer hears of
        }
    }

    /// <summary>The handler has returned: what is not complete is aborted.</summary>
    public void End()
    {
        OnAborted = null;
        _stream.Observer = null;
        if (!IsAborted && (!HasResponded || !_writer.IsCompleted))
        {
            Abort();
        }

        _stream.Input.Complete(); // what is left of the request ends the stream when the response has gone out
        _stream = null!;
        Request.Reset();
    }

    void IStreamObserver.OnInterim(ResponseHeaders response)
    {
    }

    void IStreamObserver.OnReset()
    {
        if (!IsAborted)
        {
            IsAborted = true;
            var onAborted = OnAborted;
            OnAborted = null;
            onAborted?.Invoke();
        }
    }

    private void OnBodyWanted()
    {
        if (_continueIsDue && !HasResponded && !IsAborted)
        {
            _continueIsDue = false;
            _stream.Respond(100, [], endStream: false);
        }
    }
}
