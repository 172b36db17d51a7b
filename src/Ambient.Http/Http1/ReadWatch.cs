using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Ambient.Http.Http1;

/// <summary>
/// A read that is started before anybody awaits it, so that the peer's end is noticed meanwhile. What it brought is kept for the one who
/// takes it. A transport's failure is told as its end.
/// </summary>
internal sealed class ReadWatch(PipeReader input, Action onEnd) : IValueTaskSource<ReadResult>
{
    private ManualResetValueTaskSourceCore<ReadResult> _source;
    private ValueTaskAwaiter<ReadResult> _read;
    private Action? _onRead;
    private ReadResult _result;
    private bool _isStarted;
    private bool _hasResult;
    private bool _isAwaited;

    /// <summary>Why the transport failed, if it did.</summary>
    public Exception? Error { get; private set; }

    /// <summary>A read is under way, or has brought something that nobody took yet.</summary>
    public bool IsStarted => _isStarted;

    /// <summary>Starts a read if none is under way.</summary>
    public void Start()
    {
        if (_isStarted)
        {
            return;
        }

        _isStarted = true;
        try
        {
#pragma warning disable CA2012 // awaited by hand, once, in OnRead: it has two sides to tell
            _read = input.ReadAsync().GetAwaiter();
#pragma warning restore CA2012
        }
        catch (Exception exception) when (IsOfTransport(exception))
        {
            Error = exception;
            Keep(new ReadResult(default, isCanceled: false, isCompleted: true));
            return;
        }

        if (_read.IsCompleted)
        {
            OnRead();
        }
        else
        {
            _read.UnsafeOnCompleted(_onRead ??= OnRead);
        }
    }

    /// <summary>What the read brings; to be advanced over before the next one is started.</summary>
    public ValueTask<ReadResult> TakeAsync()
    {
        Start();
        if (_hasResult)
        {
            _isStarted = _hasResult = false;
            var result = _result;
            _result = default;
            return ValueTask.FromResult(result);
        }

        _source.Reset();
        _isAwaited = true;
        return new ValueTask<ReadResult>(this, _source.Version);
    }

    /// <summary>Advances over what was taken.</summary>
    public void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (Error is null)
        {
            input.AdvanceTo(consumed, examined);
        }
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);

    private static bool IsOfTransport(Exception exception) =>
        exception is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException;

    private void OnRead()
    {
        try
        {
#pragma warning disable VSTHRD002 // it has completed
            Keep(_read.GetResult());
#pragma warning restore VSTHRD002
        }
        catch (Exception exception) when (IsOfTransport(exception))
        {
            Error = exception;
            Keep(new ReadResult(default, isCanceled: false, isCompleted: true));
        }
    }

    private void Keep(in ReadResult result)
    {
        if (_isAwaited)
        {
            _isAwaited = _isStarted = false;
            _source.SetResult(result);
            return;
        }

        _hasResult = true;
        _result = result;
        if (result.IsCompleted)
        {
            onEnd();
        }
    }
}
