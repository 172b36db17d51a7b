using System.Globalization;
using System.Runtime.InteropServices;

namespace Ambient.Bench;

/// <summary>What the kernel knows of processes.</summary>
internal static partial class ProcessFigures
{
    /// <summary>
    /// Processor time of processes in seconds, with all their threads, those that ended included, to the nanosecond: the kernel keeps a
    /// clock for each process, which another process can read too (clock_getcpuclockid(3)).
    /// </summary>
    public static double ProcessorSeconds(IEnumerable<int> processes) => processes.Sum(process =>
    {
        const int OfAllThreads = 2; // CPUCLOCK_SCHED, and not CPUCLOCK_PERTHREAD_MASK
        return ReadClock((~process << 3) | OfAllThreads, out var time) == 0
            ? time.Seconds + (time.Nanoseconds / 1e9)
            : throw new InvalidOperationException($"Process {process} has ended.");
    });

    /// <summary>Resident memory of processes together, bytes; pages that they share count in each.</summary>
    public static long Resident(IEnumerable<int> processes) => processes.Sum(process => Read($"/proc/{process}/status", "VmRSS:"));

    /// <summary>The same, with shared pages divided among those that share them.</summary>
    public static long ProportionalSet(IEnumerable<int> processes) => processes.Sum(process => Read($"/proc/{process}/smaps_rollup", "Pss:"));

    /// <summary>A process and those that it has started, as the workers of nginx.</summary>
    public static IEnumerable<int> WithChildren(int process) => Directory.GetDirectories($"/proc/{process}/task")
        .SelectMany(thread => File.ReadAllText($"{thread}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .SelectMany(child => WithChildren(int.Parse(child, CultureInfo.InvariantCulture)))
        .Prepend(process);

    /// <summary>Lets all threads of the processes run on one core only, or on all (null). Threads that start later inherit it.</summary>
    public static void Pin(IEnumerable<int> processes, int? core)
    {
        var mask = core is { } one ? 1UL << one : (1UL << Environment.ProcessorCount) - 1;
        foreach (var thread in processes.SelectMany(process => Directory.GetDirectories($"/proc/{process}/task")))
        {
            // A thread that has just ended is no loss.
            _ = SetAffinity(int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture), sizeof(ulong), mask);
        }
    }

    private static long Read(string file, string field) =>
        long.Parse(
            File.ReadLines(file).First(line => line.StartsWith(field, StringComparison.Ordinal))
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture) * 1024;

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ReadClock(int clock, out Time time);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SetAffinity(int thread, nuint size, in ulong mask);

    [StructLayout(LayoutKind.Sequential)]
    private struct Time
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
