using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;
using Ambient.Linux;

namespace Ambient.Identity.Tls;

/// <summary>
/// The opened side of a connection. Receives only when asked and only when the socket has something, opens whole records
/// where they lie, and hands them out as one sequence; between reads it holds no memory but the part of a record that has
/// not come whole yet.
/// </summary>
internal sealed partial class TlsReader : PipeReader, IValueTaskSource<ReadResult>
{
    /// <summary>
    /// Plaintext that a consumer may leave unconsumed: the largest HTTP/2 frame that we accept (1 MiB) and a receive. More means
    /// that the consumer never consumes.
    /// </summary>
    private const int MaxUnconsumed = (1 << 20) + (2 * RecordBuffer.LargeSize);

    private readonly TlsConnection _connection;
    private readonly TcpSocket _socket;
    private readonly TlsRecords _records;
    private readonly SocketWait _socketWait;

    private ManualResetValueTaskSourceCore<ReadResult> _core;
    private CancellationTokenRegistration _cancellation;
    private bool _reading;
    private bool _cancelRequested;
    private bool _completed;
    private bool _resultOut;
    private bool _closed;

    private RecordBuffer? _received;
    private int _receivedStart;
    private int _receivedEnd;
    private bool _busy;

    private RecordSegment? _head;
    private RecordSegment? _tail;
    private int _headIndex;
    private bool _examinedAll = true;
    private bool _ended;
    private Exception? _failure;
    private TaskCompletionSource? _discarded;

    public TlsReader(TlsConnection connection, TcpSocket socket, TlsRecords records)
    {
        _connection = connection;
        _socket = socket;
        _records = records;
        _socketWait = new SocketWait(OnReadable);
    }

    private bool HasNews => !_examinedAll || _ended || _failure is not null || _cancelRequested;

    /// <summary>Takes the records that were received together with the end of the handshake.</summary>
    public void Preload(ReadOnlySpan<byte> rest)
    {
        if (rest.IsEmpty)
        {
            return;
        }

        _received = RecordBuffer.Rent(large: rest.Length > RecordBuffer.SmallSize);
        rest.CopyTo(_received.Bytes);
        _receivedEnd = rest.Length;
    }

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
        _reading = true;
        if (cancellationToken.CanBeCanceled)
        {
            _cancellation = cancellationToken.UnsafeRegister(
                static (state, token) => ((TlsReader)state!).CancelFromAnywhere(token), this);
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

        _examinedAll = examined.GetObject() == _tail && examined.GetInteger() == _tail.Memory.Length;
        var last = (RecordSegment?)consumed.GetObject() ?? throw new ArgumentException("The position is not of this reader.", nameof(consumed));
        while (_head != last)
        {
            DropHead();
        }

        _headIndex = consumed.GetInteger();
        while (_head is not null && _headIndex == _head.Memory.Length)
        {
            DropHead();
        }

        if (_head is null)
        {
            _examinedAll = true;
        }
        else if (_examinedAll && _tail!.RunningIndex + _tail.Memory.Length - _head.RunningIndex - _headIndex > MaxUnconsumed)
        {
            throw new InvalidOperationException($"The consumer leaves more than {MaxUnconsumed} bytes of plaintext unconsumed.");
        }
    }

    public override void CancelPendingRead()
    {
        _cancelRequested = true;
        if (_reading)
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
        if (_reading)
        {
            _reading = false;
            _cancellation.Unregister();
            _core.SetException(new InvalidOperationException("The reader was completed while a read was waiting."));
        }
    }

    /// <summary>The connection broke: reads fail once what came before is examined.</summary>
    public void Fail(Exception failure)
    {
        _failure ??= failure;
        if (_reading)
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

    private void CancelFromAnywhere(CancellationToken token) => _socket.Loop.Post(
        static state =>
        {
            var (reader, token) = ((TlsReader, CancellationToken))state!;
            if (reader._reading)
            {
                reader._reading = false;
                reader._core.SetException(new OperationCanceledException(token));
            }
        },
        (this, token));

    private void OnReadable()
    {
        if (_discarded is not null)
        {
            Discard();
        }
        else if (_reading && !_completed && TryFill() && _reading)
        {
            Finish();
        }
    }

    /// <summary>Hands the result to whoever waits; its continuation runs inside.</summary>
    private void Finish()
    {
        _reading = false;
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

    private bool ThrowsNow => _failure is not null && _examinedAll && !_cancelRequested;

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
            : new ReadOnlySequence<byte>(_head, _headIndex, _tail!, _tail!.Memory.Length);
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

        _received?.Release();
        _received = null;
        _receivedStart = _receivedEnd = 0;
        _examinedAll = true;
    }

    private void ThrowIfUnusable()
    {
        if (_completed)
        {
            throw new InvalidOperationException("The reader is completed.");
        }

        if (_reading)
        {
            throw new InvalidOperationException("A read is waiting already.");
        }
    }
}
