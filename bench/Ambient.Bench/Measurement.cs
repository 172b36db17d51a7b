using Ambient.Bench.Results;
using Ambient.Bench.Subjects;

namespace Ambient.Bench;

/// <summary>All loads on all subjects, in turn: a slow moment of the machine falls on all alike.</summary>
internal static class Measurement
{
    public static readonly LoadShape[] Loads =
    [
        new("bulk, 1 stream", "bulk", 1, 0),
        new("bulk, 8 streams", "bulk", 8, 0),
        new("ping-pong, 1 B", "pingpong", 1, 1),
        new("ping-pong, 16 × 1 KiB", "pingpong", 16, 1024),
        new("new connections, 8 at a time", "connect", 8, 1),
    ];

    /// <summary>A first round warms caches, tunnels and the just-in-time compiler, and does not count.</summary>
    public static async Task<IReadOnlyList<Cell>> RunAsync(IReadOnlyList<Subject> subjects, Options options)
    {
        var cells = (from load in Loads from subject in subjects select new Cell(load, subject.Name)).ToList();
        for (var round = 0; round <= options.Rounds; round++)
        {
            foreach (var load in Loads)
            {
                // The order turns round each time, so that no subject always comes after the same other.
                foreach (var subject in round % 2 == 0 ? subjects : subjects.Reverse())
                {
                    var sample = await subject.MeasureAsync(load, options.Seconds);
                    if (round > 0)
                    {
                        cells.Single(cell => cell.Load == load && cell.Subject == subject.Name).Samples.Add(sample);
                    }
                }
            }

            await Console.Error.WriteLineAsync(round == 0 ? "warmed up" : $"round {round} of {options.Rounds}");
        }

        return cells;
    }
}
