using System.Diagnostics;

namespace Ambient.Bench;

/// <summary>Processes of the harness, inside namespaces.</summary>
internal static class Children
{
    /// <summary>A tool is stuck if it takes longer than this; loads bring their own time.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>This program, to be started again for a part.</summary>
    public static string Self => Environment.ProcessPath!;

    /// <summary>Runs a program to its end and returns what it printed.</summary>
    /// <exception cref="InvalidOperationException">It failed; the message holds its own words.</exception>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Start(null, program, arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Patience);
        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}: {await error}");
    }

    /// <summary>Starts a program, in a network namespace if one is named, with its standard streams connected to us.</summary>
    public static Process Start(string? space, string program, params string[] arguments) =>
        Start(new ProcessStartInfo(), [.. Enter(space), program, .. arguments]);

    /// <summary>
    /// Starts a program that lives as long as its subject. It writes its log to a file: reading along would cost time that its rivals, which
    /// log nothing, do not pay for.
    /// </summary>
    public static Process StartLogging(
        string? space, IReadOnlyDictionary<string, string>? environment, string log, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo();
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        // nsenter and the shell replace themselves with the program, so that the process is the program's own.
        return Start(start, [.. Enter(space), "sh", "-c", $"exec \"$@\" >>'{log}' 2>&1", "sh", program, .. arguments]);
    }

    private static string[] Enter(string? space) => space is null ? [] : ["nsenter", $"--net=/var/run/netns/{space}", "--"];

    private static Process Start(ProcessStartInfo start, string[] line)
    {
        start.FileName = line[0];
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        foreach (var argument in line[1..])
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start) ?? throw new InvalidOperationException($"{line[0]} did not start.");
    }
}
