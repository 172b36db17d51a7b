using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Ambient.Hbone;
using Ambient.Linux;
using Ambient.Proxy.Relaying;
using Ambient.Proxy.Tunnels;

namespace Ambient.Proxy.Tests.Relaying;

/// <summary>Counts what a relay says it moved.</summary>
internal sealed class Counted : IRelayCounter
{
    public long Up { get; private set; }

    public long Down { get; private set; }

    public int Calls { get; private set; }

    public void FromClient(int bytes)
    {
        Up += bytes;
        Calls++;
    }

    public void FromServer(int bytes)
    {
        Down += bytes;
        Calls++;
    }
}

/// <summary>
/// Applications with ordinary sockets at both ends of the whole way: client ─ socket ─ relay ─ tunnel ─ relay ─ socket ─ server. With a
/// waypoint there are two tunnels, and a relay between them.
/// </summary>
public abstract class RelayPath : ProxyFixture
{
    private readonly Socket _applicationListener = NewSocket();
    private TestServer? _server;
    private TestServer? _waypoint;
    private Tunnel? _onward;
    private Tunnel? _tunnel;
    private TcpSocket? _capture;

    /// <summary>Whether a waypoint stands between.</summary>
    protected virtual bool HasWaypoint => false;

    internal Tunnel Tunnel => _tunnel!;

    /// <summary>A connection through a tunnel, which is shared by all of the test.</summary>
    internal async Task<Way> OpenAsync()
    {
        await OnLoopAsync(StartAsync);
        var way = new Way { Client = NewSocket() };
        await OnLoopAsync(async () =>
        {
            var connecting = way.Client.ConnectAsync(_capture!.LocalEndPoint);
            var captured = await _capture.AcceptAsync();
            await connecting;
            var stream = Tunnel.Connection.Open(RequestHeaders.Connect("10.0.0.1:80"));
            _waiting.Enqueue(way);
            Assert.Equal(200, (await stream.ResponseAsync()).Status);
            way.Stream = stream;
            way.Outbound = RelayAsync(captured, stream, true, way.OutboundCount);
        });
        way.Application = await _applicationListener.AcceptAsync().WaitAsync(Limit);
        return way;
    }

    internal async Task StopAsync()
    {
        await OnLoopAsync(async () =>
        {
            if (_tunnel is not null)
            {
                await _tunnel.DisposeAsync();
            }

            if (_onward is not null)
            {
                await _onward.DisposeAsync();
            }

            if (_waypoint is not null)
            {
                await _waypoint.DisposeAsync();
            }

            if (_server is not null)
            {
                await _server.DisposeAsync();
            }

            _capture?.Dispose();
        });
        _applicationListener.Dispose();
    }

    internal Task AbortServerAsync() => OnLoopAsync(() =>
    {
        _server!.Server.Abort();
        return Task.CompletedTask;
    });

    private readonly Queue<Way> _waiting = new();

    /// <summary>What came of connections that passed the waypoint.</summary>
    internal ConcurrentQueue<RelayEnd> WaypointEnds { get; } = new();

    /// <summary>What moved through the waypoint, all of the test.</summary>
    internal Counted WaypointCount { get; } = new();

    internal static Socket NewSocket() => new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    private async Task StartAsync()
    {
        if (_server is not null)
        {
            return;
        }

        _applicationListener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _applicationListener.Listen();
        _server = Serve(async (_, stream) =>
        {
            var way = _waiting.Dequeue();
            var socket = await ConnectAsync((IPEndPoint)_applicationListener.LocalEndPoint!);
            stream.Respond(200, [], endStream: false);
            way.Inbound = RelayAsync(socket, stream, false, way.InboundCount);
            way.InboundEnd.SetResult(await way.Inbound);
        });
        if (HasWaypoint)
        {
            _onward = await DialAsync(_server.Address);
            _waypoint = Serve(PassOnAsync);
        }

        _tunnel = await DialAsync((_waypoint ?? _server).Address);
        _capture = Listen();
    }

    private async Task PassOnAsync(Tunnel tunnel, Http2Stream client)
    {
        using var server = _onward!.Connection.Open(RequestHeaders.Connect(client.Request.Authority!));
        Assert.Equal(200, (await server.ResponseAsync()).Status);
        client.Respond(200, [], endStream: false);
        WaypointEnds.Enqueue(await StreamRelay.RunAsync(client, server, WaypointCount));
    }

    private static async Task<RelayEnd> RelayAsync(TcpSocket socket, Http2Stream stream, bool isClient, Counted counted)
    {
        using (socket)
        using (stream)
        {
            return await TunnelRelay.RunAsync(socket, stream, isClient, counted);
        }
    }

    internal sealed class Way : IDisposable
    {
        public required Socket Client { get; init; }

        public Socket Application { get; set; } = null!;

        public Http2Stream Stream { get; set; } = null!;

        public Task<RelayEnd> Outbound { get; set; } = null!;

        public Task<RelayEnd> Inbound { get; set; } = null!;

        public TaskCompletionSource<RelayEnd> InboundEnd { get; } = new();

        public Counted OutboundCount { get; } = new();

        public Counted InboundCount { get; } = new();

        /// <summary>Both relays are over.</summary>
        public async Task<(RelayEnd Outbound, RelayEnd Inbound)> EndAsync() =>
            (await Outbound.WaitAsync(Limit), await InboundEnd.Task.WaitAsync(Limit));

        public void Dispose()
        {
            Client.Dispose();
            Application?.Dispose();
        }
    }

    internal static async Task SendAsync(Socket socket, byte[] data)
    {
        for (var sent = 0; sent < data.Length;)
        {
            sent += await socket.SendAsync(data.AsMemory(sent)).AsTask().WaitAsync(Limit);
        }
    }

    internal static async Task<byte[]> ReceiveToEndAsync(Socket socket)
    {
        using var all = new MemoryStream();
        var buffer = new byte[100_000];
        while (true)
        {
            var count = await socket.ReceiveAsync(buffer).WaitAsync(Limit);
            if (count == 0)
            {
                return all.ToArray();
            }

            all.Write(buffer, 0, count);
        }
    }

    internal static async Task<byte[]> ReceiveAsync(Socket socket, int count)
    {
        var data = new byte[count];
        for (var received = 0; received < count;)
        {
            var more = await socket.ReceiveAsync(data.AsMemory(received)).AsTask().WaitAsync(Limit);
            Assert.True(more > 0, "the stream ended early");
            received += more;
        }

        return data;
    }
}
