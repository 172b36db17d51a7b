using System.Globalization;
using System.Text.Json;
using Ambient.Api.Discovery;
using Ambient.Xds.Delta;

namespace Ambient.Xds.Tests.Delta;

/// <summary>What a client keeps of each resource besides what its sink keeps, against bench/budgets.json. Alone, because the heap is everybody's.</summary>
[CollectionDefinition(nameof(HeldMemoryTests), DisableParallelization = true)]
[Collection(nameof(HeldMemoryTests))]
public sealed class HeldMemoryTests
{
    [Fact]
    public void A_held_resource_costs_no_more_than_its_budget()
    {
        const int Count = 100_000;

        // The sink holds the names: they are texts that both share.
        string[] names = [.. Enumerable.Range(0, Count).Select(index => string.Create(CultureInfo.InvariantCulture, $"Kubernetes//Pod/shop/web-{index}"))];
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var held = new HeldType(new DeltaSubscription("type", new RecordingSink()));
        Note(held, names);
        Note(held, names);
        var each = (GC.GetTotalMemory(forceFullCollection: true) - before) / Count;
        Assert.InRange(each, 0, Budget());
        var versions = held.FirstRequest(new Node()).InitialResourceVersions;
        Assert.Equal(Count, versions.Count);
        Assert.Equal(ContentVersion.Of([7]), versions[names[7]]);
        GC.KeepAlive(names);
    }

    private static void Note(HeldType held, string[] names)
    {
        var response = new DeltaDiscoveryResponse();
        response.Resources.AddRange(names.Select((name, index) => new Resource { Name = name, Version = ContentVersion.Of([(byte)index]) }));
        held.Note(response, [], applied: true);
    }

    private static long Budget()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ambient.sln")))
        {
            folder = folder.Parent;
        }

        Assert.NotNull(folder);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.FullName, "bench", "budgets.json")));
        return json.RootElement.GetProperty("Ambient.Xds").GetProperty("retainedBytesPerHeldResource").GetInt64();
    }
}
