using Ambient.Sandbox;
using Ambient.Sandbox.Runs;

namespace Ambient.Cli.Commands;

/// <summary>Prints log files of a sandbox.</summary>
internal static class SandboxLogs
{
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    /// <summary>Prints the logs whose component or pod begins with a name, and with <paramref name="follow"/> what is added to them.</summary>
    public static async Task PrintAsync(RunRecord run, string component, bool follow, CancellationToken ct)
    {
        var folder = SandboxRuns.LogFolderOf(run);
        var prefix = component == "cni" ? "istio-cni-node" : component;

        // Files are named NAMESPACE_POD_CONTAINER.log; the sandbox's own is sandbox.log.
        var files = Directory.Exists(folder)
            ? Directory.GetFiles(folder, "*.log").Where(file => Path.GetFileName(file).Split('_') is [_, var pod, _] ? pod.StartsWith(prefix, StringComparison.Ordinal) : Path.GetFileName(file) == prefix + ".log").Order(StringComparer.Ordinal).ToArray()
            : [];
        if (files.Length == 0)
        {
            var known = Directory.Exists(folder) ? Directory.GetFiles(folder, "*.log").Select(file => Path.GetFileName(file).Split('_')).Where(parts => parts.Length == 3).Select(parts => parts[1]).Distinct().Order(StringComparer.Ordinal) : Enumerable.Empty<string>();
            throw new SandboxException($"No logs of '{component}'. There are logs of: {string.Join(", ", known)}.");
        }

        var positions = new long[files.Length];
        do
        {
            for (var index = 0; index < files.Length; index++)
            {
                positions[index] = await PrintAsync(files[index], positions[index], files.Length > 1, ct);
            }

            if (follow)
            {
                await Task.Delay(Poll, ct);
            }
        }
        while (follow);
    }

    private static async Task<long> PrintAsync(string path, long from, bool named, CancellationToken ct)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (file.Length <= from)
        {
            return Math.Min(from, file.Length); // a log that was cut is read from its new end
        }

        if (named)
        {
            Console.WriteLine($"==> {Path.GetFileNameWithoutExtension(path)} <==");
        }

        file.Position = from;
        using var output = Console.OpenStandardOutput();
        await file.CopyToAsync(output, ct);
        return file.Position;
    }
}
