using Ambient.Bench.Load;
using Ambient.Bench.Results;
using Ambient.Bench.Subjects;

namespace Ambient.Bench.Measures;

/// <summary>Loads on subjects, in turn: a slow moment of the machine falls on all alike.</summary>
internal static class LoadRounds
{
    /// <summary>Where all of a request's path is compiled in its last tier: it took four seconds until the rate stood still.</summary>
    private const double Compiled = 4;

    /// <summary>
    /// A first round warms caches, tunnels and the just-in-time compiler, and does not count. Loads of few rounds do without: they are
    /// varieties of the others, and run on what those have warmed.
    /// </summary>
    public static async Task RunAsync(IReadOnlyList<Subject> subjects, Options options, RunResults results)
    {
        for (var round = 0; round <= options.Rounds && options.Loads.Count > 0; round++)
        {
            foreach (var load in options.Loads.Where(load => round == 0 ? !load.IsVariety || options.Loads.All(other => other.IsVariety) : round <= load.Rounds))
            {
                // The order turns round each time, so that no subject always comes after the same other.
                foreach (var subject in round % 2 == 0 ? subjects : subjects.Reverse())
                {
                    if (!options.TakesPart(subject.Entry, load.Subjects))
                    {
                        continue;
                    }

                    var sample = await subject.MeasureAsync(load.Request(round > 0 ? options.Seconds : WarmUp(load, options)), load.Pinned);
                    if (round > 0)
                    {
                        results.Add(load, subject.Name, sample);
                    }
                }
            }

            Progress.Tell(round == 0 ? "warmed up" : $"round {round} of {options.Rounds}");
        }
    }

    private static double WarmUp(LoadShape load, Options options) => load.Kind is LoadKind.Http or LoadKind.Grpc ? Math.Max(Compiled, options.Seconds) : options.Seconds;
}
