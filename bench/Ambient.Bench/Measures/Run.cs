using Ambient.Bench.Results;
using Ambient.Bench.Subjects;

namespace Ambient.Bench.Measures;

/// <summary>One whole run: everything that was asked for, once.</summary>
internal static class Run
{
    /// <summary>What is measured beside loads, by its name on the command line.</summary>
    public static readonly (string Name, string Title)[] Parts =
    [
        ("slow", "messages, connections and bulk beside ten slow readers, and the memory that they add"),
        ("fast", "messages and connections beside ten fast readers"),
        ("idle", "memory per idle connection, 2,000 and 8,000"),
        ("after", "memory 10 s after the last load"),
        ("start", "time from start to ready, and memory without traffic"),
        ("identities", "memory per identity, of 1,000 pods on a node"),
        ("workloads", "memory per known workload, of 100,000"),
    ];

    public static async Task<RunResults> RunAsync(IReadOnlyList<Subject> subjects, Surroundings surroundings, Options options)
    {
        var results = new RunResults();
        Progress.Tell("all subjects run");
        await LoadRounds.RunAsync(subjects, options, results);
        if (options.Has("slow") || options.Has("fast"))
        {
            await Beside.RunAsync(subjects, options, options.Has("slow"), options.Has("fast"), results);
        }

        if (options.Has("idle"))
        {
            await Idle.RunAsync(subjects, options, results);
        }

        if (options.Has("after"))
        {
            await Aftermath.RunAsync(subjects, results);
            Progress.Tell("memory afterwards");
        }

        if (options.Has("start"))
        {
            await Start.RunAsync(subjects, options, surroundings, results);
            Progress.Tell("starts");
        }

        if (options.Has("identities"))
        {
            await Identities.RunAsync(surroundings, results);
            Progress.Tell("identities");
        }

        if (options.Has("workloads"))
        {
            await Workloads.RunAsync(surroundings, results);
            Progress.Tell("known workloads");
        }

        return results;
    }
}
