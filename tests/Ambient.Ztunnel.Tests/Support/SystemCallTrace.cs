using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Ambient.Ztunnel.Tests.Support;

/// <summary>Counts the system calls of some of this process's threads, by strace, which makes them slower but no others.</summary>
internal sealed partial class SystemCallTrace : IDisposable
{
    private readonly string _output = Path.Combine(Path.GetTempPath(), $"calls-{Guid.NewGuid():n}");
    private readonly Process _strace;

    private SystemCallTrace(IReadOnlyCollection<int> threads)
    {
        List<string> arguments = ["-o", _output, "-s", "0", "-e", "raw=all", .. threads.SelectMany(thread => (string[])["-p", $"{thread}"])];
        _strace = Process.Start(new ProcessStartInfo("strace", arguments) { RedirectStandardError = true })!;
    }

    /// <summary>Threads of this process that have a name, oldest first.</summary>
    public static IReadOnlyList<int> Threads(string name) =>
        [.. Directory.GetDirectories("/proc/self/task")
            .Where(task => File.ReadAllText(Path.Combine(task, "comm")).Trim() == name)
            .Select(task => int.Parse(Path.GetFileName(task), CultureInfo.InvariantCulture))
            .Order()];

    /// <summary>Counts while something is done.</summary>
    /// <returns>By thread: calls by name.</returns>
    public static async Task<Dictionary<int, Dictionary<string, int>>> CountAsync(IReadOnlyCollection<int> threads, Func<Task> work)
    {
        using var trace = new SystemCallTrace(threads);
        for (var attached = 0; attached < threads.Count; attached++)
        {
            var line = await trace._strace.StandardError.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(10));
            Assert.True(line?.EndsWith(" attached", StringComparison.Ordinal), $"strace: {line}");
        }

        await work();
        using (var interrupt = Process.Start("kill", ["-INT", $"{trace._strace.Id}"]))
        {
            await interrupt.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
        }

        await trace._strace.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
        var counts = threads.ToDictionary(thread => thread, _ => new Dictionary<string, int>());
        foreach (var line in await File.ReadAllLinesAsync(trace._output))
        {
            if (Call().Match(line) is { Success: true } call)
            {
                var thread = call.Groups[1].Length == 0 ? threads.Single() : int.Parse(call.Groups[1].Value, CultureInfo.InvariantCulture);
                var name = call.Groups[2].Value;
                counts[thread][name] = counts[thread].GetValueOrDefault(name) + 1;
            }
        }

        return counts;
    }

    public void Dispose()
    {
        _strace.Dispose();
        File.Delete(_output);
    }

    [GeneratedRegex(@"^(?:(\d+)\s+)?(\w+)\(")]
    private static partial Regex Call();
}
