using System.Diagnostics;

namespace Ambient.Linux;

/// <summary>
/// Loops that share a thread while one has time for all. A thread that sleeps has to be woken for each message, which costs as much as
/// carrying it; one that does the work of two finds more of it at each waking. So a group begins on the thread of its first
/// loop, the host; when that is busy, or never comes to wait because others keep it from its core, half of the others, its
/// guests, get threads of their own, and each comes back when both are quiet. A loop has one thread at a time and changes it between two turns, so for what runs on it nothing is different.
/// What a guest watches, the host's epoll reports: to wait costs what it costs with one loop, and to move, two system calls a descriptor.
/// </summary>
public sealed partial class EventLoop
{
    /// <summary>How long a host's load is measured before it is judged: a few scheduler slices.</summary>
    private const int HostWindowMilliseconds = 50;

    /// <summary>The same of a loop that has left: long enough for moves, two system calls for each connection and way, to be few.</summary>
    private const int GuestWindowMilliseconds = 200;

    /// <summary>Share of a core from which on a host's thread is busy: streams at full speed need more of it, messages on a busy machine less (measured).</summary>
    private const double Busy = 0.65;

    /// <summary>Share of a core that a host and a guest together may need for one thread to be enough, well below what would part them again.</summary>
    private const double Quiet = 0.45;

    private static int _locals;

    private readonly List<EventLoop> _guests = [];
    private object?[] _ownLocals = [];
    private EventLoop[] _group;
    private int _place;
    private EventLoop? _host;
    private int _watchedBy;
    private bool _isTouched;
    private bool _hasWaited;
    private long _loadSince;
    private long _loadUsed;
    private double _load;

    private bool HasWork => _yielded.Count > 0 || _endOfTurn.Count > 0 || HasPosted;

    /// <summary>Starts loops that share one thread as long as that is enough, and have up to one each when it is not.</summary>
    /// <param name="count">From 1 to 4,096.</param>
    /// <param name="name">Of a loop and of its thread, by its index; Linux shows the first 15 characters.</param>
    /// <param name="onError">Hears of exceptions that work let escape; without it such an exception ends the process.</param>
    public static EventLoop[] StartSharing(int count, Func<int, string> name, Action<Exception>? onError = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MostPlaces);
        var loops = Enumerable.Range(0, count).Select(index => new EventLoop(name(index), onError)).ToArray();
        var host = loops[0];
        host._group = loops;
        for (var place = 1; place < count; place++)
        {
            (loops[place]._group, loops[place]._place, loops[place]._host) = (loops, place, host);
            host.TakeIn(loops[place]);
        }

        host.StartThread();
        return loops;
    }

    internal static int NextLocal() => Interlocked.Increment(ref _locals) - 1;

    internal ref object? Local(int place)
    {
        Debug.Assert(IsCurrent, "What belongs to a loop is for code on the loop.");
        if (place >= _ownLocals.Length)
        {
            Array.Resize(ref _ownLocals, place + 1);
        }

        return ref _ownLocals[place];
    }

    private void StartThread() => new Thread(Run) { Name = Name, IsBackground = true }.Start();

    private void Run()
    {
        Enter();
        _loadSince = _now;
        _loadUsed = Libc.ThreadTime();
        while (!_stopping)
        {
            Turn();
            if (!_stopping && !KeepsThread())
            {
                Exit();
                return;
            }
        }

        SendAway(_guests.Count);
        End();
        Exit();
    }

    private void Enter()
    {
        _current = this;
        SynchronizationContext.SetSynchronizationContext(_context);
    }

    private static void Exit()
    {
        _current = null;
        SynchronizationContext.SetSynchronizationContext(null);
    }

    /// <summary>The rest of a turn, for each guest that has something to do.</summary>
    private void FinishTurnOfGuests()
    {
        for (var index = _guests.Count - 1; index >= 0; index--)
        {
            var guest = _guests[index];
            if (!guest._isTouched && !guest.HasWork)
            {
                continue;
            }

            guest._isTouched = false;
            guest.Enter();
            guest.FinishTurn();
            if (guest._stopping)
            {
                _guests.Remove(guest);
                guest.MoveTo(guest._epoll);
                guest.End();
            }
        }

        Enter();
    }

    /// <summary>Looks at the load of this thread once in a while, and moves loops if it calls for it. Between turns.</summary>
    /// <returns>False if the loop has left its thread.</returns>
    private bool KeepsThread()
    {
        var elapsed = _now - _loadSince;
        if (_group.Length == 1 || elapsed < (_host is null ? HostWindowMilliseconds : GuestWindowMilliseconds))
        {
            return true;
        }

        var used = Libc.ThreadTime();
        Volatile.Write(ref _load, (used - _loadUsed) / (elapsed * 1e6));
        Volatile.Write(ref _loadSince, _now);
        _loadUsed = used;
        var isBusy = _load > Busy || !_hasWaited;
        _hasWaited = false;
        if (isBusy)
        {
            SendAway((_guests.Count + 1) / 2);
            return true;
        }

        return _host is not { } host || _load + host.RecentLoad(_now) >= Quiet || !TryGoBackTo(host);
    }

    /// <summary>The share of a core that a host's thread used lately; one that has not looked for long is waiting.</summary>
    private double RecentLoad(long now) =>
        now - Volatile.Read(ref _loadSince) > 2 * HostWindowMilliseconds ? 0 : Volatile.Read(ref _load);

    private void SendAway(int count)
    {
        for (; count > 0; count--)
        {
            var guest = _guests[^1];
            _guests.RemoveAt(_guests.Count - 1);
            guest.MoveTo(guest._epoll);
            guest.StartThread();
        }
    }

    /// <summary>Leaves its thread for the host's. False if the host has ended.</summary>
    private bool TryGoBackTo(EventLoop host)
    {
        if (host.TryPost(new WorkItem((Action<object?>)(static guest => ((EventLoop)guest!).Arrive()), this)))
        {
            return true;
        }

        _host = null;
        return false;
    }

    /// <summary>On the host, or, if it ended meanwhile, anywhere.</summary>
    private void Arrive()
    {
        if (_host!._stopping)
        {
            _host = null;
            StartThread();
            return;
        }

        _host.TakeIn(this);
    }

    private void TakeIn(EventLoop guest)
    {
        guest.MoveTo(_epoll);
        _guests.Add(guest);
    }

    /// <summary>
    /// Lets another epoll watch all that this loop watches; it begins with the present state of each, so no edge is lost. The kernel has
    /// room for one when another has left; if it says otherwise, that socket ends as if the loop did, because nobody would ever hear of it again.
    /// </summary>
    private void MoveTo(int epoll)
    {
        var from = _watchedBy;
        _watchedBy = epoll;
        foreach (var own in (ReadOnlySpan<int>)[_wake, _clock])
        {
            _ = Control(from, Libc.EpollDelete, own, 0, 0);
            Checked(Control(epoll, Libc.EpollAdd, own, OwnEvents, 0), "epoll_ctl of a loop that changes threads");
        }

        for (var descriptor = 0; descriptor < _slots.Length; descriptor++)
        {
            var (target, events, generation) = (_slots[descriptor].Target, _slots[descriptor].Events, _slots[descriptor].Generation);
            if (target is null)
            {
                continue;
            }

            _ = Control(from, Libc.EpollDelete, descriptor, 0, 0);
            if (Control(epoll, Libc.EpollAdd, descriptor, events, generation) != 0)
            {
                target.OnLoopEnding();
            }
        }
    }
}
