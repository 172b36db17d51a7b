using System.Runtime.InteropServices;
using Ambient.Linux.Faults;

namespace Ambient.Linux;

internal static unsafe partial class Libc
{
    public const uint EpollIn = 0x1;
    public const uint EpollOut = 0x4;
    public const uint EpollError = 0x8;
    public const uint EpollHangUp = 0x10;
    public const uint EpollPeerClosed = 0x2000;
    public const uint EpollEdge = 1u << 31;

    public const int EpollAdd = 1;
    public const int EpollDelete = 2;
    public const int EpollModify = 3;

    public const int CloseOnExec = 0x80000;

    [LibraryImport(Library, EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int EpollCreate(int flags);

    [LibraryImport(Library, EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventDescriptor(uint initial, int flags);

    [LibraryImport(Library, EntryPoint = "epoll_ctl", SetLastError = true)]
    public static partial int EpollControlItself(int epoll, int operation, int descriptor, byte* change);

    [LibraryImport(Library, EntryPoint = "epoll_wait", SetLastError = true)]
    public static partial int EpollWaitItself(int epoll, byte* events, int capacity, int timeoutMilliseconds);

    [LibraryImport(Library, EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int descriptor, void* buffer, nuint length);

    [LibraryImport(Library, EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(int descriptor, void* buffer, nuint length);

    public static int EpollCreate() => EpollCreate(CloseOnExec);

    public static int EpollControl(int epoll, int operation, int descriptor, byte* change)
    {
        if (FaultInjection.Calls is { } faults)
        {
            faults.Registering(epoll, operation, descriptor, change);
        }

        return EpollControlItself(epoll, operation, descriptor, change);
    }

    public static int EpollWait(int epoll, byte* events, int capacity, int timeoutMilliseconds) =>
        FaultInjection.Calls is { } faults
            ? faults.Wait(epoll, events, capacity, timeoutMilliseconds)
            : EpollWaitItself(epoll, events, capacity, timeoutMilliseconds);

    /// <summary>A non-blocking counter that wakes a loop.</summary>
    public static int EventDescriptor() => EventDescriptor(0, CloseOnExec | 0x800);

    /// <summary>A non-blocking alarm clock (CLOCK_MONOTONIC) that wakes a loop.</summary>
    public static int TimerDescriptor() => TimerDescriptor(1, CloseOnExec | 0x800);

    /// <summary>Lets an alarm clock ring once, a while from now; 0 is taken for the shortest while.</summary>
    public static void SetTimer(int timer, long milliseconds)
    {
        // struct itimerspec: interval (none), then the first expiry; seconds and nanoseconds each.
        var specification = stackalloc long[4] { 0, 0, milliseconds / 1000, Math.Max(1, milliseconds % 1000 * 1_000_000) };
        _ = SetTimer(timer, 0, specification, null);
    }

    /// <summary>Nanoseconds of processor time that the calling thread has used (CLOCK_THREAD_CPUTIME_ID).</summary>
    public static long ThreadTime()
    {
        var time = stackalloc long[2]; // struct timespec
        return GetTime(3, time) == 0 ? (time[0] * 1_000_000_000) + time[1] : 0;
    }

    [LibraryImport(Library, EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, long* time);

    [LibraryImport(Library, EntryPoint = "timerfd_create", SetLastError = true)]
    private static partial int TimerDescriptor(int clock, int flags);

    [LibraryImport(Library, EntryPoint = "timerfd_settime", SetLastError = true)]
    private static partial int SetTimer(int timer, int flags, long* specification, long* previous);
}
