using System.Diagnostics;

namespace Ambient.Cli.Tests;

/// <summary>What a run of a program printed.</summary>
internal sealed record Outcome(int Code, string Output, string Error)
{
    public Outcome Succeeded()
    {
        Assert.True(Code == 0, $"exit {Code}\n{Output}\n{Error}");
        return this;
    }

    /// <summary>It ended with 1, said this, and printed no stack trace.</summary>
    public void Failed(string said)
    {
        Assert.Equal(1, Code);
        Assert.Contains(said, Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
    }
}

/// <summary>Runs <c>ambientctl</c> as its users do: as a process.</summary>
internal static class Ambientctl
{
    public static Task<Outcome> RunAsync(string? kubeConfig, params string[] arguments) =>
        RunProgramAsync(Path.Combine(AppContext.BaseDirectory, "Ambient.Cli"), kubeConfig, null, arguments);

    /// <summary>Runs any program, with input if there is some.</summary>
    public static async Task<Outcome> RunProgramAsync(string program, string? kubeConfig, string? input, params string[] arguments)
    {
        var info = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        info.Environment["KUBECONFIG"] = kubeConfig ?? "/nonexistent";
        info.Environment["HOME"] = AppContext.BaseDirectory;
        using var process = Process.Start(info)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            Assert.Fail($"{program} {string.Join(' ', arguments)} did not end: {await output} {await error}");
        }

        return new Outcome(process.ExitCode, await output, await error);
    }
}
