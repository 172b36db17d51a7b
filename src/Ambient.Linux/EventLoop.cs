using System.Diagnostics;

namespace Ambient.Linux;

/// <summary>
/// A thread that waits in epoll and runs everything that became ready. One turn: (1) wait, (2) events, inline in their
/// waiters, (3) posted work, (4) timers, (5) continuations that yielded, (6) end-of-turn items. Objects of the data path belong
/// to one loop and are used only there, so they need no locks; nothing on a loop may block.
/// </summary>
public sealed partial class EventLoop : IAsyncDisposable
{
    /// <summary>Events taken from the kernel per turn; what is left is delivered by the next one.</summary>
    private const int EventsPerTurn = 256;

    /// <summary>End-of-turn items may ask for another round, as two peers that wake each other; then the kernel is asked again.</summary>
    private const int EndOfTurnRounds = 4;

    [ThreadStatic]
    private static EventLoop? _current;

    private readonly int _epoll;
    private readonly int _wake;
    private readonly Action<Exception>? _onError;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly LoopSynchronizationContext _context;

    private Slot[] _slots = new Slot[256];
    private List<IEndOfTurn> _endOfTurn = [];
    private List<IEndOfTurn> _endOfTurnRunning = [];
    private List<Action> _yielded = [];
    private List<Action> _yieldedRunning = [];
    private long _now;
    private bool _stopping;

    private EventLoop(string name, Action<Exception>? onError)
    {
        Name = name;
        _onError = onError;
        _epoll = Checked(Libc.EpollCreate(), "epoll_create1");
        _wake = Checked(Libc.EventDescriptor(), "eventfd");
        _clock = Checked(Libc.TimerDescriptor(), "timerfd_create");
        _context = new LoopSynchronizationContext(this);
        _now = Clock();
        Pipes = new PipePool();
        unsafe
        {
            var change = stackalloc byte[16];
            EpollEvent.Write(change, Libc.EpollIn | Libc.EpollEdge, (uint)_wake);
            Checked(Libc.EpollControl(_epoll, Libc.EpollAdd, _wake, change), "epoll_ctl of the loop's wake-up");
            EpollEvent.Write(change, Libc.EpollIn | Libc.EpollEdge, (uint)_clock);
            Checked(Libc.EpollControl(_epoll, Libc.EpollAdd, _clock, change), "epoll_ctl of the loop's timers");
        }
    }

    /// <summary>The loop that runs the calling code, if any.</summary>
    public static EventLoop? Current => _current;

    /// <summary>The name of its thread.</summary>
    public string Name { get; }

    /// <summary>Whether the calling code runs on this loop.</summary>
    public bool IsCurrent => _current == this;

    /// <summary>Milliseconds of a clock that never goes back, taken once per turn.</summary>
    public long NowMilliseconds => Volatile.Read(ref _now);

    /// <summary>Turns taken since the start.</summary>
    public long Turns { get; private set; }

    /// <summary>Pipes of splice relays, shared by the connections of this loop.</summary>
    internal PipePool Pipes { get; }

    /// <summary>Starts a loop on a thread of its own.</summary>
    /// <param name="name">The thread's name; Linux shows its first 15 characters.</param>
    /// <param name="onError">Hears of exceptions that work let escape; without it such an exception ends the process.</param>
    public static EventLoop Start(string name, Action<Exception>? onError = null)
    {
        var loop = new EventLoop(name, onError);
        new Thread(loop.Run) { Name = name, IsBackground = true }.Start();
        return loop;
    }

    /// <summary>
    /// Runs an item after this turn's events. The item keeps track of whether it has asked already: it is run as often as
    /// it asked. On the loop only.
    /// </summary>
    public void AtEndOfTurn(IEndOfTurn item)
    {
        Debug.Assert(IsCurrent, "AtEndOfTurn is for code on the loop.");
        _endOfTurn.Add(item);
    }

    /// <summary>
    /// Lets the loop's other work go first. A pump that has moved its share awaits this instead of a readiness that an
    /// edge-triggered epoll would never report again. On the loop only.
    /// </summary>
    public LoopYield Yield() => new(this);

    /// <summary>Ends the loop: its sockets are closed, their waiters woken, its thread gone when the task completes.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_postLock)
        {
            if (!_postClosed)
            {
                _posted.Add(new WorkItem((Action<object?>)(static state => ((EventLoop)state!)._stopping = true), this));
            }
        }

