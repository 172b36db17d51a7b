using System.IO.Pipelines;

namespace Ambient.Http.Http1;

/// <summary>
/// A client that speaks HTTP/1.1. One request at a time, in order:
/// <code>
///   transport.Input ──1──▶ head ──2──▶ handler ──3──▶ exchange ──4──▶ transport.Output
/// </code>
/// 1 lines are parsed as they come; 2 the handler is called, and a read goes on beside it when the request has no body or all of it was read,
/// so that a client that goes away is noticed; 3 the handler reads and writes through the exchange, in the transport's own memory;
/// 4 what a loop turn wrote leaves in one flush. Then the next request, which may have arrived already.
/// </summary>
public sealed class Http1ServerConnection : IServerConnection
{
    private readonly PipeReader _input;
    private readonly HttpLimits _limits;
    private readonly IRequestHandler _handler;
    private readonly Http1Output _output;
    private readonly RequestHeadParser _parser;
    private readonly Http1ServerExchange _exchange;
    private readonly ReadWatch _watch;
    private readonly SilenceClock _clock = new();
    private Task? _running;
    private bool _hasTimedOut;
    private bool _isServing;
    private bool _hasServed;
    private bool _isDraining;
    private bool _isBroken;

    /// <summary>A connection over this transport, which it closes at its end.</summary>
    public Http1ServerConnection(IDuplexPipe transport, HttpLimits limits, IRequestHandler handler)
    {
        ArgumentNullException.ThrowIfNull(transport);
        _limits = limits;
        _handler = handler;
        _input = transport.Input;
        _output = new Http1Output(transport.Output) { Failed = OnTransportFailed };
        var request = new RequestHead();
        _parser = new RequestHeadParser(limits, request);
        _exchange = new Http1ServerExchange(this, _output, _input, limits, request);
        _watch = new ReadWatch(_input, OnEndSeen);
    }

    private bool IsBetweenRequests => _hasServed && !_parser.HasStarted;

    /// <inheritdoc/>
    public int ActiveRequests => _isServing ? 1 : 0;

    /// <inheritdoc/>
    public Action? FlushRequested
    {
        get => _output.FlushRequested;
        set => _output.FlushRequested = value;
    }

    /// <inheritdoc/>
    public Task RunAsync() => _running ??= ServeAsync();

    /// <inheritdoc/>
    public void Flush() => _output.Flush();

    /// <inheritdoc/>
    public void Drain()
    {
        _isDraining = true;

        // A client whose first request is under way does not send it again if the connection ends: that one is awaited, and answered with "close".
        if (!_isServing && IsBetweenRequests)
        {
            _input.CancelPendingRead();
        }
    }

    /// <inheritdoc/>
    public void Abort()
    {
        if (_isServing)
        {
            _exchange.OnPeerGone(new HttpException(HttpFault.Aborted, responseStarted: false, "the connection was aborted by this side"));
        }

        Break();
    }

    /// <inheritdoc/>
    public void Tick(long nowMilliseconds)
    {
        var isWaiting = !_isServing || _output.IsFlushing || (_exchange.Body.IsWaiting && !_exchange.IsUpgraded);
        var silence = _clock.Tick(nowMilliseconds, isWaiting, _exchange.Body.Progress + _output.Progress);
        if (_output.IsFlushing || _isServing)
        {
            if (isWaiting && silence >= _limits.BodyTimeout.TotalMilliseconds)
            {
                OnSilence();
            }
        }
        else if (silence >= (_parser.HasStarted || _isDraining ? _limits.HeadTimeout : _limits.IdleTimeout).TotalMilliseconds)
        {
            _hasTimedOut = true;
            _input.CancelPendingRead();
        }
    }

    /// <summary>The response goes out whole and the next request may follow.</summary>
    internal bool KeepsAliveAfter(Http1ServerExchange exchange)
    {
        var body = exchange.Body;
        var canFollow = body.HasEnded || (!exchange.AwaitsContinue && (body.IsWanted || body.Left <= _limits.MaxDrain));
        return canFollow && !_isDraining && _parser.KeepsAlive;
    }

    /// <summary>The request has been read to its end: from now on the client can only go away, or send the next one.</summary>
    internal void OnRequestRead()
    {
        if (_isServing && !_exchange.IsUpgraded && _exchange.Request.Upgrade is null)
        {
            _watch.Start();
        }
    }

    /// <summary>Nothing more can be said in order: the transport is cut, so that the client sees it.</summary>
    internal void Break()
    {
        if (!_isBroken)
        {
            _isBroken = true;
            _output.Cut(new HttpException(HttpFault.Aborted, responseStarted: true, "the exchange was aborted"), hasFraming: !_exchange.IsUpgraded);
            _input.CancelPendingRead();
        }
    }

