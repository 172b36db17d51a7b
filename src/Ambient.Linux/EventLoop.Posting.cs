namespace Ambient.Linux;

public sealed partial class EventLoop
{
    private readonly Lock _postLock = new();

    // Bound: one entry per awaited operation that completed elsewhere and per explicit hand-over, so as many as the loop
    // has work in flight; whoever starts that work bounds it. A continuation cannot be refused without losing its owner.
    private List<WorkItem> _posted = [];
    private List<WorkItem> _postedRunning = [];
    private bool _postClosed;
    private bool _descriptorsClosed;
    private int _wakePending;

    private bool HasPosted
    {
        get
        {
            lock (_postLock)
            {
                return _posted.Count > 0;
            }
        }
    }

    /// <summary>Runs a callback on the loop in its next turn. From any thread.</summary>
    /// <exception cref="ObjectDisposedException">The loop has ended.</exception>
    public void Post(Action<object?> callback, object? state) =>
        ObjectDisposedException.ThrowIf(!TryPost(new WorkItem(callback, state)), this);

    /// <summary>Runs work on the loop; the task completes with it. From any thread.</summary>
    public Task RunAsync(Func<Task> work) => RunAsync(async () =>
    {
        await work();
        return true;
    });

    /// <summary>Runs work on the loop; the task completes with its result. From any thread.</summary>
    public Task<T> RunAsync<T>(Func<Task<T>> work)
    {
        var request = new RunRequest<T>(work);
        Post(static state => ((RunRequest<T>)state!).Start(), request);
        return request.Task;
    }

    internal void PostContinuation(SendOrPostCallback callback, object? state)
    {
        if (!TryPost(new WorkItem(callback, state)))
        {
            // The loop is gone; whoever awaits still deserves an end. No data-path object is left to race with.
            ThreadPool.UnsafeQueueUserWorkItem(static item => item.Run(), new WorkItem(callback, state), preferLocal: false);
        }
    }

    private bool TryPost(WorkItem item)
    {
        lock (_postLock)
        {
            if (_postClosed)
            {
                return false;
            }

            _posted.Add(item);
        }

        if (_current?._watchedBy != _watchedBy)
        {
            Wake(); // another thread; this one looks before it waits
        }

        return true;
    }

    private unsafe void Wake()
    {
        if (Interlocked.Exchange(ref _wakePending, 1) != 0)
        {
            return;
        }

        lock (_postLock)
        {
            if (!_descriptorsClosed)
            {
                ulong one = 1;
                Libc.Write(_wake, &one, sizeof(ulong));
            }
        }
    }

    private void RunPosted()
    {
        // Cleared before the queue is taken: a post that comes after the taking wakes again.
        Volatile.Write(ref _wakePending, 0);
        Interlocked.MemoryBarrier();
        lock (_postLock)
        {
            if (_posted.Count == 0)
            {
                return;
            }

            (_posted, _postedRunning) = (_postedRunning, _posted);
        }

        foreach (var item in _postedRunning)
        {
            try
            {
                item.Run();
            }
            catch (Exception exception) when (_onError is not null)
            {
                _onError(exception);
            }
        }

        _postedRunning.Clear();
    }

    private void ClosePosts()
    {
        List<WorkItem> rest;
        lock (_postLock)
        {
            _postClosed = true;
            rest = _posted;
            _posted = [];
        }

        foreach (var item in rest)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static left => left.Run(), item, preferLocal: false);
        }
    }

    /// <summary>A callback of either type, kept without a wrapper to allocate.</summary>
    private readonly struct WorkItem
    {
        private readonly Action<object?>? _work;
        private readonly SendOrPostCallback? _continuation;
        private readonly object? _state;

        public WorkItem(Action<object?> work, object? state)
        {
            _work = work;
            _state = state;
        }

        public WorkItem(SendOrPostCallback continuation, object? state)
        {
            _continuation = continuation;
            _state = state;
        }

        public void Run()
        {
            if (_continuation is not null)
            {
                _continuation(_state);
            }
            else
            {
                _work!(_state);
            }
        }
    }

    private sealed class RunRequest<T>(Func<Task<T>> work)
    {
        private readonly TaskCompletionSource<T> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<T> Task => _completion.Task;

        public void Start()
        {
            Task<T> running;
            try
            {
                running = work();
            }
            catch (Exception exception)
            {
                _completion.SetException(exception);
                return;
            }

            if (running.IsCompleted)
            {
                _completion.SetFromTask(running);
            }
            else
            {
                _ = running.ContinueWith(
                    static (task, state) => ((TaskCompletionSource<T>)state!).SetFromTask(task),
                    _completion,
                    CancellationToken.None,
                    TaskContinuationOptions.ExecuteSynchronously,
                    TaskScheduler.Default);
            }
        }
    }
}
