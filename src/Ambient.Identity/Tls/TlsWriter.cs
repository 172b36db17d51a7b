using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;
using Ambient.Hbone;
using Ambient.Linux;

namespace Ambient.Identity.Tls;

/// <summary>
/// The sealing side of a connection. Hands out the payload slots of records to come, one or many at a time, seals them when they
/// are full or the loop's turn ends, and sends a turn's records with one call. Memory that was handed out is the writer's until
/// <see cref="Advance"/>; a connection with nothing to send holds no buffer.
/// </summary>
internal sealed partial class TlsWriter : PipeWriter, IRecordWriter, IValueTaskSource<FlushResult>, IEndOfTurn
{
    /// <summary>Sealed bytes that wait for the socket before a flush waits too: one full send.</summary>
    private const int HighWater = 16 * TlsRecords.MaxPayload;

    /// <summary>A waiting flush goes on below this, so that the socket does not run dry meanwhile.</summary>
    private const int LowWater = 4 * TlsRecords.MaxPayload;

    /// <summary>A slot with less room is sealed rather than handed out: a receive into a few bytes costs a whole system call.</summary>
    private const int SmallestRoom = 512;

    /// <summary>What is left of a large buffer has to hold so much, or the next one is taken: four records.</summary>
    private const int LeastLarge = 4 * TlsRecords.MaxPayload;

    /// <summary>Between the payloads of two records that lie one behind the other before they are sealed.</summary>
    private const int Gap = TlsRecords.TrailerRoom + TlsRecords.HeaderSize;

    private readonly TlsConnection _connection;
    private readonly TcpSocket _socket;
    private readonly TlsRecords _records;
    private readonly SocketWait _socketWait;

    private ManualResetValueTaskSourceCore<FlushResult> _core;
    private CancellationTokenRegistration _cancellation;
    private bool _flushing;
    private bool _cancelRequested;
    private bool _turnAsked;
    private bool _completed;
    private bool _shutDown;
    private Exception? _failure;

    private RecordBuffer? _slot;
    private int _slotStart;
    private int _payload;
    private bool _handedOut;
    private byte[]? _oversize;
    private long _unflushed;

    private RecordSegment? _head;
    private RecordSegment? _tail;
    private int _headIndex;
    private long _queued;

    public TlsWriter(TlsConnection connection, TcpSocket socket, TlsRecords records)
    {
        _connection = connection;
        _socket = socket;
        _records = records;
        _socketWait = new SocketWait(OnWritable);
    }

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _unflushed;

    /// <summary>Whether everything that was written, close_notify included, is in the kernel's hands.</summary>
    public bool IsDrained => _shutDown || _failure is not null;

    /// <summary>Called when <see cref="IsDrained"/> becomes true after completion.</summary>
    public Action? Drained { get; set; }

    private int SlotRoom =>
        Math.Min(TlsRecords.MaxPayload, _slot!.Bytes.Length - _slotStart - TlsRecords.HeaderSize - TlsRecords.TrailerRoom) - _payload;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        ThrowIfUnusable();
        if (sizeHint > TlsRecords.MaxPayload)
        {
            return _oversize = new byte[sizeHint];
        }

