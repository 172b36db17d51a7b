using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Ambient.Waypoint.Tests.Requests;

/// <summary>A client that sends what a test writes, byte for byte. Text is Latin-1: a character is a byte.</summary>
internal sealed class RawClient : IAsyncDisposable
{
    private readonly Socket _socket;
    private readonly List<byte> _rest = [];

    private RawClient(Socket socket) => _socket = socket;

    public Socket Socket => _socket;

    public static async Task<RawClient> ConnectAsync(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(address).WaitAsync(RequestFixture.Limit);
        return new RawClient(socket);
    }

    public static RawClient Of(Socket socket) => new(socket);

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await _socket.SendAsync(bytes).AsTask().WaitAsync(RequestFixture.Limit)..];
        }
    }

    /// <summary>Up to and with some text.</summary>
    public async Task<string> ReadUntilAsync(string end)
    {
        while (true)
        {
            var text = Encoding.Latin1.GetString([.. _rest]);
            var at = text.IndexOf(end, StringComparison.Ordinal);
            if (at >= 0)
            {
                _rest.RemoveRange(0, at + end.Length);
                return text[..(at + end.Length)];
            }

            Assert.True(await FillAsync(), $"the connection ended before '{end}': {text}");
        }
    }

    /// <summary>So many bytes.</summary>
    public async Task<string> ReadAsync(int count)
    {
        while (_rest.Count < count)
        {
            Assert.True(await FillAsync(), $"the connection ended after {_rest.Count} of {count} bytes");
        }

        var text = Encoding.Latin1.GetString([.. _rest.Take(count)]);
        _rest.RemoveRange(0, count);
        return text;
    }

    /// <summary>All until the other side ends or breaks the connection.</summary>
    public async Task<string> ReadToEndAsync()
    {
        try
        {
            while (await FillAsync())
            {
            }
        }
        catch (SocketException)
        {
            // broken off
        }

        var text = Encoding.Latin1.GetString([.. _rest]);
        _rest.Clear();
        return text;
    }

    /// <summary>A request or an answer: its head, and its body as the head says.</summary>
    public async Task<string> ReadAnswerAsync(bool isHead = false)
    {
        var head = await ReadUntilAsync("\r\n\r\n");
        var status = head.StartsWith("HTTP/", StringComparison.Ordinal) ? RequestFixture.StatusOf(head) : 0;
        if (isHead || status is 204 or 304 or 101 or 100 or 103)
        {
            return head;
        }

        var lines = head.Split("\r\n").Select(line => line.ToLowerInvariant()).ToArray();
        if (lines.FirstOrDefault(line => line.StartsWith("content-length:", StringComparison.Ordinal)) is { } length)
        {
            return head + await ReadAsync(int.Parse(length[15..], CultureInfo.InvariantCulture));
        }

        return lines.Contains("transfer-encoding: chunked") ? head + await ReadChunksAsync() : head;
    }

    public void Abort()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return default;
    }

    private async Task<string> ReadChunksAsync()
    {
        var body = new StringBuilder();
        while (true)
        {
            var size = int.Parse((await ReadUntilAsync("\r\n")).Split(';')[0].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (size == 0)
            {
                while (await ReadUntilAsync("\r\n") != "\r\n")
                {
                }

                return body.ToString();
            }

            body.Append(await ReadAsync(size));
            await ReadUntilAsync("\r\n");
        }
    }

    private async Task<bool> FillAsync()
    {
        var buffer = new byte[64 * 1024];
        var count = await _socket.ReceiveAsync(buffer.AsMemory()).AsTask().WaitAsync(RequestFixture.Limit);
        _rest.AddRange(buffer.AsSpan(0, count));
        return count > 0;
    }
}
