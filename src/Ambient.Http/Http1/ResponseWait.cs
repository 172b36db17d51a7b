using System.Threading.Tasks.Sources;

namespace Ambient.Http.Http1;

/// <summary>One waiter for a response's head, used for one exchange after the other. Continues inline on the loop.</summary>
internal sealed class ResponseWait : IValueTaskSource<ResponseHead>
{
    private ManualResetValueTaskSourceCore<ResponseHead> _core;
    private ResponseHead? _head;
    private HttpException? _error;
    private bool _isAwaited;

    public void Reset()
    {
        _head = null;
        _error = null;
        _isAwaited = false;
    }

    public ValueTask<ResponseHead> TakeAsync()
    {
        if (_isAwaited)
        {
            throw new InvalidOperationException("the response is awaited already");
        }

        if (_error is not null)
        {
            return ValueTask.FromException<ResponseHead>(_error);
        }

        if (_head is not null)
        {
            return ValueTask.FromResult(_head);
        }

        _core.Reset();
        _isAwaited = true;
        return new ValueTask<ResponseHead>(this, _core.Version);
    }

    public void Set(ResponseHead head)
    {
        _head = head;
        if (_isAwaited)
        {
            _isAwaited = false;
            _core.SetResult(head);
        }
    }

    /// <summary>A later call does not change what the first one said.</summary>
    public void Fail(HttpException error)
    {
        if (_head is not null || _error is not null)
        {
            return;
        }

        _error = error;
        if (_isAwaited)
        {
            _isAwaited = false;
            _core.SetException(error);
        }
    }

    ResponseHead IValueTaskSource<ResponseHead>.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<ResponseHead>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<ResponseHead>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags & ~ValueTaskSourceOnCompletedFlags.UseSchedulingContext);
}
