using System.IO.Pipelines;
using Ambient.Hbone;

namespace Ambient.Http.Http2;

/// <summary>
/// A body as a stream's bytes. A peer that takes no more, or is gone, shows in the result of a flush and not as an exception. A body that no peer
/// wants is dropped.
/// </summary>
internal sealed class Http2BodyWriter(Action onBroken) : PipeWriter
{
    private const int DroppedSize = 4 * 1024;

    private Http2Stream? _stream;
    private byte[]? _dropped;

    /// <summary>No more may be written.</summary>
    public bool IsCompleted { get; private set; } = true;

    /// <summary>A flush waits for the peer.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>Counts flushes that waited and went on, for those who watch for progress.</summary>
    public long Progress { get; private set; }

    public override bool CanGetUnflushedBytes => false;

    /// <summary>Starts a body; without a stream what is written is dropped.</summary>
    public void Start(Http2Stream? stream)
    {
        _stream = stream;
        IsCompleted = false;
    }

    public void MarkCompleted() => IsCompleted = true;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (IsCompleted)
        {
            throw new InvalidOperationException("the body is complete, or its head was not sent yet");
        }

        return _stream is { ResetCode: null } stream
            ? stream.Output.GetMemory(sizeHint)
            : _dropped = _dropped is { } kept && kept.Length >= sizeHint ? kept : new byte[Math.Max(DroppedSize, sizeHint)];
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        if (_stream is { ResetCode: null } stream)
        {
            stream.Output.Advance(bytes);
        }
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (_stream is not { ResetCode: null } stream)
        {
            return ValueTask.FromResult(new FlushResult(isCanceled: false, isCompleted: _stream is not null));
        }

        var flush = stream.Output.FlushAsync(cancellationToken);
        return flush.IsCompletedSuccessfully ? flush : AwaitAsync(flush);
    }

    public override void CancelPendingFlush() => _stream?.Output.CancelPendingFlush();

    public override void Complete(Exception? exception = null)
    {
        if (IsCompleted)
        {
            return;
        }

        if (exception is not null)
        {
            IsCompleted = true;
            onBroken();
            return;
        }

        End([]);
    }

    /// <summary>Ends the body, with trailers if there are any.</summary>
    public void End(ReadOnlySpan<HeaderField> trailers)
    {
        IsCompleted = true;
        if (_stream is not { ResetCode: null } stream)
        {
            return;
        }

        if (trailers.IsEmpty)
        {
            stream.Output.Complete();
        }
        else
        {
            stream.CompleteWithTrailers(trailers);
        }
    }

    private async ValueTask<FlushResult> AwaitAsync(ValueTask<FlushResult> flush)
    {
        IsWaiting = true;
        try
        {
            return await flush;
        }
        catch (IOException)
        {
            return new FlushResult(isCanceled: false, isCompleted: true);
        }
        finally
        {
            IsWaiting = false;
            Progress++;
        }
    }
}
