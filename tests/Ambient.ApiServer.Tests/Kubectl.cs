using System.Diagnostics;

namespace Ambient.ApiServer.Tests;

/// <summary>A server and the real kubectl, with a home of its own so that caches of other runs play no part.</summary>
internal sealed class Kubectl : IAsyncDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("ambient-kubectl-").FullName;

    private Kubectl(ApiServer server) => Server = server;

    public ApiServer Server { get; }

    /// <summary>The minor version of this kubectl: 20 in Debian 12. Some commands are younger than that.</summary>
    public int Minor { get; private set; }

    public static async Task<Kubectl> StartAsync(ApiServerOptions? options = null)
    {
        var kubectl = new Kubectl(await ApiServer.StartAsync(options));
        await File.WriteAllTextAsync(Path.Combine(kubectl._home, "config"), kubectl.Server.AdminKubeconfig());
        var version = System.Text.Json.Nodes.JsonNode.Parse(await kubectl.RunAsync("version --client -o json"));
        kubectl.Minor = int.Parse(version!["clientVersion"]!["minor"]!.GetValue<string>().TrimEnd('+'));
        return kubectl;
    }

    /// <summary>Runs kubectl and returns what it printed; a failure is the test's.</summary>
    public async Task<string> RunAsync(string arguments, string? input = null)
    {
        var (code, output, error) = await TryAsync(arguments, input);
        Assert.True(code == 0, $"kubectl {arguments}: exit {code}\n{output}\n{error}");
        return output;
    }

    public async Task<(int Code, string Output, string Error)> TryAsync(string arguments, string? input = null)
    {
        using var process = Start(arguments);
        if (input is not null)
        {
            await process.StandardInput.WriteAsync(input);
        }

        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            Assert.Fail($"kubectl {arguments} did not end. {await output} {await error}");
        }

        return (process.ExitCode, await output, await error);
    }

    public Process Start(string arguments)
    {
        var start = new ProcessStartInfo("kubectl")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var word in arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            start.ArgumentList.Add(word);
        }

        start.Environment["KUBECONFIG"] = Path.Combine(_home, "config");
        start.Environment["HOME"] = _home;
        return Process.Start(start)!;
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Directory.Delete(_home, recursive: true);
    }
}
