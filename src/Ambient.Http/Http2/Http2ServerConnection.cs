using System.IO.Pipelines;
using Ambient.Hbone;
using Ambient.Http.Http1;

namespace Ambient.Http.Http2;

/// <summary>A client that speaks HTTP/2: each of its streams is an exchange, and the handler runs for many at once.</summary>
public sealed class Http2ServerConnection : IServerConnection
{
    /// <summary>Exchanges kept for later streams: what a client has under way at a time, mostly.</summary>
    private const int MostKept = 16;

    private readonly Http2Connection _connection;
    private readonly HttpLimits _limits;
    private readonly IRequestHandler _handler;
    private readonly Stack<Http2ServerExchange> _kept = new();
    private readonly List<Http2ServerExchange> _active = [];
    private readonly SilenceClock _clock = new();
    private TaskCompletionSource? _drained;
    private Exception? _failure;
    private Task? _running;
    private long _served;

    /// <summary>A connection over this transport, which it closes at its end.</summary>
    public Http2ServerConnection(IDuplexPipe transport, Http2Limits http2, HttpLimits limits, ByteBudget budget, IRequestHandler handler)
    {
        _limits = limits;
        _handler = handler;
        _connection = Http2Connection.Server(transport, http2, budget, OnRequest);
    }

    /// <inheritdoc/>
    public int ActiveRequests => _active.Count;

    /// <inheritdoc/>
    public Action? FlushRequested
    {
        get => _connection.FlushRequested;
        set => _connection.FlushRequested = value;
    }

    /// <summary>How the connection ended, once it has.</summary>
    public ConnectionEnd? Ended { get; private set; }

    /// <inheritdoc/>
    public Task RunAsync() => _running ??= ServeAsync();

    /// <inheritdoc/>
    public void Flush() => _connection.Flush();

    /// <inheritdoc/>
    public void Tick(long nowMilliseconds)
    {
        _connection.Tick(nowMilliseconds);
        if (_clock.Tick(nowMilliseconds, ActiveRequests == 0, _served) >= _limits.IdleTimeout.TotalMilliseconds)
        {
            _connection.GoAway();
        }

        // From the end, because one that is given up leaves the list.
        for (var index = _active.Count - 1; index >= 0; index--)
        {
            _active[index].Tick(nowMilliseconds);
            index = Math.Min(index, _active.Count);
        }
    }

    /// <inheritdoc/>
    public void Drain() => _connection.GoAway();

    /// <inheritdoc/>
    public void Abort() => _connection.Abort(Http2ErrorCode.Cancel);

    private async Task ServeAsync()
    {
        Ended = await _connection.RunAsync();
        if (ActiveRequests > 0)
        {
            _drained = new TaskCompletionSource();
            await _drained.Task;
        }

        if (_failure is not null)
        {
            throw new InvalidOperationException("a handler of requests has failed", _failure);
        }
    }

    private void OnRequest(Http2Stream stream)
    {
        _served++;
        var exchange = _kept.Count > 0 ? _kept.Pop() : new Http2ServerExchange(_limits);
        if (exchange.Start(stream) is { } refusal)
        {
            exchange.Request.Reset();
            Keep(exchange);
            stream.Respond(refusal.Status, [], endStream: !stream.Request.IsConnect);
            stream.Output.Complete();
            stream.Input.Complete();
            _handler.OnRefused(refusal);
            return;
        }

        _active.Add(exchange);
        _ = HandleAsync(exchange); // ends before ServeAsync does, and tells its failure there
    }

    private async Task HandleAsync(Http2ServerExchange exchange)
    {
        var context = SynchronizationContext.Current;
        try
        {
            await _handler.HandleAsync(exchange).ConfigureAwait(false);
            HandlerLoop.Check(context);
        }
        catch (Exception exception)
        {
            _failure ??= exception;
            _connection.Abort(Http2ErrorCode.InternalError);
        }

        exchange.End();
        _active.Remove(exchange); // few at a time
        Keep(exchange);
        if (_active.Count == 0)
        {
            _drained?.TrySetResult();
        }
    }

    private void Keep(Http2ServerExchange exchange)
    {
        if (_kept.Count < MostKept)
        {
            _kept.Push(exchange);
        }
    }
}
