using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Ambient.Identity.Certificates;
using Ambient.Identity.Tls;
using Ambient.Linux;

namespace Ambient.Hbone.Tests.Support;

/// <summary>Our server on a real socket of the calling loop, plain or with mutual TLS: echoes tunnels, refuses the rest.</summary>
internal sealed class Host : IAsyncDisposable
{
    private readonly EventLoop _loop = EventLoop.Current!;
    private readonly TcpSocket _listener;
    private readonly WorkloadCertificate? _certificate;
    private readonly ByteBudget _budget = new(ByteBudget.DefaultLimit);
    private readonly List<Task> _connections = [];
    private readonly Task _accepting;

    public Host(WorkloadCertificate? certificate)
    {
        _certificate = certificate;
        _listener = TcpSocket.Create(_loop, AddressFamily.InterNetwork);
        _listener.SetReuseAddress();
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(64);
        _accepting = AcceptAsync();
    }

    public int Port => _listener.LocalEndPoint.Port;

    public List<ConnectionEnd> Ends { get; } = [];

    public List<string> PeerIdentities { get; } = [];

    public long Held => _budget.Held;

    /// <summary>Coalesces what a loop turn produces, as the proxies do.</summary>
    public static void FlushAtEndOfTurn(Http2Connection connection)
    {
        var item = new Flusher(connection);
        connection.FlushRequested = () => EventLoop.Current!.AtEndOfTurn(item);
        connection.Flush();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting;
        await Task.WhenAll(_connections);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpSocket socket;
            try
            {
                socket = await _listener.AcceptAsync();
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException)
            {
                return;
            }

            _connections.Add(ServeAsync(socket));
        }
    }

    private async Task ServeAsync(TcpSocket socket)
    {
        socket.SetNoDelay();
        if (_certificate is null)
        {
            using var plain = new SocketTransport(socket);
            await RunAsync(plain);
            return;
        }

        using var tls = await TlsConnection.ServerAsync(socket, _certificate.Server, TimeSpan.FromSeconds(10));
        PeerIdentities.Add(tls.PeerIdentity.ToString());
        await RunAsync(tls);
    }

    private async Task RunAsync(IDuplexPipe transport)
    {
        var connection = Http2Connection.Server(transport, Http2Limits.ForServer(), _budget, OnRequest);
        FlushAtEndOfTurn(connection);
        using var heartbeat = _loop.Every(TimeSpan.FromMilliseconds(200), () => connection.Tick(_loop.NowMilliseconds));
        Ends.Add(await connection.RunAsync());
    }

    private static void OnRequest(Http2Stream stream)
    {
        if (!stream.Request.IsConnect)
        {
            stream.Respond(405, [new("allow", "CONNECT")], endStream: true);
        }
        else if (stream.Request.Authority!.EndsWith(":503", StringComparison.Ordinal))
        {
            stream.Respond(503, [], endStream: true);
        }
        else
        {
            _ = EchoAsync(stream);
        }
    }

    private static async Task EchoAsync(Http2Stream stream)
    {
        stream.Respond(200, [new("baggage", "k8s.namespace.name=shop")], endStream: false);
        try
        {
            await stream.Input.CopyToAsync(stream.Output);
            await stream.Output.CompleteAsync();
        }
        catch (IOException)
        {
            stream.Dispose();
        }
    }

    private sealed class Flusher(Http2Connection connection) : IEndOfTurn
    {
        public void EndOfTurn() => connection.Flush();
    }
}
