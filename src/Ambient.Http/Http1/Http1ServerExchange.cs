using System.IO.Pipelines;
using System.Text;
using Ambient.Http.Fields;

namespace Ambient.Http.Http1;

/// <summary>The exchange of a server's connection, used for one request after the other.</summary>
internal sealed class Http1ServerExchange : IServerExchange, IBodyOwner
{
    private readonly Http1ServerConnection _connection;
    private readonly Http1Output _output;
    private readonly BodyReader _reader;
    private readonly BodyWriter _writer;
    private bool _continueIsDue;
    private bool _isResponseWritten;

    public Http1ServerExchange(Http1ServerConnection connection, Http1Output output, PipeReader input, HttpLimits limits, RequestHead request)
    {
        _connection = connection;
        _output = output;
        Request = request;
        _reader = new BodyReader(input, limits, this);
        _writer = new BodyWriter(output, this);
    }

    public RequestHead Request { get; }

    public PipeReader RequestBody => _reader;

    public FieldList? RequestTrailers => null;

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

    /// <summary>Both messages are raw bytes from here on.</summary>
    public bool IsUpgraded { get; private set; }

    /// <summary>The response is complete.</summary>
    public bool IsAnswered => _isResponseWritten && !IsAborted;

    /// <summary>The client still waits for 100 (Continue), and may never send its body.</summary>
    public bool AwaitsContinue => _continueIsDue;

    /// <summary>The response's head did not say that it is the last one.</summary>
    public bool KeptAlive { get; private set; }

    /// <summary>The request's body, for the connection.</summary>
    public BodyReader Body => _reader;

    /// <summary>What was wrong with the request's body.</summary>
    public Refusal? Refusal { get; private set; }

    public void Start(BodyFraming framing)
    {
        IsAborted = HasResponded = IsUpgraded = KeptAlive = _isResponseWritten = false;
        OnAborted = null;
        Refusal = null;
        _continueIsDue = Request.ExpectsContinue;
        _reader.Start(framing, Request.ContentLength ?? 0);
        _writer.MarkCompleted();
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
        HeadWriter.WriteResponse(_output, head, BodyFraming.None, close: false, keepsLength: false);
        _output.FlushSoon();
    }

    public void Respond(ResponseHead head, bool endStream)
    {
        ArgumentNullException.ThrowIfNull(head);
        if (HasResponded || head.Status is (< 200 or > 999) and not 101)
        {
            throw new InvalidOperationException(HasResponded ? "the response was sent already" : $"{head.Status} is no final response");
        }

        HasResponded = true;
        if (IsAborted)
        {
            _writer.Start(BodyFraming.None);
            return;
        }

        if (head.Status == 101)
        {
            StartUpgrade(head);
            return;
        }

        var hasNoBody = Request.Method == "HEAD" || head.Status is 204 or 304;
        var framing = endStream || hasNoBody ? BodyFraming.None : head.ContentLength is null ? BodyFraming.Chunked : BodyFraming.Length;
        KeptAlive = _connection.KeepsAliveAfter(this);
        HeadWriter.WriteResponse(_output, head, framing, close: !KeptAlive, keepsLength: hasNoBody && head.Status != 204);
        _writer.Start(framing, head.ContentLength ?? 0);
        _output.FlushSoon();
        if (endStream)
        {
            _writer.End(isWhole: true);
        }
    }

    public void Complete(FieldList? trailers = null)
    {
        if (!HasResponded)
        {
            throw new InvalidOperationException("the response's head comes first");
        }

        if (_writer.IsCompleted)
        {
            return;
        }

        _writer.End(isWhole: true, trailers is { Count: > 0 } && Request.TakesTrailers ? LinesOf(trailers) : default);
    }

    public void Abort()
    {
        if (!IsAborted)
        {
            IsAborted = true;
            _reader.Fail(new HttpException(HttpFault.Aborted, HasResponded, "the exchange was aborted by this side"));
            _connection.Break();
        }
    }

    /// <summary>The client's doing: the handler hears of it.</summary>
    public void OnPeerGone(HttpException reason, Refusal? refusal = null)
    {
        if (IsAborted || (_isResponseWritten && !IsUpgraded))
        {
            return;
        }

        IsAborted = true;
        Refusal = refusal;
        _reader.Fail(reason);
        var onAborted = OnAborted;
        OnAborted = null;
        onAborted?.Invoke();
    }

    void IBodyOwner.OnBodyWanted()
    {
        if (_continueIsDue && !HasResponded && !IsAborted)
        {
            _continueIsDue = false;
            _output.Write("HTTP/1.1 100 Continue\r\n\r\n"u8);
            _output.FlushSoon();
        }
    }

    void IBodyOwner.OnBodyRead() => _connection.OnRequestRead();

    void IBodyOwner.OnBodyAbandoned()
    {
        // The connection sees it when the handler has returned.
    }

    void IBodyOwner.OnBodyFault(HttpException fault, Refusal? refusal) => OnPeerGone(fault, refusal);

    void IBodyOwner.OnBodyWritten()
    {
        _isResponseWritten = true;
        if (IsUpgraded)
        {
            _output.Complete();
        }
    }

    void IBodyOwner.OnBodyBroken() => Abort();

    private void StartUpgrade(ResponseHead head)
    {
        if (Request.Upgrade is null)
        {
            throw new InvalidOperationException("101 to a client that did not ask for it");
        }

        IsUpgraded = true;
        HeadWriter.WriteResponse(_output, head, BodyFraming.None, close: false, keepsLength: false);
        _writer.Start(BodyFraming.UntilClose);
        _reader.Start(BodyFraming.UntilClose);
        _output.FlushSoon();
    }

    private static ReadOnlySpan<byte> LinesOf(FieldList trailers)
    {
        var lines = new StringBuilder();
        for (var index = 0; index < trailers.Count; index++)
        {
            if (trailers[index].Kind is FieldKind.Other)
            {
                lines.Append(trailers[index].NameText).Append(": ").Append(trailers[index].ValueText).Append("\r\n");
            }
        }

        return Encoding.Latin1.GetBytes(lines.ToString());
    }
}
