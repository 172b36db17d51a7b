using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Ambient.Api;
using Ambient.Hbone;
using Ambient.Identity.Certificates;
using Ambient.Identity.Tests;
using Ambient.Identity.Tls;
using Ambient.Linux;
using Ambient.Proxy.Tunnels;

namespace Ambient.Proxy.Tests;

/// <summary>A loop with both ends of real tunnels over loopback.</summary>
public abstract class ProxyFixture : IAsyncDisposable
{
    internal static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    internal static readonly SpiffeId Web = new("cluster.local", "shop", "web");
    internal static readonly SpiffeId Db = new("cluster.local", "shop", "db");

    private readonly TestAuthority _authority = new();

    protected ProxyFixture()
    {
        WebCertificate = _authority.Certificate(Web.ToString());
        DbCertificate = _authority.Certificate(Db.ToString());
    }

    internal EventLoop Loop { get; } = EventLoop.Start("proxy-test");

    internal TestAuthority Authority => _authority;

    internal WorkloadCertificate WebCertificate { get; }

    internal WorkloadCertificate DbCertificate { get; }

    internal ByteBudget Budget { get; } = new(ByteBudget.DefaultLimit);

    internal Http2Limits ClientLimits { get; set; } = Http2Limits.ForClient();

    internal Http2Limits ServerLimits { get; set; } = Http2Limits.ForServer();

    public async ValueTask DisposeAsync()
    {
        await Loop.DisposeAsync();
        WebCertificate.Dispose();
        DbCertificate.Dispose();
        _authority.Dispose();
        GC.SuppressFinalize(this);
    }

    internal Task OnLoopAsync(Func<Task> test) => Loop.RunAsync(test).WaitAsync(TimeSpan.FromSeconds(30));

    internal TcpSocket Listen()
    {
        var listener = TcpSocket.Create(Loop, AddressFamily.InterNetwork);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(16);
        return listener;
    }

    internal async Task<TcpSocket> ConnectAsync(IPEndPoint address)
    {
        var socket = TcpSocket.Create(Loop, AddressFamily.InterNetwork);
        await socket.ConnectAsync(address, Limit);
        return socket;
    }

    /// <summary>Sends all of it.</summary>
    internal static async Task SendAsync(TcpSocket socket, ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            await socket.WaitWritableAsync();
            var sent = socket.TrySend(data.Span);
            Assert.True(sent.Ok || sent.WouldBlock, $"send: {sent.Error}");
            data = data[sent.Count..];
        }
    }

    internal TunnelKey Key(IPEndPoint address, SpiffeId? source = null, params SpiffeId[] expected) =>
        new(source ?? Web, default, address, expected.Length == 0 ? [Db] : [.. expected]);

    internal async Task<Tunnel> DialAsync(IPEndPoint address)
    {
        var tls = await TlsConnection.ClientAsync(await ConnectAsync(address), WebCertificate.Client, [Db], Limit);
        return Tunnel.Client(Loop, tls, ClientLimits, Budget);
    }

    internal TestServer Serve(Func<Tunnel, Http2Stream, Task> serve) => new(this, serve);

    /// <summary>A running server; disposing it cuts what is left.</summary>
    internal sealed class TestServer : IAsyncDisposable
    {
        public TestServer(ProxyFixture fixture, Func<Tunnel, Http2Stream, Task> serve)
        {
            var listener = fixture.Listen();
            Address = listener.LocalEndPoint;
            Server = new TunnelServer(
                listener,
                cancellation => Context?.Invoke(cancellation) ?? new ValueTask<TlsContext>(fixture.DbCertificate.Server),
                new TunnelServerOptions(fixture.ServerLimits, fixture.Budget, HandshakeTimeout, change => Sockets += change),
                serve,
                (socket, failure) => Refused.Add((socket.RemoteEndPoint, failure)));
            Running = Server.RunAsync();
        }

        public static TimeSpan HandshakeTimeout { get; } = TimeSpan.FromSeconds(5);

        public TunnelServer Server { get; }

        public IPEndPoint Address { get; }

        public Task Running { get; }

        public int Sockets { get; private set; }

        public Func<CancellationToken, ValueTask<TlsContext>>? Context { get; set; }

        public List<(IPEndPoint Peer, Exception Failure)> Refused { get; } = [];

        public async ValueTask DisposeAsync()
        {
            Server.Abort();
            await Running.WaitAsync(Limit);
            Server.Dispose();
        }
    }

    /// <summary>Answers 200 and sends back what comes.</summary>
    internal static async Task EchoAsync(Tunnel tunnel, Http2Stream stream)
    {
        try
        {
            stream.Respond(200, [], endStream: false);
            while (true)
            {
                var read = await stream.Input.ReadAsync();
                foreach (var part in read.Buffer)
                {
                    await stream.Output.WriteAsync(part);
                }

                stream.Input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    await stream.Output.CompleteAsync();
                    return;
                }
            }
        }
        catch (IOException)
        {
            // The test cut it.
        }
    }

    internal static async Task<byte[]> AskAsync(Http2Stream stream, byte[] question)
    {
        var response = await stream.ResponseAsync();
        Assert.Equal(200, response.Status);
        await stream.Output.WriteAsync(question);
        using var answer = new MemoryStream();
        while (answer.Length < question.Length)
        {
            var read = await stream.Input.ReadAsync();
            foreach (var part in read.Buffer)
            {
                answer.Write(part.Span);
            }

            stream.Input.AdvanceTo(read.Buffer.End);
            Assert.False(read.IsCompleted && answer.Length < question.Length);
        }

        return answer.ToArray();
    }

    internal async Task UntilAsync(Func<bool> condition, string what)
    {
        for (var waited = 0; !condition(); waited += 10)
        {
            Assert.True(waited < 10_000, what);
            await Loop.DelayAsync(TimeSpan.FromMilliseconds(10));
        }
    }
}
