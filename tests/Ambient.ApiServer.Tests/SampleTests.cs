namespace Ambient.ApiServer.Tests;

/// <summary>The sample manifests of the repository are good for any kubectl.</summary>
public sealed class SampleTests
{
    [Fact]
    public async Task The_samples_apply()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Ambient.sln")))
        {
            folder = folder.Parent!;
        }

        await using var kubectl = await Kubectl.StartAsync();
        var files = Directory.GetFiles(Path.Combine(folder.FullName, "deploy", "samples"), "*.yaml");
        Assert.NotEmpty(files);
        // The file of the whole application comes first: the others need its namespaces.
        foreach (var file in files.OrderBy(file => !file.EndsWith("shop.yaml", StringComparison.Ordinal)))
        {
            var output = await kubectl.RunAsync("apply -f -", await File.ReadAllTextAsync(file));
            Assert.Contains("created", output, StringComparison.Ordinal);
        }
    }
}
