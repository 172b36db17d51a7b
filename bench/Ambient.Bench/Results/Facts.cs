using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Ambient.Bench.Subjects;
using Ambient.Linux;

namespace Ambient.Bench.Results;

/// <summary>What a run's figures depend on beside what is measured.</summary>
internal sealed partial record Facts(
    DateTimeOffset Time, string Processor, int Cores, string Kernel, string Distribution, string Runtime, string CongestionControl,
    IReadOnlyDictionary<string, string> Versions)
{
    public static async Task<Facts> GatherAsync(IReadOnlyList<Subject> subjects) => new(
        TimeProvider.System.GetUtcNow(),
        Field("/proc/cpuinfo", "model name", ':'),
        Environment.ProcessorCount,
        KernelRelease(),
        Field("/etc/os-release", "PRETTY_NAME", '=').Trim('"'),
        RuntimeInformation.FrameworkDescription,
        CongestionControlOf(subjects),
        await VersionsOfAsync(subjects));

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Time:yyyy-MM-dd HH:mm} UTC; {Distribution}; {Cores} cores, {Processor}; {Kernel}; harness on {Runtime}; {CongestionControl}.\n")
        + string.Join('\n', Versions.GroupBy(pair => pair.Value).Select(group => $"{string.Join(", ", group.Select(pair => pair.Key))}: {group.Key}."));

    /// <summary>As the clients' namespaces have it; all alike.</summary>
    private static string CongestionControlOf(IReadOnlyList<Subject> subjects) => string.Join(", ", subjects.SelectMany(subject => subject.Spaces).Select(name =>
    {
        using var space = NetworkNamespace.Open($"/var/run/netns/{name}");
        return space.ReadText("/proc/sys/net/ipv4/tcp_congestion_control")?.Trim();
    }).Distinct());

    /// <summary>The programs' own words, and which OpenSSL their processes have loaded.</summary>
    private static async Task<Dictionary<string, string>> VersionsOfAsync(IReadOnlyList<Subject> subjects)
    {
        var versions = new Dictionary<string, string>();
        foreach (var subject in subjects.Where(subject => subject.Launches.Count > 0))
        {
            var launch = subject.Launches[0];
            var words = await Children.RunAsync("sh", "-c", "exec \"$@\" 2>&1", "sh", launch.Program, launch.VersionArgument);
            versions[subject.Name] = $"{words.Split('\n')[0]}, {OpenSslOf(subject.Proxies[0])}";
        }

        return versions;
    }

    private static string OpenSslOf(int process)
    {
        var loaded = File.ReadLines($"/proc/{process}/maps").Select(line => line.Split(' ')[^1])
            .FirstOrDefault(path => path.Contains("/libcrypto.so", StringComparison.Ordinal));
        return loaded is null
            ? "no OpenSSL"
            : OpenSslVersion().Match(Encoding.Latin1.GetString(File.ReadAllBytes($"/proc/{process}/root{loaded}"))).Value;
    }

    private static string KernelRelease() => "Linux " + File.ReadAllText("/proc/sys/kernel/osrelease").Trim();

    private static string Field(string file, string name, char separator) =>
        File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(separator, 2)[1].Trim() ?? "unknown";

    [GeneratedRegex(@"OpenSSL 3\.\d+\.\d+")]
    private static partial Regex OpenSslVersion();
}
