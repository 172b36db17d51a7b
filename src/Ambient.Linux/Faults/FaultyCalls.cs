using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Ambient.Linux.Faults;

/// <summary>
/// Decides before each system call of the data path whether it goes wrong, in ways in which the kernel could make it go wrong.
/// Callers wait for an edge after a call that would block or moved less than asked, so the epoll is asked to report the
/// descriptor's state anew (EPOLL_CTL_MOD): at once after a cut, later after a stall. From any thread; allocates nothing for a
/// call, so that what is measured of the callers holds.
/// </summary>
internal sealed class FaultyCalls
{
    private const int MaxStallMilliseconds = 20;

    private readonly FaultPlan _plan;
    private readonly object _lock = new();
    private readonly Random _random;
    private readonly Dictionary<int, WatchedDescriptor> _watched = [];
    private readonly List<WatchedDescriptor> _spurious = [];
    private readonly PriorityQueue<WatchedDescriptor, long> _stalled = new(); // bound: the calls of 20 ms
    private readonly StreamWriter? _log;
    private long _registrations;

    public FaultyCalls(FaultPlan plan)
    {
        _plan = plan;
        _random = new Random(plan.Seed);
        _log = plan.Log is null ? null : new($"{plan.Log}.{Environment.ProcessId}", append: true) { AutoFlush = true };
        new Thread(ReportStalled) { Name = "faults", IsBackground = true }.Start();
    }

    /// <summary>Before an epoll hears that it is to report on a descriptor, or no longer.</summary>
    public unsafe void Registering(int epoll, int operation, int descriptor, byte* change)
    {
        lock (_lock)
        {
            Closing(descriptor);
            if (operation == Libc.EpollAdd)
            {
                var copy = new ReadOnlySpan<byte>(change, EpollEvent.Size).ToArray();
                _watched[descriptor] =
                    new WatchedDescriptor(epoll, descriptor, copy, KindOf(descriptor), ++_registrations, _plan.Seed);
            }
        }
    }

    /// <summary>Before a descriptor is closed, with which every epoll forgets it.</summary>
    public void Closing(int descriptor)
    {
        lock (_lock)
        {
            if (_watched.Remove(descriptor, out var former))
            {
                _spurious.Remove(former);
            }
        }
    }

    /// <summary>Before bytes are moved.</summary>
    /// <param name="call">Its name, for the log.</param>
    /// <param name="descriptor">The socket.</param>
    /// <param name="length">Bytes that may be moved; fewer afterwards if the call is cut.</param>
    /// <returns>Whether the call is not to be made, because it "would block".</returns>
    public bool Stalls(string call, int descriptor, ref int length)
    {
        lock (_lock)
        {
            if (!_watched.TryGetValue(descriptor, out var watched))
            {
                return false;
            }

            var random = watched.Random;
            watched.Calls++;
            if (random.NextDouble() < _plan.Spurious && !_spurious.Contains(watched))
            {
                _spurious.Add(watched);
            }

            // Not while bytes are under way: a reset that overtakes them does not arrive (see TcpSocket.Abort).
            watched.IsDoomed |= watched.Kind == WatchedKind.Connection && random.NextDouble() < _plan.Reset;
            if (watched.IsDoomed && Libc.Unacknowledged(descriptor) == 0)
            {
                watched.IsDoomed = false;
                Log(watched, call, "reset");
                Reset(descriptor);
                return false; // the call meets what the kernel makes of it
            }

            if (random.NextDouble() < _plan.Stall)
            {
                var delay = random.Next(MaxStallMilliseconds + 1);
                Log(watched, call, "stalled, ms", delay);
                _stalled.Enqueue(watched, Environment.TickCount64 + delay);
                Monitor.Pulse(_lock);
                return true;
            }

            if (watched.Kind == WatchedKind.Connection && length > 1 && random.NextDouble() < _plan.Segment)
            {
                length = Cut(random, length);
                Log(watched, call, "cut to", length);
                ReportAgain(watched);
            }

            return false;
        }
    }

    /// <summary>The same for many segments, which are shortened where they lie.</summary>
    public unsafe bool StallsVector(string call, int descriptor, Libc.Segment* segments, ref nuint count)
    {
        var length = 0;
        for (nuint index = 0; index < count; index++)
        {
            length += (int)segments[index].Length;
        }

        if (Stalls(call, descriptor, ref length))
        {
            return true;
        }

        for (nuint index = 0; index < count; index++)
        {
            segments[index].Length = Math.Min(segments[index].Length, (nuint)length);
            length -= (int)segments[index].Length;
            if (length == 0)
            {
                count = index + 1;
            }
        }

        return false;
    }

    /// <summary>The same between a socket and a pipe, of which only the socket has an epoll.</summary>
    public bool StallsSplice(int from, int to, ref int length)
    {
        lock (_lock)
        {
            return Stalls("splice", _watched.ContainsKey(from) ? from : to, ref length);
        }
    }

