using System.IO.Pipelines;
using System.Text;
using Ambient.Hbone;

namespace Ambient.Http.Http2;

/// <summary>A server that speaks HTTP/2: many exchanges at once, as many as it allows.</summary>
public sealed class Http2ClientConnection : IClientConnection
{
    private readonly Http2Connection _connection;
    private readonly HttpLimits _limits;
    private Task? _running;

    /// <summary>A connection over this transport, which it closes at its end.</summary>
    public Http2ClientConnection(IDuplexPipe transport, Http2Limits http2, HttpLimits limits, ByteBudget budget)
    {
        _limits = limits;
        _connection = Http2Connection.Client(transport, http2, budget);
        _connection.CapacityChanged = () => CapacityChanged?.Invoke();
    }

    /// <inheritdoc/>
    public HttpVersion Version => HttpVersion.Http2;

    /// <inheritdoc/>
    public bool CanSend => _connection.CanOpen;

    /// <inheritdoc/>
    public bool IsEnding => _connection.IsEnding;

    /// <inheritdoc/>
    public int ActiveRequests { get; private set; }

    /// <inheritdoc/>
    public Action? CapacityChanged { get; set; }

    /// <inheritdoc/>
    public Action? FlushRequested
    {
        get => _connection.FlushRequested;
        set => _connection.FlushRequested = value;
    }

    /// <summary>How the connection ended, once it has.</summary>
    public ConnectionEnd? Ended { get; private set; }

    /// <inheritdoc/>
    public Task RunAsync() => _running ??= ReadAsync();

    /// <inheritdoc/>
    public IClientExchange Send(RequestHead head, bool endStream)
    {
        ArgumentNullException.ThrowIfNull(head);
        if (head.Upgrade is not null)
        {
            throw new InvalidOperationException("HTTP/2 has no upgrades: send it by HTTP/1.1");
        }

        var stream = _connection.Open(new RequestHeaders
        {
            Method = head.Method,
            Scheme = head.Scheme,
            Authority = head.Authority,
            Path = head.QueryBytes.IsEmpty ? head.Path : Encoding.Latin1.GetString([.. head.PathBytes, .. head.QueryBytes]),
            Fields = new HeaderList(Http2Fields.Write(head.Fields, endStream ? null : head.ContentLength, keepsLength: !endStream || head.ContentLength == 0)),
            EndStream = endStream,
        });
        ActiveRequests++;
        var exchange = new Http2ClientExchange(this, _limits);
        exchange.Start(stream, head, endStream);
        return exchange;
    }

    /// <inheritdoc/>
    public void Flush() => _connection.Flush();

    /// <inheritdoc/>
    public void Tick(long nowMilliseconds) => _connection.Tick(nowMilliseconds);

    /// <inheritdoc/>
    public void Drain() => _connection.GoAway();

    /// <inheritdoc/>
    public void Abort() => _connection.Abort(Http2ErrorCode.Cancel);

    internal void OnDisposed()
    {
        ActiveRequests--;
        CapacityChanged?.Invoke();
    }

    private async Task ReadAsync()
    {
        Ended = await _connection.RunAsync();
        CapacityChanged?.Invoke();
    }
}
