using System.CommandLine;
using System.Diagnostics;
using Ambient.Sandbox;
using Ambient.Sandbox.Demo;

namespace Ambient.Cli.Commands;

/// <summary><c>ambientctl sandbox demo</c>.</summary>
internal static class SandboxDemoCommand
{
    public static Command Build()
    {
        var keep = new Option<bool>("--keep") { Description = "Leave the sandbox up afterwards, until 'sandbox down'." };
        var json = new Option<bool>("--json") { Description = "Print what was seen as one JSON object." };
        var name = SandboxCommand.NameOption("A name for the sandbox, at most 8 letters and digits; a random one if not given.");
        var command = new Command("demo", "Start a mesh with a sample application, prove what it promises, and take it away again.") { keep, json, name };
        command.SetAction((parsed, ct) => Guard.RunAsync(() => RunAsync(parsed.GetValue(keep), parsed.GetValue(json), parsed.GetValue(name), ct)));
        return command;
    }

    private static async Task<int> RunAsync(bool keep, bool json, string? name, CancellationToken ct)
    {
        // With --json standard output holds the object alone; what happens meanwhile goes to standard error.
        var talk = json ? Console.Error : Console.Out;
        if (Environment.IsPrivilegedProcess && Prerequisites.Missing(forDemo: true) is { Count: > 0 } missing)
        {
            await talk.WriteLineAsync($"Installing what this machine lacks: {string.Join(' ', missing)}");
            await Prerequisites.InstallAsync(missing, ct);
        }

        await talk.WriteLineAsync("Starting a mesh on this machine:");
        var started = Stopwatch.GetTimestamp();
        var report = keep ? await KeptAsync(name, started, talk, ct) : await PassingAsync(name, started, talk, ct);
        if (report is null)
        {
            return 1;
        }

        if (json)
        {
            Console.WriteLine(report.ToJson());
        }

        await talk.WriteLineAsync();
        await talk.WriteLineAsync(report.Passed
            ? $"All of it held, in {report.Seconds:0.0} s."
            : $"FAILED: {string.Join(", ", report.Steps.Where(step => !step.Passed).Select(step => step.Name))}. The steps above say what was seen instead.");
        if (keep)
        {
            await talk.WriteLineAsync($"The sandbox stays up. Look around: kubectl --kubeconfig {report.KubeConfig} get pods -A");
            await talk.WriteLineAsync($"End it with: ambientctl sandbox down --name {report.Sandbox}");
        }

        return report.Passed ? 0 : 1;
    }

    /// <summary>In a sandbox of this process, which is taken away at the end, whatever happens.</summary>
    private static async Task<DemoReport?> PassingAsync(string? name, long started, TextWriter talk, CancellationToken ct)
    {
        IReadOnlyList<DemoStep> steps;
        string id;
        await using (var host = await SandboxHost.StartAsync(
            new SandboxOptions { Name = name }, step => talk.WriteLine("  " + step), TimeProvider.System, ct))
        {
            id = host.Id;
            steps = await SandboxDemo.RunAsync(host.Connection, started, step => talk.WriteLine("  " + step), step => Show(talk, step), ct);
        }

        var last = SandboxDemo.Clean(id);
        Show(talk, last);
        return Report([.. steps, last], id, null, started);
    }

    /// <summary>In a sandbox of its own process, which goes on.</summary>
    private static async Task<DemoReport?> KeptAsync(string? name, long started, TextWriter talk, CancellationToken ct)
    {
        if (await SandboxUpCommand.DetachAsync(new SandboxOptions { Name = name }, talk, ct) is not { } id)
        {
            return null;
        }

        using var sandbox = SandboxConnection.Open(id);
        var steps = await SandboxDemo.RunAsync(sandbox, started, step => talk.WriteLine("  " + step), step => Show(talk, step), ct);
        return Report(steps, id, sandbox.KubeConfigPath, started);
    }

    private static DemoReport Report(IReadOnlyList<DemoStep> steps, string id, string? kubeConfig, long started) => new(
        steps.All(step => step.Passed), id, kubeConfig, Math.Round(Stopwatch.GetElapsedTime(started).TotalSeconds, 1), steps);

    private static void Show(TextWriter talk, DemoStep step)
    {
        talk.WriteLine();
        talk.WriteLine($"{(step.Passed ? "ok  " : "FAIL")} {step.Title}");
        foreach (var fact in step.Facts)
        {
            talk.WriteLine("       " + fact);
        }
    }
}
