using Ambient.Bench.Results;
using Ambient.Bench.Subjects;

namespace Ambient.Bench.Measures;

/// <summary>What a ztunnel that knows many workloads holds more than one that knows three.</summary>
internal static class Workloads
{
    private const int Many = 100_000;
    private const int Few = 3;

    /// <summary>The garbage of decoding may go meanwhile.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(5);

    public static async Task RunAsync(Surroundings surroundings, RunResults results)
    {
        var few = await ResidentAsync(surroundings, Few);
        results.Add(FigureKind.Workload, "ztunnel", (double)(await ResidentAsync(surroundings, Many) - few) / Many);
    }

    private static async Task<long> ResidentAsync(Surroundings surroundings, int count)
    {
        await using var ztunnel = await LoneZtunnel.StartAsync(surroundings, count);
        await Task.Delay(Settling);
        return ztunnel.Resident;
    }
}
