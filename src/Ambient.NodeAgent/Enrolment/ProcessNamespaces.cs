using System.Globalization;
using System.Text.RegularExpressions;
using Ambient.Linux;

namespace Ambient.NodeAgent.Enrolment;

/// <summary>
/// Finds the network namespaces of pods that run already, by the processes in them: a container's control group names its pod.
/// </summary>
/// <param name="procfs">Where the node's process table is mounted, e.g. <c>/proc</c> or <c>/host/proc</c>.</param>
internal sealed partial class ProcessNamespaces(string procfs)
{
    /// <summary>
    /// One scan: for each wanted pod the namespace of its oldest process. A privileged process of another pod may visit a
    /// pod's namespace, so the caller still has to verify who owns it.
    /// </summary>
    public IReadOnlyDictionary<string, string> Find(IReadOnlySet<string> podUids)
    {
        var oldest = new Dictionary<string, (long Start, string Path)>(StringComparer.Ordinal);
        var node = Identify($"{procfs}/1/ns/net");
        foreach (var folder in Directory.EnumerateDirectories(procfs))
        {
            if (!int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out _)
                || PodOf(folder) is not { } uid || !podUids.Contains(uid))
            {
                continue;
            }

            var path = $"{folder}/ns/net";
            // Rules in the node's own namespace would take the node off the network.
            if (Identify(path) is { } found && found != node && StartOf(folder) is { } start
                && (!oldest.TryGetValue(uid, out var known) || start < known.Start))
            {
                oldest[uid] = (start, path);
            }
        }

        return oldest.ToDictionary(pod => pod.Key, pod => pod.Value.Path, StringComparer.Ordinal);
    }

    /// <summary>The pod that all lines of the process's control groups agree on.</summary>
    private static string? PodOf(string folder)
    {
        string? pod = null;
        foreach (var line in ReadLines($"{folder}/cgroup"))
        {
            // hierarchy-ID:controllers:path; a path may hold colons itself.
            if (line.Split(':', 3) is not [_, _, var path] || PodInPath().Match(path) is not { Success: true } match)
            {
                continue;
            }

            // systemd writes the hyphens of a UID as underscores.
            var uid = match.Groups["uid"].Value.Replace('_', '-');
            if (pod is not null && pod != uid)
            {
                return null;
            }

            pod = uid;
        }

        return pod;
    }

    /// <summary>Field 22 of <c>stat</c>, counted after the command, which may itself hold spaces and parentheses.</summary>
    private static long? StartOf(string folder)
    {
        var stat = string.Concat(ReadLines($"{folder}/stat"));
        var fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length > 19 && long.TryParse(fields[19], CultureInfo.InvariantCulture, out var start) ? start : null;
    }

    private static NamespaceId? Identify(string path)
    {
        try
        {
            using var ns = NetworkNamespace.Open(path);
            return ns.Id;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return null; // the process is gone, or is a kernel thread
        }
    }

    private static string[] ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return []; // the process is gone
        }
    }

    [GeneratedRegex(@"[-_/.]pod(?<uid>[0-9a-f]{8}(?<hyphen>[-_])[0-9a-f]{4}\k<hyphen>[0-9a-f]{4}\k<hyphen>[0-9a-f]{4}\k<hyphen>[0-9a-f]{12})(?:[./]|$)", RegexOptions.IgnoreCase)]
    private static partial Regex PodInPath();
}
