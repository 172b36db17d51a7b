using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;
using Ambient.Hbone.Buffers;

namespace Ambient.Hbone;

/// <summary>The reading end of a stream. Continuations run inline on the connection's loop.</summary>
internal sealed class StreamReader(Http2Stream stream, ByteQueue received) : PipeReader, IValueTaskSource<ReadResult>
{
    private ManualResetValueTaskSourceCore<ReadResult> _source;
    private CancellationWatch? _cancellation;
    private IOException? _error;
    private long _examined;
    private bool _isReading;
    private bool _isCanceled;

    /// <summary>A read waits for bytes.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>The user of the stream reads no more.</summary>
    public bool IsCompleted { get; private set; }

    public override bool TryRead(out ReadResult result)
    {
        CheckIdle();
        if (_error is not null)
        {
            throw _error;
        }

        return TryTake(out result);
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        CheckIdle();
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<ReadResult>(cancellationToken);
        }

        if (_error is not null)
        {
            return ValueTask.FromException<ReadResult>(_error);
        }

        if (TryTake(out var result))
        {
            return ValueTask.FromResult(result);
        }

        _source.Reset();
        IsWaiting = true;
        if (cancellationToken.CanBeCanceled)
        {
            _cancellation ??= new CancellationWatch(OnTokenCanceled);
            _cancellation.Start(cancellationToken);
        }

        return new ValueTask<ReadResult>(this, _source.Version);
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (!_isReading)
        {
            throw new InvalidOperationException("AdvanceTo without a read");
        }

        _isReading = false;
        _examined = 0;
        if (received.Length == 0)
        {
            return; // nothing was read, or the stream was reset meanwhile
        }

        var taken = received.Distance(consumed);
        _examined = received.Distance(examined) - taken;
        if (taken > 0)
        {
            received.Consume(taken);
            stream.OnConsumed(taken);
        }
    }

    public override void CancelPendingRead()
    {
        _isCanceled = true;
        Wake();
    }

    public override void Complete(Exception? exception = null)
    {
        if (IsCompleted)
        {
            return;
        }

        IsCompleted = true;
        stream.OnReaderCompleted(exception);
        _isReading = false;
    }

    /// <summary>Drops what is queued. Memory that the user still looks at stays whole until he lets go of it.</summary>
    public void Drop()
    {
        if (_isReading)
        {
            received.Abandon();
        }
        else
        {
            received.Clear();
        }

        stream.Connection.OnStreamRead(stream);
    }

    /// <summary>Hands over what there is, if somebody waits for it.</summary>
    public void Wake()
    {
        if (IsWaiting && TryTake(out var result))
        {
            IsWaiting = false;
            _cancellation?.Stop();
            _source.SetResult(result);
        }
    }

    /// <summary>Nothing more can be read; the reason is thrown to every later read.</summary>
    public void Fail(IOException error)
    {
        _error = error;
        if (IsWaiting)
        {
            IsWaiting = false;
            _cancellation?.Stop();
            _source.SetException(error);
        }
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);

    private bool TryTake(out ReadResult result)
    {
        if (received.Length <= _examined && !stream.RemoteEnded && !_isCanceled)
        {
            result = default;
            return false;
        }

        result = new ReadResult(received.Sequence, _isCanceled, stream.RemoteEnded);
        _isCanceled = false;
        _isReading = true;
        return true;
    }

    private void OnTokenCanceled(CancellationToken token)
    {
        if (IsWaiting)
        {
            IsWaiting = false;
            _source.SetException(new OperationCanceledException(token));
        }
    }

    private void CheckIdle()
    {
        if (IsCompleted || IsWaiting || _isReading)
        {
            throw new InvalidOperationException(
                IsCompleted ? "the reader is completed" : "a read is in progress: AdvanceTo comes before the next one");
        }
    }
}
