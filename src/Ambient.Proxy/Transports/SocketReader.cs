using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;
using Ambient.Linux;

namespace Ambient.Proxy.Transports;

/// <summary>The receiving side of a <see cref="SocketPipe"/>: at most one receive for each read.</summary>
internal sealed class SocketReader(SocketPipe pipe, TcpSocket socket) : PipeReader, IValueTaskSource<ReadResult>
{
    /// <summary>A block with less room is left as it is: a receive into a few bytes costs a whole system call.</summary>
    private const int SmallestRoom = 1024;

    /// <summary>
    /// Bytes that a consumer may leave unconsumed: the largest HTTP/2 frame that we accept (1 MiB) and two receives. More means that
    /// the consumer never consumes.
    /// </summary>
    private const int MaxUnconsumed = (1 << 20) + (2 * SocketBlock.LargeSize);

    private ManualResetValueTaskSourceCore<ReadResult> _core;
    private CancellationTokenRegistration _cancellation;
    private SocketBlock? _head;
    private SocketBlock? _tail;
    private int _headIndex;
    private int _wanted = SocketBlock.SmallSize;
    private bool _examinedAll = true;
    private bool _isReading;
    private bool _cancelRequested;
    private bool _completed;
    private bool _resultOut;
    private bool _closed;
    private bool _ended;
    private Exception? _failure;
    private TaskCompletionSource? _discarded;

    private bool HasNews => !_examinedAll || _ended || _failure is not null || _cancelRequested;

    private bool ThrowsNow => _failure is not null && _examinedAll && !_cancelRequested;

    public override bool TryRead(out ReadResult result)
    {
        ThrowIfUnusable();
        if (!HasNews && !TryFill())
        {
            result = default;
            return false;
        }

        result = TakeResult();
        return true;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (TryRead(out var result))
        {
            return new ValueTask<ReadResult>(result);
        }

        _core.Reset();
        _isReading = true;
        if (cancellationToken.CanBeCanceled)
        {
            _cancellation = cancellationToken.UnsafeRegister(
                static (state, token) => ((SocketReader)state!).CancelFromAnywhere(token), this);
        }

        return new ValueTask<ReadResult>(this, _core.Version);
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _resultOut = false;
        if (_closed)
        {
            ReleaseAll();
        }

        if (_completed || _tail is null)
        {
            _examinedAll = true;
            return;
        }

        _examinedAll = examined.GetObject() == _tail && examined.GetInteger() == _tail.Filled;
        var last = (SocketBlock?)consumed.GetObject() ?? throw new ArgumentException("The position is not of this reader.", nameof(consumed));
        while (_head != last)
        {
            DropHead();
        }

        _headIndex = consumed.GetInteger();
        if (_headIndex == _head.Filled)
        {
            DropHead();
        }

        if (_head is null)
        {
            _examinedAll = true;
        }
        else if (_examinedAll && _tail!.RunningIndex + _tail.Filled - _head.RunningIndex - _headIndex > MaxUnconsumed)
        {
            throw new InvalidOperationException($"The consumer leaves more than {MaxUnconsumed} bytes unconsumed.");
        }
    }

    public override void CancelPendingRead()
    {
        _cancelRequested = true;
        if (_isReading)
        {
            Finish();
        }
    }

    public override void Complete(Exception? exception = null)
    {
        if (_completed)
        {
            return;
        }

        _completed = true;
        _resultOut = false;
        ReleaseAll();
        if (_isReading)
        {
            _isReading = false;
            _cancellation.Unregister();
            _core.SetException(new InvalidOperationException("The reader was completed while a read was waiting."));
        }
    }

    /// <summary>Reads and drops what comes until the peer ends or the connection breaks.</summary>
    public async Task DiscardAsync()
    {
        await CompleteAsync();
        _discarded ??= new TaskCompletionSource();
        Discard();
        await _discarded.Task;
    }

    public void OnReadable()
    {
        if (_discarded is not null)
        {
            Discard();
        }
        else if (_isReading && TryFill() && _isReading)
        {
            Finish();
        }
    }

