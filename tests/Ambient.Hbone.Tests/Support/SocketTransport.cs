using System.IO.Pipelines;
using Ambient.Linux;

namespace Ambient.Hbone.Tests.Support;

/// <summary>A plain socket as a transport, simple rather than fast; its pumps end with the socket.</summary>
internal sealed class SocketTransport : IDuplexPipe, IDisposable
{
    private readonly Pipe _in = new();
    private readonly Pipe _out = new();
    private readonly TcpSocket _socket;

    public SocketTransport(TcpSocket socket)
    {
        _socket = socket;
        Pumps = Task.WhenAll(ReceiveAsync(), SendAsync());
    }

    public PipeReader Input => _in.Reader;

    public PipeWriter Output => _out.Writer;

    public Task Pumps { get; }

    public void Dispose() => _socket.Dispose();

    private async Task ReceiveAsync()
    {
        while (true)
        {
            await _socket.WaitReadableAsync();
            var result = _socket.TryReceive(_in.Writer.GetSpan(64 * 1024));
            if (result.WouldBlock)
            {
                continue;
            }

            if (!result.Ok || result.EndOfStream)
            {
                await _in.Writer.CompleteAsync();
                return;
            }

            _in.Writer.Advance(result.Count);
            if ((await _in.Writer.FlushAsync()).IsCompleted)
            {
                return;
            }
        }
    }

    private async Task SendAsync()
    {
        while (true)
        {
            var read = await _out.Reader.ReadAsync();
            if (read.Buffer.IsEmpty && read.IsCompleted)
            {
                _socket.ShutdownSend();
                return;
            }

            var result = _socket.TrySend(read.Buffer);
            if (!result.Ok && !result.WouldBlock)
            {
                await _out.Reader.CompleteAsync();
                return;
            }

            var sent = read.Buffer.GetPosition(result.Ok ? result.Count : 0);
            _out.Reader.AdvanceTo(sent, sent);
            if (result.WouldBlock)
            {
                await _socket.WaitWritableAsync();
            }
        }
    }
}
