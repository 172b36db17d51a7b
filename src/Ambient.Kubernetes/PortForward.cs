using System.Net.WebSockets;
using System.Text;

namespace Ambient.Kubernetes;

/// <summary>
/// A connection to a port on loopback inside a pod, through the API server: <c>pods/portforward</c> over a WebSocket of protocol
/// <c>v4.channel.k8s.io</c>. Bytes travel on channel 0; what goes wrong is told on channel 1.
/// </summary>
internal sealed class PortForward : Stream
{
    private const string Protocol = "v4.channel.k8s.io";
    private const byte DataChannel = 0;
    private const byte ErrorChannel = 1;

    private readonly ClientWebSocket _socket;
    private readonly string _place;

    /// <summary>Channel of the message that is being read; null between messages.</summary>
    private byte? _channel;

    /// <summary>Each channel begins with the port's number, which is of no interest.</summary>
    private readonly int[] _skip = [sizeof(ushort), sizeof(ushort)];

    private PortForward(ClientWebSocket socket, string place) => (_socket, _place) = (socket, place);

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Opens a connection.</summary>
    /// <exception cref="IOException">The API server refuses; names pod and port.</exception>
    public static async Task<PortForward> OpenAsync(
        HttpMessageInvoker http, Uri server, string ns, string pod, int port, CancellationToken cancellationToken)
    {
        var socket = new ClientWebSocket();
        socket.Options.AddSubProtocol(Protocol);
        var place = $"port {port} of pod {ns}/{pod}";
        var address = new UriBuilder(server)
        {
            Scheme = server.Scheme == Uri.UriSchemeHttps ? "wss" : "ws",
            Path = $"/api/v1/namespaces/{ns}/pods/{pod}/portforward",
            Query = $"ports={port}",
        };
        try
        {
            await socket.ConnectAsync(address.Uri, http, cancellationToken).ConfigureAwait(false);
            return new PortForward(socket, place);
        }
        catch (WebSocketException error)
        {
            socket.Dispose();
            throw new IOException($"The API server does not connect to {place}: {error.Message}", error);
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var head = new byte[sizeof(ushort)];
        while (buffer.Length > 0)
        {
            if (_channel is not { } channel)
            {
                if ((await ReceiveAsync(head.AsMemory(0, 1), cancellationToken).ConfigureAwait(false)).Count == 0)
                {
                    return 0;
                }

                continue;
            }

            if (_skip[channel] > 0)
            {
                _skip[channel] -= (await ReceiveAsync(head.AsMemory(0, _skip[channel]), cancellationToken).ConfigureAwait(false)).Count;
            }
            else if (channel == ErrorChannel)
            {
                throw new IOException(await ReadErrorAsync(cancellationToken).ConfigureAwait(false));
            }
            else if ((await ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false)).Count is > 0 and var count)
            {
                return count;
            }
        }

        return 0;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (buffer.Length == 0)
        {
            return;
        }

        var message = new byte[buffer.Length + 1];
        message[0] = DataChannel;
        buffer.CopyTo(message.AsMemory(1));
        await _socket.SendAsync(message, WebSocketMessageType.Binary, true, cancellationToken).ConfigureAwait(false);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("read asynchronously");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("write asynchronously");

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _socket.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>Receives a part of a message; its first byte is the channel, which is kept and not handed out.</summary>
    private async ValueTask<(int Count, bool Ends)> ReceiveAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ValueWebSocketReceiveResult part;
        try
        {
            part = await _socket.ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        catch (WebSocketException error)
        {
            throw new IOException($"The connection to {_place} broke: {error.Message}", error);
        }

        if (part.MessageType == WebSocketMessageType.Close)
        {
            return (0, true);
        }

        if (_channel is null && part.Count > 0)
        {
            _channel = buffer.Span[0] is DataChannel or ErrorChannel
                ? buffer.Span[0]
                : throw new IOException($"The connection to {_place} has an unknown channel {buffer.Span[0]}.");
        }

        if (part.EndOfMessage)
        {
            _channel = null;
        }

        return (part.Count, part.EndOfMessage);
    }

    private async Task<string> ReadErrorAsync(CancellationToken cancellationToken)
    {
        const int LongestError = 4096;
        var buffer = new byte[LongestError];
        var length = 0;
        for (var ends = false; !ends && length < buffer.Length;)
        {
            (var count, ends) = await ReceiveAsync(buffer.AsMemory(length), cancellationToken).ConfigureAwait(false);
            length += count;
        }

        return Encoding.UTF8.GetString(buffer, 0, length);
    }
}
