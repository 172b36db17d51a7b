using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Ambient.Waypoint.Tests.Requests;

/// <summary>A server that answers what a test writes, byte for byte, and keeps what it was asked.</summary>
internal sealed class RawServer : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Func<RawClient, string, Task<bool>> _answer;
    private readonly ConcurrentBag<RawClient> _connections = [];
    private readonly ConcurrentBag<Task> _serving = [];
    private readonly Task _accepting;
    private int _accepted;

    /// <summary>Serves; the function is given each request, and says whether the connection goes on.</summary>
    public RawServer(Func<RawClient, string, Task<bool>> answer)
    {
        _answer = answer;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        Address = (IPEndPoint)_listener.LocalEndPoint!;
        _accepting = AcceptAsync();
    }

    /// <summary>A server with one answer for everything.</summary>
    public static RawServer Always(string answer) => new(async (connection, _) =>
    {
        await connection.SendAsync(answer);
        return true;
    });

    /// <summary>A 200 with this body.</summary>
    public static RawServer Saying(string body) => Always($"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n\r\n{body}");

    public IPEndPoint Address { get; }

    /// <summary>Requests in the order in which they came, head and body.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    public int Accepted => Volatile.Read(ref _accepted);

    /// <summary>An address where nobody listens.</summary>
    public static IPEndPoint Nobody()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return (IPEndPoint)socket.LocalEndPoint!;
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        foreach (var connection in _connections)
        {
            await connection.DisposeAsync();
        }

        await _accepting;
        await Task.WhenAll(_serving).WaitAsync(RequestFixture.Limit);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptAsync();
            }
            catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
            {
                return;
            }

            socket.NoDelay = true;
            Interlocked.Increment(ref _accepted);
            var connection = RawClient.Of(socket);
            _connections.Add(connection);
            _serving.Add(ServeAsync(connection));
        }
    }

    private async Task ServeAsync(RawClient connection)
    {
        await using (connection)
        {
            try
            {
                while (true)
                {
                    var request = await connection.ReadAnswerAsync();
                    Requests.Enqueue(request);
                    if (!await _answer(connection, request))
                    {
                        return;
                    }
                }
            }
            catch (Exception failure) when (failure is SocketException or ObjectDisposedException or TimeoutException or Xunit.Sdk.XunitException)
            {
                // The connection ended.
            }
        }
    }
}
