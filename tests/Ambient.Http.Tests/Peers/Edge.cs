using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Ambient.Hbone;
using Ambient.Http.Http1;
using Ambient.Http.Http2;
using Ambient.Http.Sniffing;
using Ambient.Http.Tests.Support;
using Ambient.Linux;
using Ambient.Proxy.Transports;

namespace Ambient.Http.Tests.Peers;

/// <summary>A reverse proxy on real sockets of the calling loop: sniffs what clients speak, and sends each request to the origin.</summary>
internal sealed class Edge : IRequestHandler, IAsyncDisposable
{
    private readonly EventLoop _loop = EventLoop.Current!;
    private readonly ByteBudget _budget = new(ByteBudget.DefaultLimit);
    private readonly List<Task> _tasks = [];
    private readonly List<SocketPipe> _pipes = [];
    private readonly Stack<IClientConnection> _idle = new();
    private readonly TcpSocket _listener;
    private readonly IPEndPoint _origin;
    private readonly bool _isHttp2;
    private readonly Func<string> _originErrors;

    public Edge(int originPort, bool isHttp2, Func<string> originErrors)
    {
        _origin = new IPEndPoint(IPAddress.Loopback, originPort);
        _isHttp2 = isHttp2;
        _originErrors = originErrors;
        _listener = TcpSocket.Create(_loop, AddressFamily.InterNetwork);
        _listener.SetReuseAddress();
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(64);
        _tasks.Add(AcceptAsync());
    }

    public int Port => _listener.LocalEndPoint.Port;

    public List<Refusal> Refusals { get; } = [];

    /// <summary>Connections to the origin that were made.</summary>
    public int Dials { get; private set; }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask HandleAsync(IServerExchange exchange)
    {
        var upstream = await ConnectAsync();
        if (await TestProxy.ForwardAsync(exchange, upstream) is not null && !exchange.IsAborted)
        {
            exchange.Respond(new ResponseHead { Status = 503 }, endStream: true);
        }

        if (upstream.CanSend && !_isHttp2)
        {
            _idle.Push(upstream);
        }
    }

    public void OnRefused(in Refusal refusal) => Refusals.Add(refusal);

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        foreach (var pipe in _pipes)
        {
            pipe.Dispose();
        }

        await Task.WhenAll(_tasks);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                var socket = await _listener.AcceptAsync();
                socket.SetNoDelay();
                _tasks.Add(ServeAsync(Open(socket)));
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private SocketPipe Open(TcpSocket socket)
    {
        var pipe = new SocketPipe(socket);
        _pipes.Add(pipe);
        return pipe;
    }

    private async Task ServeAsync(SocketPipe pipe)
    {
        var protocol = SniffedProtocol.Undecided;
        while (protocol == SniffedProtocol.Undecided)
        {
            System.IO.Pipelines.ReadResult result;
            try
            {
                result = await pipe.Input.ReadAsync();
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException)
            {
                return;
            }

            protocol = ProtocolSniffer.Classify(result.Buffer);
            pipe.Input.AdvanceTo(result.Buffer.Start, protocol == SniffedProtocol.Undecided ? result.Buffer.End : result.Buffer.Start);
            if (result.IsCompleted)
            {
                return;
            }
        }

        IServerConnection connection = protocol == SniffedProtocol.Http2
            ? new Http2ServerConnection(pipe, Http2Settings.ForRequests(), new HttpLimits(), _budget, this)
            : new Http1ServerConnection(pipe, new HttpLimits(), this);
        connection.FlushRequested = new Flusher(_loop, connection.Flush).Ask;
        connection.Flush();
        await connection.RunAsync();
    }

    private async ValueTask<IClientConnection> ConnectAsync()
    {
        while (_idle.TryPop(out var idle))
        {
            if (idle.CanSend)
            {
                return idle;
            }
        }

        Dials++;
        var socket = TcpSocket.Create(_loop, AddressFamily.InterNetwork);
        try
        {
            await socket.ConnectAsync(_origin, TimeSpan.FromSeconds(10));
        }
        catch (IOException exception)
        {
            throw new IOException($"the origin is gone: {_originErrors()}", exception);
        }

        socket.SetNoDelay();
        var pipe = Open(socket);
        IClientConnection connection = _isHttp2
            ? new Http2ClientConnection(pipe, Http2Settings.ForRequests(), new HttpLimits(), _budget)
            : new Http1ClientConnection(pipe, new HttpLimits());
        connection.FlushRequested = new Flusher(_loop, connection.Flush).Ask;
        connection.Flush();
        _tasks.Add(connection.RunAsync());
        return connection;
    }

    private sealed class Flusher(EventLoop loop, Action flush) : IEndOfTurn
    {
        public void Ask() => loop.AtEndOfTurn(this);

        public void EndOfTurn() => flush();
    }
}
