using System.Text.Json;

namespace Ambient.Http.Tests.Support;

/// <summary>The figures of bench/budgets.json: what an operation may cost.</summary>
internal static class Budgets
{
    public static long Get(string name)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Ambient.sln")))
        {
            folder = folder.Parent;
        }

        Assert.NotNull(folder);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.FullName, "bench", "budgets.json")));
        return json.RootElement.GetProperty("Ambient.Http").GetProperty(name).GetInt64();
    }
}