    /// <summary>The connection broke: reads fail once what came before is examined.</summary>
    public void Fail(Exception failure)
    {
        _failure ??= failure;
        _discarded?.TrySetResult();
        if (_isReading)
        {
            Finish();
        }
    }

    /// <summary>The connection is gone. What a consumer is looking at stays valid until it advances.</summary>
    public void Close(Exception failure)
    {
        _closed = true;
        Fail(failure);
        if (!_resultOut)
        {
            ReleaseAll();
        }
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);

    /// <summary>One receive. True if there is something to tell: bytes, the end, an error.</summary>
    private bool TryFill()
    {
        if (!socket.IsReadable || _completed)
        {
            return false;
        }

        var block = _tail;
        if (block is null || block.Free.Length < SmallestRoom)
        {
            block = SocketBlock.Rent(_wanted);
        }

        var room = block.Free.Length;
        var received = socket.TryReceive(block.Free.Span);
        if (received.Ok && received.Count > 0)
        {
            block.Commit(received.Count);
            if (block != _tail)
            {
                _tail?.Append(block);
                _tail = block;
                _head ??= block;
            }

            // More than a small block at a time is a body: the next receive takes more at once.
            _wanted = received.Count == room ? SocketBlock.LargeSize : received.Count < SmallestRoom ? SocketBlock.SmallSize : _wanted;
            _examinedAll = false;
            return true;
        }

        if (block != _tail)
        {
            block.Release();
        }

        if (received.WouldBlock)
        {
            return false;
        }

        if (received.EndOfStream)
        {
            _ended = true;
        }
        else
        {
            pipe.ReceiveFailed(received.Error);
        }

        return true;
    }

    private void Discard()
    {
        var block = SocketBlock.Rent(SocketBlock.SmallSize);
        while (socket.IsReadable && !socket.IsClosed)
        {
            var received = socket.TryReceive(block.Free.Span);
            if (received.EndOfStream || !(received.Ok || received.WouldBlock))
            {
                _ended = true;
                break;
            }
        }

        block.Release();
        if (_ended || socket.IsClosed || _failure is not null)
        {
            _discarded!.TrySetResult();
        }
    }

    private void CancelFromAnywhere(CancellationToken token) => socket.Loop.Post(
        static state =>
        {
            var (reader, token) = ((SocketReader, CancellationToken))state!;
            if (reader._isReading)
            {
                reader._isReading = false;
                reader._core.SetException(new OperationCanceledException(token));
            }
        },
        (this, token));

    /// <summary>Hands the result to whoever waits; its continuation runs inside.</summary>
    private void Finish()
    {
        _isReading = false;
        _cancellation.Unregister();
        _cancellation = default;
        if (ThrowsNow)
        {
            _core.SetException(_failure!);
        }
        else
        {
            _core.SetResult(TakeResult());
        }
    }

    private ReadResult TakeResult()
    {
        if (ThrowsNow)
        {
            throw _failure!;
        }

        _resultOut = true;
        var cancelled = _cancelRequested;
        _cancelRequested = false;
        var buffer = _head is null
            ? ReadOnlySequence<byte>.Empty
            : new ReadOnlySequence<byte>(_head, _headIndex, _tail!, _tail!.Filled);
        return new ReadResult(buffer, cancelled, _ended);
    }

    private void DropHead()
    {
        var head = _head ?? throw new ArgumentException("The position is not of this reader.");
        _head = head.Following;
        _headIndex = 0;
        if (_head is null)
        {
            _tail = null;
        }

        head.Release();
    }

    private void ReleaseAll()
    {
        while (_head is not null)
        {
            DropHead();
        }

        _examinedAll = true;
    }

    private void ThrowIfUnusable()
    {
        if (_completed)
        {
            throw new InvalidOperationException("The reader is completed.");
        }

        if (_isReading)
        {
            throw new InvalidOperationException("A read is waiting already.");
        }
    }
}