        Wake();
        await _ended.Task.ConfigureAwait(false);
    }

    internal void AddYielded(Action continuation) => _yielded.Add(continuation);

    /// <summary>Reports the descriptor's edges to the target from now on, beginning with its present state.</summary>
    internal unsafe void Register(int descriptor, uint events, IEpollTarget target)
    {
        if (descriptor >= _slots.Length)
        {
            Array.Resize(ref _slots, Math.Max(_slots.Length * 2, descriptor + 1));
        }

        ref var slot = ref _slots[descriptor];
        slot.Target = target;
        slot.Generation++;
        var change = stackalloc byte[16];
        EpollEvent.Write(change, events | Libc.EpollEdge, ((ulong)slot.Generation << 32) | (uint)descriptor);
        if (Libc.EpollControl(_epoll, Libc.EpollAdd, descriptor, change) != 0)
        {
            slot.Target = null;
            throw new LinuxException(Libc.LastError, "epoll_ctl");
        }
    }

    /// <summary>
    /// Forgets a descriptor that is closed next, with which the kernel forgets it too. Events of this turn for it are dropped
    /// even when the kernel gives its number to a new socket at once: the generation differs.
    /// </summary>
    internal void Forget(int descriptor)
    {
        _slots[descriptor].Target = null;
        _slots[descriptor].Generation++;
    }

    /// <summary>Forgets a descriptor that stays open.</summary>
    internal unsafe void Unregister(int descriptor)
    {
        Forget(descriptor);
        var change = stackalloc byte[16];
        Libc.EpollControl(_epoll, Libc.EpollDelete, descriptor, change);
    }

    private static int Checked(int result, string operation) =>
        result >= 0 ? result : throw new LinuxException(Libc.LastError, operation);

    private static long Clock() => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000);

    private void Run()
    {
        _current = this;
        SynchronizationContext.SetSynchronizationContext(_context);
        while (!_stopping)
        {
            Turn();
        }

        End();
    }

    private unsafe void Turn()
    {
        var events = stackalloc byte[EventsPerTurn * 16];
        var count = Libc.EpollWait(_epoll, events, EventsPerTurn, WaitMilliseconds());
        Volatile.Write(ref _now, Clock());
        Turns++;
        // Taken now: who yields during this turn continues in the next, after the kernel was asked again.
        (_yielded, _yieldedRunning) = (_yieldedRunning, _yielded);

        for (var index = 0; index < count; index++)
        {
            Dispatch(events + (index * EpollEvent.Size));
        }

        RunPosted();
        RunTimers();
        RunYielded();
        RunEndOfTurn();
    }

    private unsafe void Dispatch(byte* entry)
    {
        var data = EpollEvent.Data(entry);
        var descriptor = (int)(uint)data;
        if (descriptor == _wake)
        {
            ulong ignored;
            Libc.Read(_wake, &ignored, sizeof(ulong));
            return;
        }

        if (descriptor == _clock)
        {
            OnAlarm();
            return;
        }

        ref var slot = ref _slots[descriptor];
        if (slot.Target is { } target && slot.Generation == (uint)(data >> 32))
        {
            try
            {
                target.OnReady(EpollEvent.Events(entry));
            }
            catch (Exception exception) when (_onError is not null)
            {
                _onError(exception);
            }
        }
    }

    /// <summary>Whether the next wait only looks (0), or lasts until something happens (-1).</summary>
    private int WaitMilliseconds()
    {
        if (_yielded.Count > 0 || _endOfTurn.Count > 0 || HasPosted)
        {
            return 0;
        }

        SetAlarm();
        return -1;
    }

    private void RunYielded()
    {
        foreach (var continuation in _yieldedRunning)
        {
            RunGuarded(static state => ((Action)state!)(), continuation);
        }

        _yieldedRunning.Clear();
    }

    private void RunEndOfTurn()
    {
        for (var round = 0; round < EndOfTurnRounds && _endOfTurn.Count > 0; round++)
        {
            (_endOfTurn, _endOfTurnRunning) = (_endOfTurnRunning, _endOfTurn);
            foreach (var item in _endOfTurnRunning)
            {
                RunGuarded(static state => ((IEndOfTurn)state!).EndOfTurn(), item);
            }

            _endOfTurnRunning.Clear();
        }
    }

    private void RunGuarded(Action<object?> work, object? state)
    {
        try
        {
            work(state);
        }
        catch (Exception exception) when (_onError is not null)
        {
            _onError(exception);
        }
    }

    private void End()
    {
        foreach (var slot in _slots)
        {
            if (slot.Target is { } target)
            {
                RunGuarded(static state => ((IEpollTarget)state!).OnLoopEnding(), target);
            }
        }

        EndTimers();
        // What the woken waiters leave behind still runs here; a chain that goes on longer continues on the thread pool.
        for (var round = 0; round < 16 && (HasPosted || _yielded.Count > 0 || _endOfTurn.Count > 0); round++)
        {
            (_yielded, _yieldedRunning) = (_yieldedRunning, _yielded);
            RunPosted();
            RunYielded();
            RunEndOfTurn();
        }

        ClosePosts();
        Pipes.Dispose();
        SynchronizationContext.SetSynchronizationContext(null);
        _current = null;
        lock (_postLock)
        {
            Libc.Close(_epoll);
            Libc.Close(_wake);
            Libc.Close(_clock);
            _descriptorsClosed = true;
        }

        _ended.SetResult();
    }

    private struct Slot
    {
        public IEpollTarget? Target;
        public uint Generation;
    }
}
