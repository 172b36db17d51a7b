using System.Diagnostics;
using Ambient.Bench.Results;
using Ambient.Bench.Subjects;

namespace Ambient.Bench.Measures;

/// <summary>How long a proxy needs from its start until it is ready, and what it holds then; its files are in the page cache.</summary>
internal static class Start
{
    /// <summary>After it is ready, until its start's last work is done.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1);

    public static async Task RunAsync(IReadOnlyList<Subject> subjects, Options options, Surroundings surroundings, RunResults results)
    {
        var space = $"{Leftovers.Prefix}start";
        await Children.RunAsync("ip", "netns", "add", space);
        try
        {
            await Children.RunAsync("ip", "-n", space, "link", "set", "lo", "up");
            await using var node = new ZtunnelNode("start", surroundings);
            for (var round = 0; round <= Math.Min(options.Rounds, 3); round++)
            {
                foreach (var subject in subjects.Where(subject => options.TakesPart(subject.Entry, SubjectKind.Pair) && subject.Launches.Count > 0))
                {
                    // The first round brings the files into the cache.
                    await StartOnceAsync(subject, node, space, surroundings, round == 0 ? new RunResults() : results);
                }
            }
        }
        finally
        {
            await Children.RunAsync("ip", "netns", "delete", space);
        }
    }

    private static async Task StartOnceAsync(Subject subject, ZtunnelNode node, string space, Surroundings surroundings, RunResults results)
    {
        var launch = subject.Launches[0];
        if (launch.Environment.TryGetValue("LOCAL_XDS_PATH", out var mesh))
        {
            launch = node.Launch(("XDS_ADDRESS", ""), ("LOCAL_XDS_PATH", mesh));
        }

        using var probe = new Probe(space);
        var began = Stopwatch.GetTimestamp();
        using var process = Children.StartLogging(space, launch.Environment, surroundings.File("start.log"), launch.Program, launch.Arguments);
        try
        {
            await probe.UntilReadyAsync(launch);
            results.Add(FigureKind.StartReady, subject.Name, Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            await Task.Delay(Settling);
            var all = ProcessFigures.WithChildren(process.Id).ToList();
            results.Add(FigureKind.StartResident, subject.Name, ProcessFigures.Resident(all) / 1e6);
            results.Add(FigureKind.StartProportional, subject.Name, ProcessFigures.ProportionalSet(all) / 1e6);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }
    }
}
