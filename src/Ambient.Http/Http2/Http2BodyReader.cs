using System.IO.Pipelines;
using Ambient.Hbone;

namespace Ambient.Http.Http2;

/// <summary>A stream's bytes as a body: its failures are those of exchanges, and the first read is noticed.</summary>
internal sealed class Http2BodyReader(Action? onWanted) : PipeReader
{
    private PipeReader _inner = null!;
    private Action? _onWanted;

    /// <summary>The body was read to its end.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>A read waits for the peer.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>A response to the request had begun, for the words of failures.</summary>
    public bool ResponseStarted { get; set; }

    public void Start(Http2Stream stream, bool isEmpty)
    {
        _inner = stream.Input;
        _onWanted = onWanted;
        HasEnded = isEmpty;
        ResponseStarted = false;
    }

    /// <summary>Counts reads that waited and got something, for those who watch for progress.</summary>
    public long Progress { get; private set; }

    /// <summary>The message ended with its head.</summary>
    public void MarkEnded() => HasEnded = true;

    public override bool TryRead(out ReadResult result)
    {
        Want();
        try
        {
            if (!_inner.TryRead(out result))
            {
                return false;
            }
        }
        catch (IOException exception)
        {
            throw Http2Faults.Of(exception, ResponseStarted);
        }

        HasEnded |= result.IsCompleted;
        return true;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        Want();
        var read = _inner.ReadAsync(cancellationToken);
        if (!read.IsCompletedSuccessfully)
        {
            return AwaitAsync(read);
        }

#pragma warning disable VSTHRD103 // it has completed
        var result = read.Result;
#pragma warning restore VSTHRD103
        HasEnded |= result.IsCompleted;
        return ValueTask.FromResult(result);
    }

    public override void AdvanceTo(SequencePosition consumed) => _inner.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => _inner.AdvanceTo(consumed, examined);

    public override void CancelPendingRead() => _inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => _inner.Complete(exception);

    private async ValueTask<ReadResult> AwaitAsync(ValueTask<ReadResult> read)
    {
        IsWaiting = true;
        try
        {
            var result = await read;
            HasEnded |= result.IsCompleted;
            return result;
        }
        catch (IOException exception)
        {
            throw Http2Faults.Of(exception, ResponseStarted);
        }
        finally
        {
            IsWaiting = false;
            Progress++;
        }
    }

    private void Want()
    {
        var onWanted = _onWanted;
        _onWanted = null;
        onWanted?.Invoke();
    }
}
