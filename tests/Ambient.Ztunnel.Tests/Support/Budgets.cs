using System.Text.Json;

namespace Ambient.Ztunnel.Tests.Support;

/// <summary>Tests that measure: nothing else runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}

/// <summary>What bench/budgets.json allows the node proxy.</summary>
internal static class Budgets
{
    public static double Of(string name)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ambient.sln")))
        {
            folder = folder.Parent;
        }

        Assert.NotNull(folder);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.FullName, "bench", "budgets.json")));
        return json.RootElement.GetProperty("Ambient.Ztunnel").GetProperty(name).GetDouble();
    }
}
