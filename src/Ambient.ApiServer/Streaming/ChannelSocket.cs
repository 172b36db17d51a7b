using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace Ambient.ApiServer.Streaming;

/// <summary>Streams over one WebSocket, told apart by the first byte of each message.</summary>
internal sealed class ChannelSocket : IDisposable
{
    private const byte InputChannel = 0;
    private const byte OutputChannel = 1;
    private const byte ErrorChannel = 2;
    private const byte StatusChannel = 3;
    private const byte ResizeChannel = 4;
    private const byte CloseSignal = 255;

    /// <summary>Input that the command has not read; beyond it the client is made to wait.</summary>
    private static readonly PipeOptions InputOptions = new(pauseWriterThreshold: 64 * 1024, resumeWriterThreshold: 32 * 1024);

    private readonly WebSocket _socket;
    private readonly CancellationTokenSource _end;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly Pipe? _input;

    /// <summary>Only the newest sizes of a terminal matter.</summary>
    private readonly Channel<(int, int)> _sizes = Channel.CreateBounded<(int, int)>(
        new BoundedChannelOptions(4) { FullMode = BoundedChannelFullMode.DropOldest });

    public ChannelSocket(WebSocket socket, bool hasInput, CancellationTokenSource end)
    {
        _socket = socket;
        _end = end;
        _input = hasInput ? new Pipe(InputOptions) : null;
        Input = _input?.Reader.AsStream();
        Output = new SendStream(this, OutputChannel);
        Error = new SendStream(this, ErrorChannel);
    }

    public Stream? Input { get; }

    public Stream Output { get; }

    public Stream Error { get; }

    public async ValueTask<(int Width, int Height)?> NextSizeAsync(CancellationToken cancellationToken) =>
        await _sizes.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false) && _sizes.Reader.TryRead(out var size) ? size : null;

    /// <summary>Reads what the client sends until it closes or the session ends. A client that has gone ends the session.</summary>
    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        var buffer = new byte[32 * 1024];
        try
        {
            byte channel = 0;
            var first = true;
            while (true)
            {
                var result = await _socket.ReceiveAsync(buffer.AsMemory(), cancellationToken).ConfigureAwait(false);
                if (result.MessageType == WebSocketMessageType.Close)
                {
                    break;
                }

                var data = buffer.AsMemory(0, result.Count);
                if (first && data.Length > 0)
                {
                    channel = data.Span[0];
                    data = data[1..];
                }

                await TakeAsync(channel, data, cancellationToken).ConfigureAwait(false);
                first = result.EndOfMessage;
            }
        }
        catch (Exception error) when (error is WebSocketException or OperationCanceledException or IOException)
        {
            // The client has gone or the session is over; the command learns it by its token.
        }
        finally
        {
            if (_input is not null)
            {
                await _input.Writer.CompleteAsync().ConfigureAwait(false);
            }

            _sizes.Writer.TryComplete();
            await _end.CancelAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Sends the outcome and closes.</summary>
    public async Task FinishAsync(JsonObject status, TimeSpan timeout)
    {
        using var limit = new CancellationTokenSource(timeout);
        try
        {
            await SendAsync(StatusChannel, System.Text.Encoding.UTF8.GetBytes(Json.Text(status)), limit.Token).ConfigureAwait(false);
            if (_socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", limit.Token).ConfigureAwait(false);
            }

            // The reader sees the client's answer to the close.
            await Task.Delay(timeout, _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        catch (Exception error) when (error is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException)
        {
            // Nobody is there to hear it.
        }
    }

    public void Dispose() => _sending.Dispose();

    private async Task TakeAsync(byte channel, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        switch (channel)
        {
            case InputChannel when _input is not null:
                await _input.Writer.WriteAsync(data, cancellationToken).ConfigureAwait(false);
                break;
            case CloseSignal when data.Length > 0 && data.Span[0] == InputChannel && _input is not null:
                await _input.Writer.CompleteAsync().ConfigureAwait(false);
                break;
            case ResizeChannel:
                Resize(data);
                break;
        }
    }

    private void Resize(ReadOnlyMemory<byte> data)
    {
        try
        {
            using var document = JsonDocument.Parse(data);
            _sizes.Writer.TryWrite((document.RootElement.GetProperty("Width").GetInt32(), document.RootElement.GetProperty("Height").GetInt32()));
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or FormatException or InvalidOperationException)
        {
            // A size that cannot be read is no reason to end the command.
        }
    }

    private async Task SendAsync(byte channel, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        var message = new byte[data.Length + 1];
        message[0] = channel;
        data.CopyTo(message.AsMemory(1));
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _socket.SendAsync(message, WebSocketMessageType.Binary, true, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>The writing end of one channel.</summary>
    private sealed class SendStream(ChannelSocket owner, byte channel) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.Length > 0)
            {
                await owner.SendAsync(channel, buffer, cancellationToken).ConfigureAwait(false);
            }
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public override void Flush()
        {
        }

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("write asynchronously");

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