    /// <summary>Before a connection is taken.</summary>
    /// <returns>Why none is to be taken, or null.</returns>
    public unsafe Errno? RefusesAccept(int listener)
    {
        lock (_lock)
        {
            var one = 1;
            if (Stalls("accept", listener, ref one))
            {
                return Errno.EAGAIN;
            }

            if (_watched.GetValueOrDefault(listener) is not { Kind: WatchedKind.Listener } watched
                || watched.Random.NextDouble() >= _plan.Reset)
            {
                return null;
            }

            var accepted = Libc.AcceptItself(listener, null, null);
            if (!accepted.Ok)
            {
                return accepted.Error;
            }

            Log(watched, "accept", "reset");
            Reset(accepted.Count);
            Libc.Close(accepted.Count);
            return Errno.ECONNABORTED;
        }
    }

    /// <summary>Before a connection is made: whether to say that nobody listens there.</summary>
    public bool RefusesConnect(ushort family)
    {
        lock (_lock)
        {
            return family != Libc.FamilyUnix && _random.NextDouble() < _plan.Reset;
        }
    }

    /// <summary>Waits for events: sometimes interrupted, sometimes for few at a time, sometimes with one that is not true.</summary>
    public unsafe int Wait(int epoll, byte* events, int capacity, int timeoutMilliseconds)
    {
        var room = capacity;
        lock (_lock)
        {
            if (_random.NextDouble() < _plan.Stall)
            {
                Marshal.SetLastPInvokeError((int)Errno.EINTR);
                return -1;
            }

            if (_random.NextDouble() < _plan.Segment)
            {
                room = Cut(_random, room);
            }
        }

        var count = Libc.EpollWaitItself(epoll, events, room, timeoutMilliseconds);
        lock (_lock)
        {
            for (var index = _spurious.Count - 1; index >= 0 && count >= 0 && count < capacity; index--)
            {
                var watched = _spurious[index];
                if (watched.Epoll == epoll)
                {
                    _spurious.RemoveAt(index);
                    var entry = events + (EpollEvent.Size * count++);
                    watched.Change.CopyTo(new Span<byte>(entry, EpollEvent.Size));
                    EpollEvent.Write(entry, Libc.EpollIn, EpollEvent.Data(entry));
                }
            }
        }

        return count;
    }

    /// <summary>Kills a connection: the peer gets a RST, both ends ECONNRESET, and what was under way is lost.</summary>
    private static unsafe void Reset(int descriptor)
    {
        var unspecified = stackalloc byte[16]; // AF_UNSPEC, by which connect(2) dissolves a connection
        new Span<byte>(unspecified, 16).Clear();
        Libc.ConnectItself(descriptor, unspecified, 16);
    }

    /// <summary>Small lengths are as likely as large ones: one byte, a header and a half, all but one.</summary>
    private static int Cut(Random random, int length)
    {
        var magnitude = 1 << random.Next(BitOperations.Log2((uint)length) + 1);
        return Math.Min(length, magnitude + random.Next(magnitude));
    }

    private static WatchedKind KindOf(int descriptor)
    {
        const int Domain = 39;
        const int Accepts = 30;
        return Option(descriptor, Domain) is not (Libc.FamilyV4 or Libc.FamilyV6) ? WatchedKind.Other
            : Option(descriptor, Accepts) == 1 ? WatchedKind.Listener
            : WatchedKind.Connection;
    }

    private static unsafe int Option(int descriptor, int option)
    {
        const int SocketLevel = 1;
        int value;
        var length = sizeof(int);
        return Libc.GetOption(descriptor, SocketLevel, option, &value, &length) == 0 ? value : -1;
    }

    private void ReportStalled()
    {
        lock (_lock)
        {
            while (true)
            {
                var wait = Timeout.Infinite;
                while (_stalled.TryPeek(out var watched, out var due))
                {
                    wait = (int)(due - Environment.TickCount64);
                    if (wait > 0)
                    {
                        break;
                    }

                    wait = Timeout.Infinite;
                    _stalled.Dequeue();
                    ReportAgain(watched);
                }

                Monitor.Wait(_lock, wait);
            }
        }
    }

    private unsafe void ReportAgain(WatchedDescriptor watched)
    {
        if (_watched.GetValueOrDefault(watched.Number) == watched)
        {
            fixed (byte* change = watched.Change)
            {
                Libc.EpollControlItself(watched.Epoll, Libc.EpollModify, watched.Number, change);
            }
        }
    }

    /// <summary>When, which registration of the process, which call on it, its name, and what it suffers.</summary>
    private void Log(WatchedDescriptor watched, string call, string fault, int amount = 0) => _log?.WriteLine(string.Create(
        CultureInfo.InvariantCulture, $"{Environment.TickCount64} {watched.Ordinal}.{watched.Calls} {call} {fault} {amount}"));
}