        _oversize = null;
        var slot = SlotFor(Math.Max(SmallestRoom, sizeHint), large: false);
        return slot.Bytes.AsMemory(_slotStart + TlsRecords.HeaderSize + _payload, SlotRoom);
    }

    /// <inheritdoc/>
    public Places Lend(int least, int wanted)
    {
        ThrowIfUnusable();
        _oversize = null;
        var slot = SlotFor(least, large: wanted > TlsRecords.MaxPayload);
        var (start, first) = (_slotStart + TlsRecords.HeaderSize + _payload, SlotRoom);
        var wholes = (wanted - first + TlsRecords.MaxPayload - 1) / TlsRecords.MaxPayload;
        var fitting = (slot.Bytes.Length - start - first - TlsRecords.TrailerRoom) / (Gap + TlsRecords.MaxPayload);
        var length = first + (Math.Max(0, Math.Min(wholes, fitting)) * (Gap + TlsRecords.MaxPayload));
        return new Places(slot.Bytes.AsMemory(start, length), first, TlsRecords.MaxPayload, Gap);
    }

    /// <inheritdoc/>
    public void Take(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        _handedOut = false;
        _unflushed += count;
        while (count > 0 && _slot is not null)
        {
            var part = Math.Min(count, SlotRoom);
            _payload += part;
            count -= part;
            if (count > 0)
            {
                SealInPlace(next: _slotStart + TlsRecords.MaxPayload + Gap);
            }
        }

        ReleaseSlot();
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        _handedOut = false;
        if (_oversize is { } oversize)
        {
            _oversize = null;
            this.Write(oversize.AsSpan(0, bytes));
            return;
        }

        if (bytes > 0)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, _slot is null ? 0 : SlotRoom);
            _payload += bytes;
            _unflushed += bytes;
        }

        ReleaseSlot();
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_flushing)
        {
            throw new InvalidOperationException("A flush is waiting already.");
        }

        if (_failure is not null)
        {
            throw _failure;
        }

        _unflushed = 0;
        AskEndOfTurn();
        if (_queued + _payload >= HighWater)
        {
            SealSlot();
            Send();
            if (_failure is not null)
            {
                throw _failure;
            }
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
                static (state, token) => ((TlsWriter)state!).CancelFromAnywhere(token), this);
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

    /// <summary>Without an exception: sends what was written, then close_notify and FIN. With one: breaks the connection.</summary>
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
            _connection.Abort();
        }
        else
        {
            SealSlot();
            ReleaseSlot();
            if (_failure is null)
            {
                var slot = RecordBuffer.Rent(large: false);
                Enqueue(slot, 0, _records.Close(slot.Bytes));
                slot.Release();
                AskEndOfTurn();
            }
        }
    }

    void IEndOfTurn.EndOfTurn()
    {
        _turnAsked = false;
        if (_failure is not null)
        {
            return;
        }

        SealSlot();
        ReleaseSlot();
        if (_failure is null)
        {
            Send();
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

        Drained?.Invoke();
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);

    private void CancelFromAnywhere(CancellationToken token) => _socket.Loop.Post(
        static state =>
        {
            var (writer, token) = ((TlsWriter, CancellationToken))state!;
            if (writer._flushing)
            {
                writer._flushing = false;
                writer._core.SetException(new OperationCanceledException(token));
            }
        },
        (this, token));

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

    /// <summary>The record that has begun if it has room enough, else the next one, in a large buffer if asked.</summary>
    private RecordBuffer SlotFor(int least, bool large)
    {
        if (_slot is not null && IsTooSmall(_slot, least, large))
        {
            SealSlot();
            ThrowIfUnusable();
            if (IsTooSmall(_slot, least, large))
            {
                _slot.Release();
                _slot = null;
            }
        }

        if (_slot is null)
        {
            _slot = RecordBuffer.Rent(large);
            _slotStart = 0;
        }

        _handedOut = true;
        return _slot;
    }

    private bool IsTooSmall(RecordBuffer slot, int least, bool large) =>
        SlotRoom < least || (large && (!slot.IsLarge || slot.Bytes.Length - _slotStart - _payload < LeastLarge));

    private FlushResult TakeResult()
    {
        var cancelled = _cancelRequested;
        _cancelRequested = false;
        return new FlushResult(cancelled, isCompleted: false);
    }

    private void AskEndOfTurn()
    {
        if (!_turnAsked)
        {
            _turnAsked = true;
            _socket.Loop.AtEndOfTurn(this);
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

    private void ReleaseAll()
    {
        while (_head is not null)
        {
            DropHead();
        }

        _queued = 0;
        _payload = 0;
        if (!_handedOut)
        {
            _slot?.Release();
        }

        // Memory that somebody still writes to must not be reused: it is left to the collector.
        _slot = null;
    }
}
