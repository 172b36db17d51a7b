using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Ambient.Linux;

namespace Ambient.Bench.Candidates;

/// <summary>A socket of an event loop as SocketsHttpHandler wants it.</summary>
internal sealed class LoopStream(TcpSocket socket) : Stream
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public static async ValueTask<Stream> ConnectAsync(EventLoop loop, IPEndPoint target, CancellationToken cancellation) =>
        await OnLoop.RunAsync<Stream>(loop, async () =>
        {
            var socket = TcpSocket.Create(loop, AddressFamily.InterNetwork);
            await socket.ConnectAsync(target, ConnectTimeout, cancellation);
            socket.SetNoDelay();
            return new LoopStream(socket);
        });

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        socket.Loop.IsCurrent ? ReceiveAsync(buffer) : new ValueTask<int>(OnLoop.RunAsync(socket.Loop, () => ReceiveAsync(buffer)));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!socket.Loop.IsCurrent)
        {
            return new ValueTask(OnLoop.RunAsync(socket.Loop, () => SendAsync(buffer)));
        }

        var sent = socket.TrySend(buffer.Span);
        return sent.Ok && sent.Count == buffer.Length ? default : new ValueTask(SendAsync(buffer[(sent.Ok ? sent.Count : 0)..]).AsTask());
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        socket.Dispose();
        base.Dispose(disposing);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> ReceiveAsync(Memory<byte> buffer)
    {
        while (true)
        {
            await socket.WaitReadableAsync();
            if (buffer.IsEmpty)
            {
                return 0;
            }

            var got = socket.TryReceive(buffer.Span);
            if (!got.WouldBlock)
            {
                return got.Ok ? got.Count : throw new IOException($"receive: {got.Error}");
            }
        }
    }

    private async ValueTask<bool> SendAsync(ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            await socket.WaitWritableAsync();
            var sent = socket.TrySend(data.Span);
            if (!sent.Ok && !sent.WouldBlock)
            {
                throw new IOException($"send: {sent.Error}");
            }

            data = data[(sent.Ok ? sent.Count : 0)..];
        }

        return true;
    }
}
