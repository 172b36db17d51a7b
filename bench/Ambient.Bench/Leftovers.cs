using System.Diagnostics;
using System.Globalization;

namespace Ambient.Bench;

/// <summary>Removes, at the end of a run that was stopped, what its measures have not removed themselves.</summary>
internal sealed class Leftovers : IAsyncDisposable
{
    /// <summary>Of all network namespaces of this run.</summary>
    public static string Prefix { get; } = string.Create(CultureInfo.InvariantCulture, $"abench-{Environment.ProcessId}-");

    public async ValueTask DisposeAsync()
    {
        const string Folder = "/var/run/netns";
        foreach (var space in Directory.Exists(Folder) ? Directory.GetFiles(Folder, Prefix + "*").Select(path => Path.GetFileName(path)!) : [])
        {
            var inside = (await Children.RunAsync("ip", "netns", "pids", space)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            foreach (var process in Process.GetProcesses().IntersectBy(inside.Select(id => int.Parse(id, CultureInfo.InvariantCulture)), process => process.Id))
            {
                process.Kill();
            }

            await Children.RunAsync("ip", "netns", "delete", space);
        }
    }
}