    private async Task ServeAsync()
    {
        var context = SynchronizationContext.Current;
        try
        {
            while (!_isBroken)
            {
                var result = await _watch.TakeAsync();
                var outcome = ReadHead(result);
                if (outcome == ParseOutcome.Refused)
                {
                    break;
                }

                if (outcome == ParseOutcome.Done)
                {
                    StartExchange();
                    await _handler.HandleAsync(_exchange).ConfigureAwait(false);
                    HandlerLoop.Check(context);
                    if (!MayFollow() || (!_exchange.Body.HasEnded && !await DrainBodyAsync()))
                    {
                        break;
                    }

                    // Responses that a client does not read hold up its next request.
                    if (_output.IsFlushing && (await _output.FlushAsync()).IsCompleted)
                    {
                        break;
                    }

                    _parser.Reset();
                    _clock.Restart();
                    _isServing = false;
                }
            }
        }
        finally
        {
            _isServing = false;
            _parser.Reset();
            _output.Complete();
            if (_output.IsFlushing && !_isBroken)
            {
                await _output.FlushAsync(); // the last response to a slow client
            }

            CompleteInput();
        }
    }

    /// <summary>Done when a request's head is complete; Refused also when there will be none.</summary>
    private ParseOutcome ReadHead(in ReadResult result)
    {
        var buffer = result.Buffer;
        var hadStarted = _parser.HasStarted;
        var outcome = _parser.Read(buffer, out var taken);
        var position = buffer.GetPosition(taken);
        _watch.AdvanceTo(position, outcome == ParseOutcome.NeedMore ? buffer.End : position);
        if (outcome == ParseOutcome.Refused)
        {
            Refuse(_parser.Refusal);
        }

        if (outcome != ParseOutcome.NeedMore)
        {
            return outcome;
        }

        if (!hadStarted && _parser.HasStarted)
        {
            _clock.Restart();
        }

        if (result.IsCanceled && _hasTimedOut && _parser.HasStarted)
        {
            Refuse(new Refusal(RefusalReason.HeadTimeout, $"the head did not arrive within {_limits.HeadTimeout.TotalSeconds} s"));
            return ParseOutcome.Refused;
        }

        return result.IsCompleted || (result.IsCanceled && (_hasTimedOut || (_isDraining && IsBetweenRequests)))
            ? ParseOutcome.Refused
            : ParseOutcome.NeedMore;
    }

    private void StartExchange()
    {
        var head = _exchange.Request;
        _isServing = _hasServed = true;
        _clock.Restart();
        _exchange.Start(!head.HasBody ? BodyFraming.None : head.ContentLength is null ? BodyFraming.Chunked : BodyFraming.Length);
        if (!head.HasBody)
        {
            OnRequestRead();
        }
    }

    /// <summary>The handler has returned. True if another request may follow, as far as the response is concerned.</summary>
    private bool MayFollow()
    {
        if (_exchange.Refusal is { } refusal && !_exchange.HasResponded)
        {
            Refuse(refusal);
            return false;
        }

        _exchange.OnAborted = null;
        if (!_exchange.IsAnswered || _isBroken || _exchange.IsUpgraded)
        {
            Break();
            return false;
        }

        return _exchange.KeptAlive && !_isDraining;
    }

    /// <summary>What the handler did not want of the body is dropped, up to a bound.</summary>
    private async ValueTask<bool> DrainBodyAsync()
    {
        var body = _exchange.Body;
        if (body.Left > _limits.MaxDrain)
        {
            return false;
        }

        body.Reopen();
        try
        {
            for (long dropped = 0; dropped <= _limits.MaxDrain;)
            {
                var result = await body.ReadAsync();
                dropped += result.Buffer.Length;
                body.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    return true;
                }
            }
        }
        catch (HttpException)
        {
            // The response has gone out; that its request was malformed ends the connection, which is what we do.
        }

        return false;
    }

    private void Refuse(in Refusal refusal)
    {
        HeadWriter.WriteRefusal(_output, refusal.Status);
        _output.FlushSoon();
        _handler.OnRefused(refusal);
    }

    /// <summary>Neither a byte of the request's body nor room for the response's, for too long.</summary>
    private void OnSilence()
    {
        var words = $"no byte moved for {_limits.BodyTimeout.TotalSeconds} s in the middle of a message";
        var isStuck = _output.IsFlushing;
        if (_isServing)
        {
            _exchange.OnPeerGone(
                new HttpException(HttpFault.TimedOut, responseStarted: false, words), isStuck ? null : new Refusal(RefusalReason.BodyTimeout, words));
        }

        if (isStuck)
        {
            Break();
        }
    }

    /// <summary>The client's end, or the transport's, while nobody reads.</summary>
    private void OnEndSeen()
    {
        if (_isServing)
        {
            _exchange.OnPeerGone(new HttpException(HttpFault.ConnectionClosed, responseStarted: false, "the client closed the connection", _watch.Error));
        }
    }

    private void OnTransportFailed()
    {
        _isBroken = true;
        if (_isServing)
        {
            _exchange.OnPeerGone(new HttpException(HttpFault.ConnectionFailed, responseStarted: true, "the client takes no more"));
        }

        _input.CancelPendingRead();
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
}
