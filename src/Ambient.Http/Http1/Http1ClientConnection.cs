using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace Ambient.Http.Http1;

#pragma warning disable CA1001 // disposing an exchange ends one request; the object itself holds nothing
/// <summary>
/// A server that speaks HTTP/1.1. One request at a time; the next one when the exchange before it is disposed and was complete in both
/// directions. While it is idle a read waits, so that the server's end is noticed. What it says unasked ends it.
/// </summary>
public sealed class Http1ClientConnection : IClientConnection
#pragma warning restore CA1001
{
    /// <summary>Interim responses to one request; RFC 9110 §15.2 sets no bound, nobody sends more than two.</summary>
    private const int MostInterim = 10;

    private readonly PipeReader _input;
    private readonly Http1Output _output;
    private readonly ResponseHeadParser _parser;
    private readonly Http1ClientExchange _exchange;
    private readonly ReadWatch _watch;
    private readonly Turnstile _bodyRead = new();
    private Task? _running;
    private string? _upgrade;
    private string _method = "";
    private int _interim;
    private bool _isEnding;
    private bool _isBroken;

    /// <summary>A connection over this transport, which it closes at its end.</summary>
    public Http1ClientConnection(IDuplexPipe transport, HttpLimits limits)
    {
        ArgumentNullException.ThrowIfNull(transport);
        _input = transport.Input;
        _output = new Http1Output(transport.Output);
        _parser = new ResponseHeadParser(limits);
        _exchange = new Http1ClientExchange(this, _output, _input, limits);
        _parser.Expect("", null, _exchange.Head);
        _watch = new ReadWatch(_input, static () => { });
    }

    /// <inheritdoc/>
    public HttpVersion Version => HttpVersion.Http1;

    /// <inheritdoc/>
    public bool CanSend => !_exchange.IsOpen && !_isEnding && !_output.HasFailed;

    /// <inheritdoc/>
    public bool IsEnding => _isEnding || _output.HasFailed;

    /// <inheritdoc/>
    public int ActiveRequests => _exchange.IsOpen ? 1 : 0;

    /// <inheritdoc/>
    public Action? CapacityChanged { get; set; }

    /// <inheritdoc/>
    public Action? FlushRequested
    {
        get => _output.FlushRequested;
        set => _output.FlushRequested = value;
    }

    /// <inheritdoc/>
    public Task RunAsync() => _running ??= ReadAsync();

    /// <inheritdoc/>
    public IClientExchange Send(RequestHead head, bool endStream)
    {
        ArgumentNullException.ThrowIfNull(head);
        if (!CanSend)
        {
            throw new InvalidOperationException(_isEnding ? "the connection is ending" : "a request is under way");
        }

        _method = head.Method;
        _upgrade = head.Upgrade;
        _interim = 0;
        _parser.Expect(_method, _upgrade, _exchange.Head);
        _exchange.Start(HeadWriter.WriteRequest(_output, head, endStream || head.Upgrade is not null), head.ContentLength ?? 0);
        _output.FlushSoon();
        return _exchange;
    }

    /// <inheritdoc/>
    public void Flush() => _output.Flush();

    /// <inheritdoc/>
    public void Tick(long nowMilliseconds)
    {
        // Requests have their own time-outs, which their sender keeps.
    }

    /// <inheritdoc/>
    public void Drain()
    {
        _isEnding = true;
        if (!_exchange.IsOpen)
        {
            Break();
        }
    }

    /// <inheritdoc/>
    public void Abort()
    {
        Break();
        Fail(HttpFault.Aborted, "the connection was aborted by this side");
    }

    /// <summary>The transport's direction ends; who waits for its bytes is told by the read loop.</summary>
    internal void Break()
    {
        if (!_isBroken)
        {
            _isBroken = _isEnding = true;
            if (_exchange.IsOpen)
            {
                _output.Cut(new HttpException(HttpFault.Aborted, _exchange.HasResponse, "the exchange was aborted"), hasFraming: !_exchange.IsUpgraded);
            }
            else
            {
                _output.Complete();
            }

            _bodyRead.Open();
            _input.CancelPendingRead();
        }
    }

    internal void CompleteOutput() => _output.Complete();

    internal void OnResponseRead() => _bodyRead.Open();

    internal void OnDisposed()
    {
        if (_isEnding)
        {
            Break();
        }

        CapacityChanged?.Invoke();
    }

    private async Task ReadAsync()
    {
        try
        {
            while (!_isBroken)
            {
                var result = await _watch.TakeAsync();
                if (!ReadHead(result))
                {
                    break;
                }

                if (!_isBroken && _exchange is { IsOpen: true, HasHead: true, Body.HasEnded: false })
                {
                    // The body's reader has the transport until the body's end.
                    await _bodyRead.WaitAsync();
                }
            }
        }
        finally
        {
            Break();
            Fail(HttpFault.ConnectionClosed, "the connection is over");
            CompleteInput();
            CapacityChanged?.Invoke();
        }
    }

    /// <summary>False if the connection is over.</summary>
    private bool ReadHead(in ReadResult result)
    {
        var buffer = result.Buffer;
        if (!_exchange.IsOpen || _exchange.HasHead)
        {
            _watch.AdvanceTo(buffer.Start, buffer.End);
            _isEnding |= !buffer.IsEmpty || result.IsCompleted;
            return !_isEnding;
        }

        while (true)
        {
            _exchange.HasResponse |= !buffer.IsEmpty;
            var outcome = _parser.Read(buffer, out var taken);
            if (outcome == ParseOutcome.Done && _exchange.Head.Status is < 200 and not 101)
            {
                buffer = buffer.Slice(taken);
                if (++_interim <= MostInterim)
                {
                    _exchange.OnInterim?.Invoke(_exchange.Head);
                    _parser.Expect(_method, _upgrade, _exchange.Head);
                    continue;
                }

                outcome = ParseOutcome.Refused;
            }

            var position = buffer.GetPosition(outcome == ParseOutcome.Refused ? 0 : taken);
            _watch.AdvanceTo(position, outcome == ParseOutcome.NeedMore ? buffer.End : position);
            return outcome switch
            {
                ParseOutcome.Done => OnHead(),
                ParseOutcome.Refused => Fail(HttpFault.ProtocolError, _interim > MostInterim ? "too many interim responses" : _parser.Refusal.Words),
                _ => !result.IsCompleted || Fail(
                    _watch.Error is null ? HttpFault.ConnectionClosed : HttpFault.ConnectionFailed,
                    _watch.Error?.Message ?? "the server closed the connection before its answer was complete"),
            };
        }
    }

    private bool OnHead()
    {
        var head = _exchange.Head;
        _isEnding |= !_parser.KeepsAlive;
        _exchange.SetResponse(
            head.Status == 101 ? BodyFraming.UntilClose
            : !head.HasBody ? BodyFraming.None
            : _parser.IsChunked ? BodyFraming.Chunked
            : head.ContentLength is null ? BodyFraming.UntilClose
            : BodyFraming.Length);
        return true;
    }

    private bool Fail(HttpFault fault, string words)
    {
        _isEnding = true;
        if (_exchange.IsOpen)
        {
            _exchange.Fail(new HttpException(fault, _exchange.HasResponse, words, _watch.Error));
        }

        return false;
    }

    private void CompleteInput()
    {
        try
        {
            if (_watch.IsStarted)
            {
                _input.CancelPendingRead();
            }

            _input.Complete();
        }
        catch (IOException)
        {
            // The connection is over either way.
        }
    }

    /// <summary>Lets the one who waits through when it is opened, and closes behind him.</summary>
    private sealed class Turnstile : IValueTaskSource
    {
        private ManualResetValueTaskSourceCore<bool> _core;
        private bool _isWaiting;

        public ValueTask WaitAsync()
        {
            _core.Reset();
            _isWaiting = true;
            return new ValueTask(this, _core.Version);
        }

        public void Open()
        {
            if (_isWaiting)
            {
                _isWaiting = false;
                _core.SetResult(true);
            }
        }

        void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

        ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

        void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _core.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);
    }
}
