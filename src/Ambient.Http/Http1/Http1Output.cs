using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Ambient.Http.Http1;

/// <summary>
/// The writing end of a transport: heads and bodies go into its own memory, and leave in one flush for each loop turn. While a flush waits, what
/// is written meanwhile (a head, a piece of a body whose next flush waits) is kept aside, so that no transport has to take both at once.
/// </summary>
internal sealed class Http1Output(PipeWriter writer) : IValueTaskSource<FlushResult>
{
    /// <summary>Bytes written in one turn before a body's flush really flushes: one send of four TLS records.</summary>
    private const int FlushAt = 64 * 1024;

    /// <summary>A side buffer larger than this is not kept.</summary>
    private const int MostKept = 4 * 1024;

    private ManualResetValueTaskSourceCore<FlushResult> _source;
    private ArrayBufferWriter<byte>? _aside;
    private ValueTaskAwaiter<FlushResult> _flush;
    private Action? _onFlushed;
    private int _unflushed;
    private bool _isFlushing;
    private bool _isRequested;
    private bool _isAwaited;
    private bool _isAsideLent;
    private bool _isEnding;
    private bool _isOver;

    /// <summary>See <see cref="IServerConnection.FlushRequested"/>.</summary>
    public Action? FlushRequested { get; set; }

    /// <summary>Called once when the transport takes no more.</summary>
    public Action? Failed { get; set; }

    /// <summary>The transport takes no more; what is written goes nowhere.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Counts flushes that the transport took after a wait, for those who watch for progress.</summary>
    public long Progress { get; private set; }

    /// <summary>The transport has not taken everything yet.</summary>
    public bool IsFlushing => _isFlushing;

    /// <summary>Memory for at least so many bytes, to be filled and advanced over before anything is awaited.</summary>
    public Memory<byte> GetMemory(int sizeHint)
    {
        _isAsideLent = _isFlushing || HasFailed;
        if (!_isAsideLent)
        {
            try
            {
                return writer.GetMemory(sizeHint);
            }
            catch (Exception exception) when (IsOfTransport(exception))
            {
                Fail();
                _isAsideLent = true;
            }
        }

        return (_aside ??= new ArrayBufferWriter<byte>()).GetMemory(sizeHint);
    }

    public void Advance(int count)
    {
        if (!_isAsideLent)
        {
            writer.Advance(count);
            _unflushed += count;
        }
        else if (!HasFailed)
        {
            _aside!.Advance(count);
        }
    }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var memory = GetMemory(1).Span;
            var count = Math.Min(memory.Length, bytes.Length);
            bytes[..count].CopyTo(memory);
            Advance(count);
            bytes = bytes[count..];
        }
    }

    /// <summary>What was written leaves at the end of the turn, or now if nobody coalesces.</summary>
    public void FlushSoon()
    {
        if (_isFlushing || _unflushed == 0 || HasFailed)
        {
            return;
        }

        if (FlushRequested is null)
        {
            BeginFlush();
        }
        else if (!_isRequested)
        {
            _isRequested = true;
            FlushRequested();
        }
    }

    /// <summary>The owner's end of the turn.</summary>
    public void Flush()
    {
        _isRequested = false;
        if (!_isFlushing && _unflushed > 0 && !HasFailed)
        {
            BeginFlush();
        }
    }

    /// <summary>A body's flush: waits only when the transport is behind. Completed when it takes no more.</summary>
    public ValueTask<FlushResult> FlushAsync()
    {
        if (_isAwaited)
        {
            throw new InvalidOperationException("a flush is waiting already");
        }

        if (!_isFlushing && _unflushed < FlushAt)
        {
            FlushSoon();
        }
        else if (!_isFlushing)
        {
            BeginFlush();
        }

        if (!_isFlushing)
        {
            return ValueTask.FromResult(new FlushResult(isCanceled: false, isCompleted: HasFailed));
        }

        _source.Reset();
        _isAwaited = true;
        return new ValueTask<FlushResult>(this, _source.Version);
    }

    /// <summary>Lets a waiting flush go without waiting longer.</summary>
    public void Cancel()
    {
        if (_isAwaited)
        {
            _isAwaited = false;
            _source.SetResult(new FlushResult(isCanceled: true, isCompleted: HasFailed));
        }
    }

    /// <summary>Ends the transport's direction when all is sent.</summary>
    public void Complete()
    {
        if (_isEnding)
        {
            return;
        }

        _isEnding = true;
        Flush();
        if (!_isFlushing)
        {
            CompleteNow(null);
        }
    }

    /// <summary>
    /// Ends the transport's direction at once, in the middle of a message. What was written goes out first if the transport takes it; the
    /// message's framing then shows that it was cut, unless it has none.
    /// </summary>
    public void Cut(Exception reason, bool hasFraming)
    {
        if (!_isEnding)
        {
            _isEnding = true;
            Flush();
            CompleteNow(_isFlushing || !hasFraming ? reason : null);
        }
        else if (_isFlushing)
        {
            CompleteNow(reason);
        }

        HasFailed = true;
        Release();
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);

    private static bool IsOfTransport(Exception exception) =>
        exception is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException;

    private void BeginFlush()
    {
        _unflushed = 0;
        try
        {
#pragma warning disable CA2012 // awaited by hand, once, in TakeResult: an async method would allocate for each wait
            _flush = writer.FlushAsync().GetAwaiter();
#pragma warning restore CA2012
        }
        catch (Exception exception) when (IsOfTransport(exception))
        {
            Fail();
            return;
        }

        if (_flush.IsCompleted)
        {
            TakeResult();
            return;
        }

        _isFlushing = true;
        _flush.UnsafeOnCompleted(_onFlushed ??= OnFlushed);
    }

    private void OnFlushed()
    {
        _isFlushing = false;
        Progress++;
        TakeResult();
        if (_aside is { WrittenCount: > 0 } aside && !HasFailed)
        {
            _aside = null;
            Write(aside.WrittenSpan);
            aside.ResetWrittenCount();
            _aside = aside.Capacity <= MostKept ? aside : null;
            Flush();
        }

        if (_isEnding && !_isFlushing)
        {
            CompleteNow(null);
        }

        if (!_isFlushing)
        {
            Release();
        }
    }

    private void Release()
    {
        if (_isAwaited)
        {
            _isAwaited = false;
            _source.SetResult(new FlushResult(isCanceled: false, isCompleted: HasFailed));
        }
    }

    private void TakeResult()
    {
        try
        {
#pragma warning disable VSTHRD002 // it has completed
            if (_flush.GetResult().IsCompleted)
            {
                Fail();
            }
#pragma warning restore VSTHRD002
        }
        catch (Exception exception) when (IsOfTransport(exception))
        {
            Fail();
        }
    }

    private void Fail()
    {
        if (!HasFailed)
        {
            HasFailed = true;
            Failed?.Invoke();
        }
    }

    private void CompleteNow(Exception? reason)
    {
        if (_isOver)
        {
            return;
        }

        _isOver = true;
        try
        {
            writer.Complete(reason);
        }
        catch (Exception exception) when (IsOfTransport(exception))
        {
            Fail();
        }
    }
}
