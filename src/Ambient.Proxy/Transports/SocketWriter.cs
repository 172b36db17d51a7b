using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;
using Ambient.Linux;

namespace Ambient.Proxy.Transports;

/// <summary>
/// The sending side of a <see cref="SocketPipe"/>: what a turn of the loop writes leaves in one send. A flush waits while the socket
/// takes nothing and much is queued.
/// </summary>
internal sealed class SocketWriter(SocketPipe pipe, TcpSocket socket) : PipeWriter, IValueTaskSource<FlushResult>, IEndOfTurn
{
    /// <summary>Bytes that wait for the socket before a flush waits too: one full send.</summary>
    private const int HighWater = SocketBlock.LargeSize;

    /// <summary>A waiting flush goes on below this, so that the socket does not run dry meanwhile.</summary>
    private const int LowWater = HighWater / 4;

    /// <summary>Less room than this is not handed out.</summary>
    private const int SmallestRoom = 512;

    private ManualResetValueTaskSourceCore<FlushResult> _core;
    private CancellationTokenRegistration _cancellation;
    private SocketBlock? _head;
    private SocketBlock? _tail;
    private int _headIndex;
    private long _queued;
    private long _unflushed;
    private bool _handedOut;
    private bool _flushing;
    private bool _cancelRequested;
    private bool _turnAsked;
    private bool _completed;
    private bool _shutDown;
    private Exception? _failure;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _unflushed;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        ThrowIfUnusable();
        var least = Math.Max(sizeHint, SmallestRoom);
        if (_tail is null || _tail.Free.Length < least)
        {
            var block = SocketBlock.Rent(least);
            _tail?.Append(block);
            _tail = block;
            _head ??= block;
        }

        _handedOut = true;
        return _tail.Free;
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        _handedOut = false;
        if (bytes == 0 || _failure is not null)
        {
            return;
        }

        _tail!.Commit(bytes);
        _queued += bytes;
        _unflushed += bytes;
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_flushing)
        {
            throw new InvalidOperationException("A flush is waiting already.");
        }

        ThrowIfUnusable();
        _unflushed = 0;
        if (_queued >= HighWater)
        {
            Send();
            ThrowIfUnusable();
        }
        else
        {
            AskEndOfTurn();
        }

        if (_queued < HighWater || _cancelRequested)
        {
            return new ValueTask<FlushResult>(TakeResult());
        }

        _core.Reset();
        _flushing = true;
        if (cancellationToken.CanBeCanceled)
        {
            _cancellation = cancellationToken.UnsafeRegister(
                static (state, token) => ((SocketWriter)state!).CancelFromAnywhere(token), this);
        }

        return new ValueTask<FlushResult>(this, _core.Version);
    }

    public override void CancelPendingFlush()
    {
        _cancelRequested = true;
        if (_flushing)
        {
            Finish();
        }
    }

    /// <summary>Without an exception: sends what was written, then FIN. With one: breaks the connection.</summary>
    public override void Complete(Exception? exception = null)
    {
        if (_completed)
        {
            return;
        }

        _completed = true;
        _handedOut = false;
        if (_failure is not null)
        {
            ReleaseAll();
        }
        else if (exception is not null)
        {
            pipe.Abort();
        }
        else
        {
            AskEndOfTurn();
        }
    }

    /// <summary>The connection broke: what waits is dropped, and flushes fail.</summary>
    public void Fail(Exception failure)
    {
        if (_failure is not null)
        {
            return;
        }

        _failure = failure;
        ReleaseAll();
        if (_flushing)
        {
            Finish();
        }
    }

    public void OnWritable()
    {
        if (_queued > 0 && !_turnAsked)
        {
            Send();
        }
    }

    void IEndOfTurn.EndOfTurn()
    {
        _turnAsked = false;
        if (_failure is null)
        {
            Send();
        }
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);

    private void Send()
    {
        while (_queued > 0 && socket.IsWritable)
        {
            var sent = socket.TrySend(new ReadOnlySequence<byte>(_head!, _headIndex, _tail!, _tail!.Filled));
            if (sent.Ok)
            {
                Drop(sent.Count);
            }
            else if (!sent.WouldBlock)
            {
                pipe.SendFailed(sent.Error);
                return;
            }
        }

        if (_queued == 0 && _completed && !_shutDown)
        {
            _shutDown = true;
            socket.ShutdownSend();
        }

        if (_flushing && _queued <= LowWater)
        {
            Finish();
        }
    }

    private void Drop(int count)
    {
        _queued -= count;
        while (_head is not null)
        {
            var left = _head.Filled - _headIndex;
            if (count < left)
            {
                _headIndex += count;
                return;
            }

            count -= left;
            _headIndex = _head.Filled;
            if (_head == _tail && _handedOut)
            {
                return;
            }

            var sent = _head;
            _head = sent.Following;
            _headIndex = 0;
            if (_head is null)
            {
                _tail = null;
            }

            sent.Release();
        }
    }

    private void CancelFromAnywhere(CancellationToken token) => socket.Loop.Post(
        static state =>
        {
            var (writer, token) = ((SocketWriter, CancellationToken))state!;
            if (writer._flushing)
            {
                writer._flushing = false;
                writer._core.SetException(new OperationCanceledException(token));
            }
        },
        (this, token));

    private void AskEndOfTurn()
    {
        if (!_turnAsked)
        {
            _turnAsked = true;
            socket.Loop.AtEndOfTurn(this);
        }
    }

    private void Finish()
    {
        _flushing = false;
        _cancellation.Unregister();
        _cancellation = default;
        if (_failure is not null)
        {
            _core.SetException(_failure);
        }
        else
        {
            _core.SetResult(TakeResult());
        }
    }

    private FlushResult TakeResult()
    {
        var cancelled = _cancelRequested;
        _cancelRequested = false;
        return new FlushResult(cancelled, isCompleted: false);
    }

    private void ThrowIfUnusable()
    {
        if (_failure is not null)
        {
            throw _failure;
        }

        if (_completed)
        {
            throw new InvalidOperationException("The writer is completed.");
        }
    }

    private void ReleaseAll()
    {
        while (_head is { } head)
        {
            _head = head.Following;
            // Memory that somebody still writes to must not be reused.
            head.Release(isReusable: !(_handedOut && head == _tail));
        }

        _tail = null;
        _headIndex = 0;
        _queued = 0;
    }
}
