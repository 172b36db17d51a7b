using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ambient.Http.Tests.Recorded;

namespace Ambient.Waypoint.Tests.Requests.Recorded;

/// <summary>The server of the recordings behind a real socket: it keeps what it receives, byte for byte, and answers what <c>x-answer</c> names.</summary>
internal sealed class RecordedUpstream : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly ConcurrentBag<Socket> _connections = [];
    private readonly ConcurrentQueue<StringBuilder> _received = new();
    private readonly Task _accepting;

    public RecordedUpstream()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        Address = (IPEndPoint)_listener.LocalEndPoint!;
        _accepting = AcceptAsync();
    }

    public IPEndPoint Address { get; }

    public IReadOnlyList<string> Received => [.. _received.Select(request =>
    {
        lock (request)
        {
            return request.ToString();
        }
    })];

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        foreach (var connection in _connections)
        {
            connection.Dispose();
        }

        await _accepting;
    }

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptAsync();
                _connections.Add(socket);
                serving.Add(ServeAsync(socket));
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        var buffer = new byte[64 * 1024];
        StringBuilder? request = null;
        var upgraded = false;
        try
        {
            while (await socket.ReceiveAsync(buffer.AsMemory()) is > 0 and var count)
            {
                var news = Encoding.Latin1.GetString(buffer, 0, count);
                if (upgraded)
                {
                    await socket.SendAsync(Encoding.Latin1.GetBytes("echo:" + news));
                    continue;
                }

                if (request is null)
                {
                    _received.Enqueue(request = new StringBuilder());
                }

                string text;
                lock (request)
                {
                    text = request.Append(news).ToString();
                }

                if (!IsComplete(text))
                {
                    continue;
                }

                var (answer, close) = RecordedAnswers.To(text, isFirst: _received.Count == 1);
                upgraded = answer.StartsWith("HTTP/1.1 101", StringComparison.Ordinal);
                request = null;
                await socket.SendAsync(Encoding.Latin1.GetBytes(answer));
                if (close)
                {
                    break;
                }
            }
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            // The case is over.
        }

        socket.Dispose();
    }

    private static bool IsComplete(string text)
    {
        var head = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (head < 0)
        {
            return false;
        }

        var body = text[(head + 4)..];
        var length = text.Split("\r\n").FirstOrDefault(line => line.StartsWith("content-length: ", StringComparison.Ordinal));
        return text.Contains("transfer-encoding: chunked", StringComparison.Ordinal)
            ? body.EndsWith("0\r\n\r\n", StringComparison.Ordinal)
            : length is null || body.Length >= int.Parse(length[16..]);
    }
}
