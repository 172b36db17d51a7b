using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace Ambient.Hbone;

/// <summary>The writing end of a stream. A flush waits while the stream has more queued than its share, or for its turn.</summary>
internal sealed class StreamWriter(Http2Stream stream) : PipeWriter, IValueTaskSource<FlushResult>
{
    private ManualResetValueTaskSourceCore<FlushResult> _source;
    private CancellationWatch? _cancellation;
    private IOException? _error;
    private bool _isCompleted;
    private bool _isCanceled;
    private bool _peerIsGone;

    /// <summary>A flush waits.</summary>
    public bool IsWaiting { get; private set; }

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => stream.Pending;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        CheckOpen();
        return stream.GetMemory(sizeHint);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes) => stream.Advance(bytes);

    /// <summary>A large block waits in pieces of the stream's share instead of being queued whole.</summary>
    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default) =>
        source.Length <= stream.Connection.Limits.StreamSendBuffer
            ? base.WriteAsync(source, cancellationToken)
            : WriteInPiecesAsync(source, cancellationToken);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        CheckOpen();
        if (IsWaiting)
        {
            throw new InvalidOperationException("a flush is waiting already");
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<FlushResult>(cancellationToken);
        }

        if (_error is not null && !_peerIsGone)
        {
            return ValueTask.FromException<FlushResult>(_error);
        }

        if (stream.Flush() || _isCanceled)
        {
            return ValueTask.FromResult(Result());
        }

        _source.Reset();
        IsWaiting = true;
        stream.WaitForTurn();
        if (cancellationToken.CanBeCanceled)
        {
            _cancellation ??= new CancellationWatch(OnTokenCanceled);
            _cancellation.Start(cancellationToken);
        }

        return new ValueTask<FlushResult>(this, _source.Version);
    }

    public override void CancelPendingFlush()
    {
        _isCanceled = true;
        Release();
    }

    public override void Complete(Exception? exception = null)
    {
        if (_isCompleted)
        {
            return;
        }

        _isCompleted = true;
        if (exception is null)
        {
            stream.QueueEnd(trailers: null);
        }
        else
        {
            stream.Reset(exception is Http2StreamException { Code: var code } ? code : Http2ErrorCode.Cancel);
        }
    }

    /// <summary>The output was ended by other means.</summary>
    public void MarkCompleted() => _isCompleted = true;

    /// <summary>Lets the waiting flush go on if there is room.</summary>
    public void Wake()
    {
        if (IsWaiting && stream.IsWritable())
        {
            Release();
        }
    }

    /// <summary>Nothing more can be written. A peer that just does not want more ends the flush, anything else fails it.</summary>
    public void OnClosed(IOException error, bool isBenign)
    {
        _error = error;
        _peerIsGone = isBenign;
        if (!IsWaiting)
        {
            return;
        }

        if (isBenign)
        {
            Release();
            return;
        }

        IsWaiting = false;
        _cancellation?.Stop();
        _source.SetException(error);
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);

    private async ValueTask<FlushResult> WriteInPiecesAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken)
    {
        while (true)
        {
            var piece = source[..Math.Min(source.Length, stream.Connection.Limits.StreamSendBuffer)];
            var result = await base.WriteAsync(piece, cancellationToken);
            source = source[piece.Length..];
            if (source.IsEmpty || result.IsCompleted || result.IsCanceled)
            {
                return result;
            }
        }
    }

    private void Release()
    {
        if (!IsWaiting)
        {
            return;
        }

        IsWaiting = false;
        _cancellation?.Stop();
        _source.SetResult(Result());
    }

    private FlushResult Result()
    {
        var result = new FlushResult(_isCanceled, _peerIsGone);
        _isCanceled = false;
        return result;
    }

    private void OnTokenCanceled(CancellationToken token)
    {
        if (IsWaiting)
        {
            IsWaiting = false;
            _source.SetException(new OperationCanceledException(token));
        }
    }

    private void CheckOpen()
    {
        if (_isCompleted)
        {
            throw new InvalidOperationException("the writer is completed");
        }
    }
}
