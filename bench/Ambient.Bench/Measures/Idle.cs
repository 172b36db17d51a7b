using Ambient.Bench.Load;
using Ambient.Bench.Results;
using Ambient.Bench.Subjects;

namespace Ambient.Bench.Measures;

/// <summary>What the proxies' memory grows by for each connection that has exchanged a byte and then is idle.</summary>
internal static class Idle
{
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1);

    public static async Task RunAsync(IReadOnlyList<Subject> subjects, Options options, RunResults results)
    {
        foreach (var subject in subjects.Where(subject => options.TakesPart(subject.Entry, SubjectKind.Pair | SubjectKind.Http | SubjectKind.Way)))
        {
            var kind = subject.Entry.Trial == LoadKind.Http ? LoadKind.HoldHttp : LoadKind.Hold;
            var before = ProcessFigures.Resident(subject.Proxies);
            foreach (var (count, figure) in new[] { (2_000, FigureKind.Idle2000), (8_000, FigureKind.Idle8000) })
            {
                await subject.AskAsync(new LoadRequest { Kind = kind, Connections = count });
                await Task.Delay(Settling);
                results.Add(figure, subject.Name, (double)(ProcessFigures.Resident(subject.Proxies) - before) / count / 1e3);
            }

            await subject.AskAsync(new LoadRequest { Kind = LoadKind.Release });
            Progress.Tell($"idle connections: {subject.Name}");
        }
    }
}
