using System.Diagnostics;
using Ambient.Api;
using Ambient.Bench.Results;
using Ambient.Bench.Subjects;

namespace Ambient.Bench.Measures;

/// <summary>A node with a thousand pods, each with an identity, a certificate and listeners of its own.</summary>
internal static class Identities
{
    private const int Count = 1_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(5);

    public static async Task RunAsync(Surroundings surroundings, RunResults results)
    {
        long without;
        await using (var none = await LoneZtunnel.StartAsync(surroundings, workloads: 3))
        {
            await Task.Delay(Settling);
            without = none.Resident;
        }

        var spaces = Enumerable.Range(0, Count).Select(i => $"{Leftovers.Prefix}i{i}").ToList();
        try
        {
            await ForAllAsync(surroundings, spaces, "add");
            await using var ztunnel = await LoneZtunnel.StartAsync(surroundings, Count);
            for (var i = 0; i < Count; i++)
            {
                await ztunnel.Node.HandOverAsync(MeshServer.Name(i), MeshServer.Account(i), spaces[i]);
            }

            var watch = Stopwatch.StartNew();
            while (Certificates(await ztunnel.ReadPageAsync(Ports.Admin, "/config_dump")) < Count)
            {
                if (watch.Elapsed > Patience)
                {
                    throw new TimeoutException($"Not all of {Count} identities had a certificate within {Patience.TotalSeconds} s.");
                }

                await Task.Delay(100);
            }

            await Task.Delay(Settling);
            results.Add(FigureKind.Identity, "ztunnel", (double)(ztunnel.Resident - without) / Count / 1e3);
        }
        finally
        {
            await ForAllAsync(surroundings, spaces, "delete");
        }
    }

    private static int Certificates(string dump) => dump.Split("\"state\": \"Available\"").Length + dump.Split("\"state\":\"Available\"").Length - 2;

    /// <summary>One process for all: a thousand would need a minute.</summary>
    private static async Task ForAllAsync(Surroundings surroundings, IEnumerable<string> spaces, string verb)
    {
        var batch = surroundings.File("namespaces");
        await File.WriteAllLinesAsync(batch, spaces.Select(space => $"netns {verb} {space}"));
        await Children.RunAsync("ip", "-force", "-batch", batch);
    }
}
