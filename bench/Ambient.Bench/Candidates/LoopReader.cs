using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Ambient.Linux;

namespace Ambient.Bench.Candidates;

/// <summary>Reads straight from the socket. Idle it holds no buffer.</summary>
internal sealed class LoopReader(TcpSocket socket) : PipeReader
{
    private const int BufferSize = 16 * 1024;

    private byte[]? _buffer;
    private int _start;
    private int _end;
    private bool _examined;
    private bool _ended;
    private bool _cancelled;

    public override bool TryRead(out ReadResult result)
    {
        if (_cancelled || _ended || (_end > _start && !_examined))
        {
            result = Result();
            return true;
        }

        result = default;
        return false;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (TryRead(out var result))
        {
            return new ValueTask<ReadResult>(result);
        }

        return socket.Loop.IsCurrent ? ReceiveAsync() : new ValueTask<ReadResult>(OnLoop.RunAsync(socket.Loop, ReceiveAsync));
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _start = consumed.GetInteger();
        _examined = examined.GetInteger() == _end;
        if (_start == _end && _buffer is { } empty)
        {
            _buffer = null;
            _start = _end = 0;
            ArrayPool<byte>.Shared.Return(empty);
        }
    }

    public override void CancelPendingRead()
    {
        _cancelled = true;
        socket.Dispose();
    }

    public override void Complete(Exception? exception = null)
    {
        if (_buffer is { } left)
        {
            _buffer = null;
            ArrayPool<byte>.Shared.Return(left);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> ReceiveAsync()
    {
        while (true)
        {
            await socket.WaitReadableAsync();
            _buffer ??= ArrayPool<byte>.Shared.Rent(BufferSize);
            if (_end == _buffer.Length)
            {
                var larger = ArrayPool<byte>.Shared.Rent(_start > 0 ? _buffer.Length : _buffer.Length * 2);
                _buffer.AsSpan(_start, _end - _start).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(_buffer);
                (_buffer, _start, _end) = (larger, 0, _end - _start);
            }

            var got = socket.TryReceive(_buffer.AsSpan(_end));
            if (!got.WouldBlock)
            {
                _end += got.Count;
                _ended = got.Count <= 0;
                _examined = false;
                return Result();
            }
        }
    }

    private ReadResult Result()
    {
        var cancelled = _cancelled;
        _cancelled = false;
        return new ReadResult(new ReadOnlySequence<byte>(_buffer ?? [], _start, _end - _start), cancelled, _ended);
    }
}

/// <summary>Collects what is written and sends it when it is flushed.</summary>
internal sealed class LoopWriter(TcpSocket socket) : PipeWriter
{
    private const int BufferSize = 16 * 1024;

    private byte[]? _buffer;
    private int _count;
    private int _sent;
    private bool _ended;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _count;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        _buffer ??= ArrayPool<byte>.Shared.Rent(BufferSize);
        if (_buffer.Length - _count < Math.Max(sizeHint, 1))
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_buffer.Length * 2, _count + sizeHint));
            _buffer.AsSpan(0, _count).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        return _buffer.AsMemory(_count);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes) => _count += bytes;

    public override void CancelPendingFlush()
    {
    }

    public override void Complete(Exception? exception = null)
    {
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (!socket.Loop.IsCurrent)
        {
            return new ValueTask<FlushResult>(OnLoop.RunAsync(socket.Loop, SendAsync));
        }

        TrySend();
        return _count == 0 || _ended ? new ValueTask<FlushResult>(new FlushResult(false, _ended)) : SendAsync();
    }

    private async ValueTask<FlushResult> SendAsync()
    {
        TrySend();
        while (_count > 0 && !_ended)
        {
            await socket.WaitWritableAsync();
            TrySend();
        }

        return new FlushResult(false, _ended);
    }

    private void TrySend()
    {
        if (_buffer is null || _count == 0)
        {
            return;
        }

        var sent = socket.TrySend(_buffer.AsSpan(_sent, _count - _sent));
        _ended = !sent.Ok && !sent.WouldBlock;
        _sent += sent.Ok ? sent.Count : 0;
        if (_sent == _count || _ended)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            (_buffer, _sent, _count) = (null, 0, 0);
        }
    }
}
