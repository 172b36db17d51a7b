using System.Diagnostics;

namespace Ambient.Image.Tests;

/// <summary>The images, built once for all tests as a user builds them. What can be kept between runs stays in the folder of build output.</summary>
public sealed class BuiltImages : IAsyncLifetime
{
    /// <summary>Publishing four trimmed programs takes two minutes on two cores, fetching packages a quarter of one.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    public static string Repository { get; } = FindRepository();

    public static string Output { get; } = Path.Combine(Repository, ".artifacts", "image");

    /// <summary>The time that the images are told to be of.</summary>
    public const long Epoch = 1_700_000_000;

    public static string Archive(string image) => Path.Combine(Output, $"{image}.oci.tar");

    public static string Root(string image) => Path.Combine(Output, $"{image}.root");

    public async Task InitializeAsync()
    {
        var result = await BuildAsync(Patience, "--output", Output);
        Assert.True(result.ExitCode == 0, result.ToString());
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public static Task<Outcome> BuildAsync(TimeSpan patience, params string[] arguments) =>
        RunAsync(patience, Path.Combine(Repository, "deploy/image/build"), arguments);

    /// <summary>Runs a command in the root of an image as a container would.</summary>
    public static Task<Outcome> EnterAsync(TimeSpan patience, string image, string user, params string[] command) =>
        RunAsync(patience, Path.Combine(Repository, "deploy/image/enter"), ["--user", user, Root(image), .. command]);

    public static async Task<Outcome> RunAsync(TimeSpan patience, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["SOURCE_DATE_EPOCH"] = $"{Epoch}";
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        try
        {
            await Task.WhenAll(process.WaitForExitAsync(), output, error).WaitAsync(patience);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }

        return new Outcome(process.ExitCode, await output, await error);
    }

    private static string FindRepository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Ambient.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("No Ambient.sln above the test's own folder.");
        }

        return folder.FullName;
    }
}

/// <summary>How a command ended.</summary>
public sealed record Outcome(int ExitCode, string Output, string Error);

/// <summary>Tests of one collection run one after the other and share the images.</summary>
[CollectionDefinition(Name)]
public sealed class ImageCollection : ICollectionFixture<BuiltImages>
{
    public const string Name = "images";
}
