using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ambient.Kubernetes;

/// <summary>
/// Keys that need work. A key waits at most once, is never worked on twice at the same time, and when its work fails it
/// comes back after a pause that doubles with each failure in a row. Safe for concurrent use.
/// </summary>
/// <typeparam name="TKey">What names a piece of work; its text appears in log lines.</typeparam>
public sealed class WorkQueue<TKey>
    where TKey : notnull
{
    private readonly Lock _gate = new();
    private readonly Queue<TKey> _ready = new();
    private readonly PriorityQueue<TKey, long> _delayed = new();
    private readonly HashSet<TKey> _waiting = [];
    private readonly HashSet<TKey> _running = [];
    private readonly Dictionary<TKey, int> _failures = [];
    private readonly Dictionary<TKey, long> _dueAt = [];
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly string _name;
    private readonly int _capacity;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;

    /// <summary>Makes an empty queue.</summary>
    /// <param name="name">For log lines.</param>
    /// <param name="capacity">Most distinct keys. 262,144 holds each pod of the largest supported cluster (150,000).</param>
    /// <param name="logger">Where failures are told.</param>
    /// <param name="time">The clock.</param>
    public WorkQueue(string name, int capacity = 262_144, ILogger? logger = null, TimeProvider? time = null)
    {
        _name = name;
        _capacity = capacity;
        _logger = logger ?? NullLogger.Instance;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>The pause after the first failure.</summary>
    public TimeSpan FirstPause { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>The longest pause. 30 s: a cause that was repaired is noticed within half a minute.</summary>
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Keys that wait, delayed ones included.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count + _dueAt.Count;
            }
        }
    }

    /// <summary>Adds a key; nothing happens when it waits already.</summary>
    /// <exception cref="InvalidOperationException">The queue is full.</exception>
    public void Add(TKey key)
    {
        lock (_gate)
        {
            AddUnsynchronized(key);
        }

        Wake();
    }

    /// <summary>Adds a key after a pause; of several pauses the one that ends first counts.</summary>
    /// <exception cref="InvalidOperationException">The queue is full.</exception>
    public void AddAfter(TKey key, TimeSpan pause)
    {
        lock (_gate)
        {
            DelayUnsynchronized(key, pause);
        }

        Wake();
    }

    /// <summary>Works on keys until cancelled; the owner awaits it. Work that runs then is awaited too.</summary>
    /// <param name="work">What to do; an exception means "again later".</param>
    /// <param name="workers">How many keys at the same time.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public async Task RunAsync(Func<TKey, CancellationToken, Task> work, int workers, CancellationToken cancellationToken)
    {
        var running = new List<Task>();
        try
        {
            while (true)
            {
                running.RemoveAll(task => task.IsCompleted);
                while (running.Count < workers && Take(out var key))
                {
                    running.Add(WorkAsync(key, work, cancellationToken));
                }

                await WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Asked to stop.
        }
        finally
        {
            await Task.WhenAll(running).ConfigureAwait(false);
        }
    }

    private async Task WorkAsync(TKey key, Func<TKey, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        Exception? failure = null;
        try
        {
            await work(key, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The queue ends with its owner.
        }
        catch (Exception error)
        {
            failure = error;
        }

        Done(key, failure);
        Wake();
    }

    private void Done(TKey key, Exception? failure)
    {
        lock (_gate)
        {
            _running.Remove(key);
            if (_waiting.Contains(key))
            {
                _ready.Enqueue(key);
            }

            if (failure is null)
            {
                _failures.Remove(key);
                return;
            }

            var failures = _failures.GetValueOrDefault(key);
            _failures[key] = failures + 1;
            var pause = Backoff.Pause(FirstPause, LongestPause, failures);
            Log.WorkFailed(_logger, _name, key.ToString() ?? "", failures + 1, pause, failure);
            if (!_waiting.Contains(key))
            {
                DelayUnsynchronized(key, pause);
            }
        }
    }

    private void AddUnsynchronized(TKey key)
    {
        _dueAt.Remove(key);
        if (_waiting.Contains(key))
        {
            return;
        }

        CheckRoom();
        _waiting.Add(key);
        if (!_running.Contains(key))
        {
            _ready.Enqueue(key);
        }
    }

    private void DelayUnsynchronized(TKey key, TimeSpan pause)
    {
        if (_waiting.Contains(key))
        {
            return;
        }

        var due = _time.GetTimestamp() + (long)(pause.TotalSeconds * _time.TimestampFrequency);
        if (_dueAt.TryGetValue(key, out var earlier) && earlier <= due)
        {
            return;
        }

        CheckRoom();
        _dueAt[key] = due;
        _delayed.Enqueue(key, due);
    }

    private void CheckRoom()
    {
        // Entries of the heap that were overtaken by an earlier one count too, so that the heap is bounded as well.
        if (_waiting.Count + _delayed.Count >= _capacity)
        {
            throw new InvalidOperationException($"{_name}: {_capacity} keys wait already; the work behind it does not keep up.");
        }
    }

    private bool Take(out TKey key)
    {
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            while (_delayed.TryPeek(out var delayed, out var due) && due <= now)
            {
                _delayed.Dequeue();
                if (_dueAt.TryGetValue(delayed, out var wanted) && wanted == due)
                {
                    AddUnsynchronized(delayed);
                }
            }

            if (!_ready.TryDequeue(out key!))
            {
                return false;
            }

            _waiting.Remove(key);
            _running.Add(key);
            return true;
        }
    }

    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var due = new CancellationTokenSource(NextDue(), _time);
        using var link = due.Token.Register(static state => ((CancellationTokenSource)state!).Cancel(), timer);
        try
        {
            await _wake.Reader.ReadAsync(timer.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // A delayed key is due.
        }
    }

    private TimeSpan NextDue()
    {
        lock (_gate)
        {
            if (!_delayed.TryPeek(out _, out var due))
            {
                return Timeout.InfiniteTimeSpan;
            }

            var pause = _time.GetElapsedTime(_time.GetTimestamp(), due);
            // Rounded up to a millisecond, the grain of timers, so that it is due when the timer fires.
            return TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(pause.TotalMilliseconds)));
        }
    }

    private void Wake() => _wake.Writer.TryWrite(true);
}
