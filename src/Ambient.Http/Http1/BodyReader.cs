using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Ambient.Http.Http1;

/// <summary>
/// The body of a message on its way in: slices of the transport's own bytes. It ends where the message does, so that what follows stays in
/// the transport; an end of the transport before that is a fault.
/// </summary>
internal sealed partial class BodyReader(PipeReader input, HttpLimits limits, IBodyOwner owner) : PipeReader, IValueTaskSource<ReadResult>
{
    private ManualResetValueTaskSourceCore<ReadResult> _source;
    private ValueTaskAwaiter<ReadResult> _read;
    private Action? _onRead;
    private HttpException? _fault;
    private BodyFraming _framing;
    private ReadOnlySequence<byte> _raw;
    private long _left;
    private long _offered;
    private bool _isReading;
    private bool _holdsRaw;
    private bool _isLast;
    private bool _isWanted;
    private bool _isCompleted;

    /// <summary>The whole body was read, or there was none.</summary>
    public bool HasEnded { get; private set; } = true;

    /// <summary>A read waits for the transport.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>The reader is done with the body, whether it read all of it or not.</summary>
    public bool IsCompleted => _isCompleted;

    /// <summary>Counts what arrived, for those who watch for progress.</summary>
    public long Progress { get; private set; }

    /// <summary>Bytes that are still to come, if that is known.</summary>
    public long? Left => HasEnded ? 0 : _framing == BodyFraming.Length ? _left : null;

    /// <summary>Somebody has asked for the body.</summary>
    public bool IsWanted => _isWanted;

    public void Start(BodyFraming framing, long length = 0)
    {
        _framing = framing;
        _left = length;
        _offered = 0;
        _fault = null;
        _isReading = _holdsRaw = _isLast = _isWanted = _isCompleted = false;
        HasEnded = framing == BodyFraming.None;
        if (framing == BodyFraming.Chunked)
        {
            (_chunks ??= new ChunkDecoder(limits)).Start();
        }
    }

    public override bool TryRead(out ReadResult result)
    {
        CheckIdle();
        if (HasEnded)
        {
            result = Ended();
            return true;
        }

        if (_fault is not null)
        {
            throw _fault;
        }

        Want();
        while (input.TryRead(out var raw))
        {
            if (TryTake(raw, out result))
            {
                return true;
            }

            if (_fault is not null)
            {
                throw _fault;
            }
        }

        result = default;
        return false;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        CheckIdle();
        if (HasEnded)
        {
            return ValueTask.FromResult(Ended());
        }

        if (_fault is not null)
        {
            return ValueTask.FromException<ReadResult>(_fault);
        }

        Want();
        while (true)
        {
            try
            {
#pragma warning disable CA2012 // awaited by hand, once, in OnRead: an async method would allocate for each wait
                _read = input.ReadAsync(cancellationToken).GetAwaiter();
#pragma warning restore CA2012
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException or InvalidOperationException)
            {
                OnTransportFault(exception);
                return ValueTask.FromException<ReadResult>(_fault!);
            }

            if (!_read.IsCompleted)
            {
                _source.Reset();
                IsWaiting = true;
                _read.UnsafeOnCompleted(_onRead ??= OnRead);
                return new ValueTask<ReadResult>(this, _source.Version);
            }

            if (TryGetRaw(out var raw, out var other) && TryTake(raw, out var result))
            {
                return ValueTask.FromResult(result);
            }

            if ((other ?? _fault) is { } error)
            {
                return ValueTask.FromException<ReadResult>(error);
            }
        }
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (!_isReading)
        {
            throw new InvalidOperationException("AdvanceTo without a read");
        }

        _isReading = false;
        if (!_holdsRaw)
        {
            return; // the body had ended before, or it has failed meanwhile
        }

        _holdsRaw = false;
        if (_framing == BodyFraming.Chunked)
        {
            AdvanceChunks(consumed, examined);
            return;
        }

        var taken = _raw.GetOffset(consumed) - _raw.GetOffset(_raw.Start);
        _left -= _framing == BodyFraming.Length ? taken : 0;
        _offered -= taken;
        var isEnd = _isLast && _offered == 0;
        _raw = default;
        input.AdvanceTo(consumed, isEnd ? consumed : examined);
        if (isEnd)
        {
            End();
        }
    }

    public override void CancelPendingRead() => input.CancelPendingRead();

    public override void Complete(Exception? exception = null)
    {
        if (_isCompleted)
        {
            return;
        }

        _isCompleted = true;
        if (_holdsRaw && _isReading)
        {
            // Seen to its end and not advanced over, which a reader may leave out.
            AdvanceTo(_isLast ? _given.End : _given.Start);
        }

        _isReading = false;
        if (!HasEnded && _fault is null)
        {
            owner.OnBodyAbandoned();
        }
    }

    /// <summary>The connection itself reads what its handler did not want.</summary>
    public void Reopen() => _isCompleted = _isReading = false;

    /// <summary>The body cannot be read any more: the reason is thrown to who waits or reads later.</summary>
    public void Fail(HttpException fault)
    {
        _fault ??= fault;
        if (IsWaiting)
        {
            input.CancelPendingRead();
        }
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);

    private void OnRead()
    {
        IsWaiting = false;
        if (TryGetRaw(out var raw, out var other) && TryTake(raw, out var result))
        {
            _source.SetResult(result);
        }
        else if ((other ?? _fault) is { } error)
        {
            _source.SetException(error);
        }
        else
        {
            ReadOn();
        }
    }

    /// <summary>Only framing arrived: the one who waits goes on waiting.</summary>
    private void ReadOn()
    {
        while (true)
        {
            try
            {
#pragma warning disable CA2012 // as above
                _read = input.ReadAsync().GetAwaiter();
#pragma warning restore CA2012
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException or InvalidOperationException)
            {
                OnTransportFault(exception);
                _source.SetException(_fault!);
                return;
            }

            if (!_read.IsCompleted)
            {
                IsWaiting = true;
                _read.UnsafeOnCompleted(_onRead ??= OnRead);
                return;
            }

            if (TryGetRaw(out var raw, out var other) && TryTake(raw, out var result))
            {
                _source.SetResult(result);
                return;
            }

            if ((other ?? _fault) is { } error)
            {
                _source.SetException(error);
                return;
            }
        }
    }

    private ReadResult Ended()
    {
        Want();
        _isReading = true;
        _holdsRaw = false;
        return new ReadResult(default, isCanceled: false, isCompleted: true);
    }

    private void Want()
    {
        if (!_isWanted)
        {
            _isWanted = true;
            owner.OnBodyWanted();
        }
    }

    private void End()
    {
        HasEnded = true;
        owner.OnBodyRead();
    }

    private void Truncated(string where) =>
        OnFault(new HttpException(HttpFault.ConnectionClosed, responseStarted: true, $"the peer closed the connection {where}"), refusal: null);

    private void OnTransportFault(Exception exception) =>
        OnFault(new HttpException(HttpFault.ConnectionFailed, responseStarted: true, exception.Message, exception), refusal: null);

    private void OnFault(HttpException fault, Refusal? refusal)
    {
        Release();
        if (_fault is null)
        {
            _fault = fault;
            owner.OnBodyFault(fault, refusal);
        }
    }

    private void CheckIdle()
    {
        if (_isCompleted || IsWaiting || _isReading)
        {
            throw new InvalidOperationException(
                _isCompleted ? "the body's reader is completed" : "a read is in progress: AdvanceTo comes before the next one");
        }
    }
}
