using Ambient.Bench.Results;
using Ambient.Bench.Subjects;

namespace Ambient.Bench;

/// <summary>Loads on subjects, in turn: a slow moment of the machine falls on all alike.</summary>
internal static class Measurement
{
    /// <summary>A first round warms caches, tunnels and the just-in-time compiler, and does not count.</summary>
    public static async Task<IReadOnlyList<Cell>> RunAsync(IReadOnlyList<Subject> subjects, Options options)
    {
        var cells = (from load in options.Loads
                     from subject in subjects
                     where options.TakesPart(subject.Entry, load)
                     select new Cell(load, subject.Name)).ToList();
        for (var round = 0; round <= options.Rounds; round++)
        {
            foreach (var load in options.Loads.Where(load => round <= load.Rounds))
            {
                // The order turns round each time, so that no subject always comes after the same other.
                foreach (var subject in round % 2 == 0 ? subjects : subjects.Reverse())
                {
                    if (cells.SingleOrDefault(cell => cell.Load == load && cell.Subject == subject.Name) is not { } cell)
                    {
                        continue;
                    }

                    var sample = await subject.MeasureAsync(load.Request(options.Seconds), load.Pinned);
                    if (round > 0)
                    {
                        cell.Samples.Add(sample);
                    }
                }
            }

            await Console.Error.WriteLineAsync(round == 0 ? "warmed up" : $"round {round} of {options.Rounds}");
        }

        return cells;
    }
}
