namespace Ambient.Linux;

public sealed partial class EventLoop
{
    private readonly TimerHeap _timers = new();
    private readonly int _clock;
    private long _alarm = long.MaxValue;

    /// <summary>Completes after a while, on the loop. On the loop only; the token may be cancelled from anywhere.</summary>
    /// <exception cref="OperationCanceledException">Cancelled, or the loop ended.</exception>
    public Task DelayAsync(TimeSpan delay, CancellationToken cancellation = default)
    {
        if (cancellation.IsCancellationRequested)
        {
            return Task.FromCanceled(cancellation);
        }

        var timer = new DelayTimer(this, cancellation);
        Arm(timer, delay);
        return timer.Task;
    }

    /// <summary>
    /// Calls back again and again, on the loop: a heartbeat for timeouts that need no precision. From any thread, and so is
    /// disposing it.
    /// </summary>
    public IDisposable Every(TimeSpan period, Action tick)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(period, TimeSpan.FromMilliseconds(1));
        var timer = new PeriodicTimer(this, period, tick);
        if (IsCurrent)
        {
            Arm(timer, period);
        }
        else
        {
            Post(static state => ((PeriodicTimer)state!).ArmUnlessDisposed(), timer);
        }

        return timer;
    }

    /// <summary>
    /// Calls back once, after a while, on the loop, unless it is disposed before: a deadline for the price of one object. A loop
    /// that ends does not call. On the loop only, and so is disposing it.
    /// </summary>
    public IDisposable After(TimeSpan delay, Action<object?> due, object? state)
    {
        var timer = new OneTimer(this, due, state);
        Arm(timer, delay);
        return timer;
    }

    internal void Arm(LoopTimer timer, TimeSpan delay)
    {
        // Rounded up and counted from now, not from the turn's start: a timer never fires early.
        timer.Due = Clock() + (long)Math.Ceiling(Math.Max(0, delay.TotalMilliseconds)) + 1;
        _timers.Add(timer);
    }

    internal void Disarm(LoopTimer timer) => _timers.Remove(timer);

    /// <summary>
    /// Sets the alarm clock for the next timer, if it would ring too late. A time-out of the wait itself would be set and taken back in the
    /// kernel with each wait, which messages pay for.
    /// </summary>
    private void SetAlarm()
    {
        if (_timers.First is { } first && first.Due < _alarm)
        {
            _alarm = first.Due;
            Libc.SetTimer(_clock, Math.Max(0, first.Due - Clock()));
        }
    }

    /// <summary>The alarm clock has rung; timers that are due run in this turn, and the next one sets it again.</summary>
    private unsafe void OnAlarm()
    {
        ulong ignored;
        Libc.Read(_clock, &ignored, sizeof(ulong));
        _alarm = long.MaxValue;
    }

    private void RunTimers()
    {
        var now = NowMilliseconds;
        while (_timers.First is { } timer && timer.Due <= now)
        {
            _timers.Remove(timer);
            RunGuarded(static state => ((LoopTimer)state!).Fire(), timer);
        }
    }

    private void EndTimers()
    {
        while (_timers.First is { } timer)
        {
            _timers.Remove(timer);
            timer.OnLoopEnding();
        }
    }

    private sealed class DelayTimer : LoopTimer
    {
        private readonly EventLoop _loop;
        private readonly CancellationToken _cancellation;
        private readonly CancellationTokenRegistration _registration;
        private readonly TaskCompletionSource _completion = new();

        public DelayTimer(EventLoop loop, CancellationToken cancellation)
        {
            _loop = loop;
            _cancellation = cancellation;
            _registration = cancellation.UnsafeRegister(static state => ((DelayTimer)state!).OnCancelled(), this);
        }

        public Task Task => _completion.Task;

        public override void Fire()
        {
            _registration.Unregister();
            _completion.TrySetResult();
        }

        public override void OnLoopEnding()
        {
            _registration.Unregister();
            _completion.TrySetCanceled(CancellationToken.None);
        }

        private void OnCancelled() => _loop.PostContinuation(
            static state =>
            {
                var timer = (DelayTimer)state!;
                timer._loop.Disarm(timer);
                timer._completion.TrySetCanceled(timer._cancellation);
            },
            this);
    }

    private sealed class OneTimer(EventLoop loop, Action<object?> due, object? state) : LoopTimer, IDisposable
    {
        public override void Fire() => due(state);

        public override void OnLoopEnding()
        {
            // Sockets and waits end with the loop by themselves; a deadline has nothing to add.
        }

        public void Dispose() => loop.Disarm(this);
    }

    private sealed class PeriodicTimer(EventLoop loop, TimeSpan period, Action tick) : LoopTimer, IDisposable
    {
        private volatile bool _disposed;

        public void ArmUnlessDisposed()
        {
            if (!_disposed)
            {
                loop.Arm(this, period);
            }
        }

        public override void Fire()
        {
            if (_disposed)
            {
                return;
            }

            loop.Arm(this, period);
            tick();
        }

        public override void OnLoopEnding() => _disposed = true;

        public void Dispose()
        {
            _disposed = true;
            if (loop.IsCurrent)
            {
                loop.Disarm(this);
            }
        }
    }
}
