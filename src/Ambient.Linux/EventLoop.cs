using System.Diagnostics;

namespace Ambient.Linux;

/// <summary>
/// Waits in epoll and runs everything that became ready, on a thread of its own or on one that it shares. One turn: (1) wait, (2) events, inline in their
/// waiters, (3) posted work, (4) timers, (5) continuations that yielded, (6) end-of-turn items. Objects of the data path belong
/// to one loop and are used only there, so they need no locks; nothing on a loop may block.
/// </summary>
public sealed partial class EventLoop : IAsyncDisposable
{
    /// <summary>Events taken from the kernel per turn; what is left is delivered by the next one.</summary>
    private const int EventsPerTurn = 256;

    /// <summary>Loops of a group at most: as many as twelve bits of an event's data tell apart.</summary>
    private const int MostPlaces = 1 << 12;

    /// <summary>What a loop wants to hear of its own wake-up and alarm clock.</summary>
    private const uint OwnEvents = Libc.EpollIn | Libc.EpollEdge;

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
        _group = [this];
        _watchedBy = _epoll;
        Checked(Control(_epoll, Libc.EpollAdd, _wake, OwnEvents, 0), "epoll_ctl of the loop's wake-up");
        Checked(Control(_epoll, Libc.EpollAdd, _clock, OwnEvents, 0), "epoll_ctl of the loop's timers");
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
        loop.StartThread();
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
    internal void Register(int descriptor, uint events, IEpollTarget target)
    {
        if (descriptor >= _slots.Length)
        {
            Array.Resize(ref _slots, Math.Max(_slots.Length * 2, descriptor + 1));
        }

        ref var slot = ref _slots[descriptor];
        slot.Target = target;
        slot.Events = events | Libc.EpollEdge;
        slot.Generation++;
        if (Control(_watchedBy, Libc.EpollAdd, descriptor, slot.Events, slot.Generation) != 0)
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
    internal void Unregister(int descriptor)
    {
        Forget(descriptor);
        _ = Control(_watchedBy, Libc.EpollDelete, descriptor, 0, 0);
    }

    private static int Checked(int result, string operation) =>
        result >= 0 ? result : throw new LinuxException(Libc.LastError, operation);

    private static long Clock() => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000);

    /// <summary>epoll_ctl. An event's data says whose it is: twenty bits of generation, twelve of the loop's place in its group, the descriptor.</summary>
    private unsafe int Control(int epoll, int operation, int descriptor, uint events, uint generation)
    {
        var change = stackalloc byte[EpollEvent.Size];
        EpollEvent.Write(change, events, ((ulong)generation << 44) | ((ulong)_place << 32) | (uint)descriptor);
        return Libc.EpollControl(epoll, operation, descriptor, change);
    }

    private unsafe void Turn()
    {
        var events = stackalloc byte[EventsPerTurn * 16];
        var count = Libc.EpollWait(_epoll, events, EventsPerTurn, WaitMilliseconds());
        var now = Clock();
        BeginTurn(now);
        foreach (var guest in _guests)
        {
            guest.BeginTurn(now);
        }

        var running = this;
        for (var index = 0; index < count; index++)
        {
            var entry = events + (index * EpollEvent.Size);
            var data = EpollEvent.Data(entry);
            var loop = _group[(int)(data >> 32) & (MostPlaces - 1)];
            if (loop != running)
            {
                loop.Enter();
                loop._isTouched = true;
                running = loop;
            }

            loop.Dispatch(data, EpollEvent.Events(entry));
        }

        if (running != this)
        {
            Enter();
        }

        FinishTurn();
        if (_guests.Count > 0)
        {
            FinishTurnOfGuests();
        }
    }

    private void BeginTurn(long now)
    {
        Volatile.Write(ref _now, now);
        Turns++;
        // Taken now: who yields during this turn continues in the next, after the kernel was asked again.
        (_yielded, _yieldedRunning) = (_yieldedRunning, _yielded);
        _isTouched = _yieldedRunning.Count > 0;
    }

    private void FinishTurn()
    {
        RunPosted();
        RunTimers();
        RunYielded();
        RunEndOfTurn();
        if (!HasWork)
        {
            SetAlarm();
        }
    }

    private unsafe void Dispatch(ulong data, uint events)
    {
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
        if (slot.Target is { } target && (slot.Generation << 12) >> 12 == data >> 44)
        {
            try
            {
                target.OnReady(events);
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
        if (HasWork)
        {
            return 0;
        }

        foreach (var guest in _guests)
        {
            if (guest.HasWork)
            {
                return 0;
            }
        }

        _hasWaited = true;
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
        for (var round = 0; round < 16 && HasWork; round++)
        {
            (_yielded, _yieldedRunning) = (_yieldedRunning, _yielded);
            RunPosted();
            RunYielded();
            RunEndOfTurn();
        }

        ClosePosts();
        Pipes.Dispose();
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
        public uint Events;
        public uint Generation;
    }
}
