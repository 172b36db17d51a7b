using Ambient.Bench.Load;
using Ambient.Bench.Results;
using Ambient.Bench.Subjects;

namespace Ambient.Bench.Measures;

/// <summary>
/// Messages, new connections and a bulk download beside ten endless downloads on the same tunnel, and the same without them right before.
/// </summary>
internal static class Beside
{
    private const int Readers = 10;

    /// <summary>Bytes a second of each slow reader.</summary>
    private const int SlowRate = 200_000;

    /// <summary>Until windows and buffers of the stalled downloads are full: tens of megabytes at gigabits a second.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(0.5);

    private static readonly LoadShape[] Alone = Shapes("alone", "alone");
    private static readonly LoadShape[] Slow = Shapes("slow", "beside ten slow readers");
    private static readonly LoadShape[] Fast = [.. Shapes("fast", "beside ten fast readers").Where(load => !load.IsBulk)];

    public static async Task RunAsync(IReadOnlyList<Subject> subjects, Options options, bool slow, bool fast, RunResults results)
    {
        // No warm-up round: the loads alone come first, and what they run on is warm.
        for (var round = 1; round <= Math.Min(options.Rounds, 3); round++)
        {
            foreach (var subject in (round % 2 == 0 ? subjects : subjects.Reverse())
                .Where(subject => options.TakesPart(subject.Entry, SubjectKind.Pair)))
            {
                var before = await LoadAsync(subject, Alone, options, results);
                if (slow)
                {
                    await StartReadersAsync(subject, SlowRate);
                    var during = await LoadAsync(subject, Slow, options, results);
                    results.Add(FigureKind.SlowMemory, subject.Name, (during - before) / 1e6);
                    await subject.AskAsync(new LoadRequest { Kind = LoadKind.Release });
                }

                if (fast)
                {
                    await StartReadersAsync(subject, 0);
                    await LoadAsync(subject, Fast, options, results);
                    await subject.AskAsync(new LoadRequest { Kind = LoadKind.Release });
                }
            }

            Progress.Tell($"beside readers, round {round}");
        }
    }

    private static LoadShape[] Shapes(string name, string title) =>
    [
        new($"{name}-bulk", $"bulk down, 8 streams, {title}", LoadKind.Down, 8, SubjectKind.Pair),
        new($"{name}-connect", $"new connections, 8 at a time, {title}", LoadKind.Connect, 8, SubjectKind.Pair),
        new($"{name}-pp", $"ping-pong, 16 × 1 KiB, {title}", LoadKind.PingPong, 16, SubjectKind.Pair) { MessageSize = 1024 },
    ];

    private static async Task StartReadersAsync(Subject subject, int rate)
    {
        await subject.AskAsync(new LoadRequest { Kind = LoadKind.Readers, Connections = Readers, Rate = rate });
        await Task.Delay(Settling);
    }

    /// <summary>Returns the proxies' memory at the end.</summary>
    private static async Task<long> LoadAsync(Subject subject, LoadShape[] loads, Options options, RunResults results)
    {
        foreach (var load in loads)
        {
            results.Add(load, subject.Name, await subject.MeasureAsync(load.Request(options.Seconds), pinned: false));
        }

        return ProcessFigures.Resident(subject.Proxies);
    }
}
