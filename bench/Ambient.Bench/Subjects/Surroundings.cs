namespace Ambient.Bench.Subjects;

/// <summary>What subjects need of the run that they are part of.</summary>
/// <param name="Folder">For keys, configurations and logs; gone with the run.</param>
/// <param name="Ztunnel">The node proxy to measure.</param>
/// <param name="Waypoint">The waypoint to measure.</param>
internal sealed record Surroundings(string Folder, string Ztunnel, string Waypoint)
{
    public string File(string name) => Path.Combine(Folder, name);
}

/// <summary>How a proxy is started.</summary>
/// <param name="Program">Path, or name in PATH.</param>
/// <param name="Arguments">Its arguments.</param>
/// <param name="VersionArgument">Makes it tell its version instead.</param>
/// <param name="ReadyPort">Answers once it is ready.</param>
internal sealed record Launch(string Program, string[] Arguments, string VersionArgument, int ReadyPort)
{
    /// <summary>Its configuration, if that is in the environment.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>The page that says 200 once it is ready; null where listening says so.</summary>
    public string? ReadyPage { get; init; }
}
