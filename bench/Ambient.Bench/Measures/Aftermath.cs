using Ambient.Bench.Results;
using Ambient.Bench.Subjects;

namespace Ambient.Bench.Measures;

/// <summary>What the proxies keep when all loads have gone.</summary>
internal static class Aftermath
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(10);

    public static async Task RunAsync(IReadOnlyList<Subject> subjects, RunResults results)
    {
        await Task.Delay(Quiet);
        foreach (var subject in subjects.Where(subject => subject.Proxies.Count > 0))
        {
            results.Add(FigureKind.After, subject.Name, ProcessFigures.Resident(subject.Proxies) / 1e6);
        }
    }
}
