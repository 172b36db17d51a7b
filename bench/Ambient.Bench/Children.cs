using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Ambient.Bench;

/// <summary>Processes of the harness, inside namespaces.</summary>
internal static class Children
{
    /// <summary>A tool is stuck if it takes longer than this; loads bring their own time.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Runs a program to its end and returns what it printed.</summary>
    /// <exception cref="InvalidOperationException">It failed; the message holds its own words.</exception>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Start(null, null, program, arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Patience);
        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}: {await error}");
    }

    /// <summary>Starts a program, in a network namespace if one is named.</summary>
    public static Process Start(string? space, IReadOnlyDictionary<string, string>? environment, string program, params string[] arguments)
    {
        // nsenter replaces itself with the program, so that the process is the program's own.
        string[] line = space is null ? [program, .. arguments] : ["nsenter", $"--net=/var/run/netns/{space}", "--", program, .. arguments];
        var start = new ProcessStartInfo(line[0], line[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
    }

    /// <summary>Keeps reading what a process prints, so that it never waits for us; the last of it explains a failure.</summary>
    public static StringBuilder Drain(Process process)
    {
        const int Kept = 16 * 1024;
        var text = new StringBuilder();
        void Keep(object sender, DataReceivedEventArgs line)
        {
            lock (text)
            {
                text.AppendLine(line.Data);
                if (text.Length > Kept)
                {
                    text.Remove(0, text.Length - Kept);
                }
            }
        }

        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return text;
    }

    /// <summary>
    /// Processor time of a process with all its threads, those that ended included, to 10 ms: fields 14 and 15 of
    /// <c>/proc/PID/stat</c>, which the kernel scales to the precise run time.
    /// </summary>
    public static TimeSpan ProcessorTime(int pid)
    {
        const double TicksPerSecond = 100; // USER_HZ, fixed for user space on x86 and arm
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return TimeSpan.FromSeconds((long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond);
    }

    /// <summary>Resident memory of a process, bytes.</summary>
    public static long Resident(int pid) =>
        long.Parse(File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;

    /// <summary>This program, to be started again for a part.</summary>
    public static string Self => Environment.ProcessPath!;
}
