using System.Globalization;
using Ambient.Bench.Subjects;

namespace Ambient.Bench;

/// <summary>What the command line asks for.</summary>
internal sealed record Options
{
    public const string Usage = """
        Ambient.Bench [--subjects A,B] [--loads X,Y] [--rounds N] [--seconds S] [--program DIR] [--report FILE] [--list]

        Measures our ztunnels beside haproxy, nginx and direct connections, interleaved, each in network namespaces of its own.
          --subjects A,B    only these, for every load (default: all, for the loads that concern them)
          --loads X,Y       only these (default: all)
          --rounds N        how often each load is put on each subject, at most (5)
          --seconds S       how long one load counts (0.7)
          --program DIR     the folder with the Ambient.Ztunnel to measure (default: AMBIENT_BENCH_PROGRAM, or the build beside this one)
          --report FILE     the page that gets the tables (docs/performance.md); the figures go beside it as JSON
          --list            names subjects and loads
        Needs root and Debian's haproxy, nginx, libnginx-mod-stream, iproute2, nftables, util-linux:
          .build/prerequisites haproxy=haproxy nginx=nginx ip=iproute2 nft=nftables
        """;

    /// <summary>What is measured.</summary>
    public IReadOnlyList<SubjectEntry> Subjects { get; init; } = SubjectEntry.All;

    /// <summary>With what.</summary>
    public IReadOnlyList<LoadShape> Loads { get; init; } = LoadShape.Simple;

    /// <summary>How often each load is put on each subject; medians need three at least.</summary>
    public int Rounds { get; init; } = 5;

    /// <summary>How long one load counts.</summary>
    public double Seconds { get; init; } = 0.7;

    /// <summary>The Markdown file whose section is replaced; the JSON goes beside it.</summary>
    public string Report { get; init; } = Path.Combine("docs", "performance.md");

    /// <summary>The folder of the ztunnel to measure.</summary>
    public string? Program { get; init; } = Environment.GetEnvironmentVariable("AMBIENT_BENCH_PROGRAM");

    /// <summary>Only names what there is.</summary>
    public bool List { get; init; }

    /// <summary>Whether subjects were chosen: they then take all loads.</summary>
    private bool SubjectsChosen { get; init; }

    /// <exception cref="FormatException">The message says which argument, and what it takes.</exception>
    public static Options Parse(string[] arguments)
    {
        var options = new Options();
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--list")
            {
                options = options with { List = true };
                continue;
            }

            var name = arguments[i++];
            var value = i < arguments.Length ? arguments[i] : throw new FormatException($"'{name}' needs a value, or cannot be meant.\n{Usage}");
            options = name switch
            {
                "--subjects" => options with { Subjects = Choose(SubjectEntry.All, entry => entry.Name, value), SubjectsChosen = true },
                "--loads" => options with { Loads = Choose(LoadShape.Simple, load => load.Name, value) },
                "--rounds" when int.TryParse(value, CultureInfo.InvariantCulture, out var rounds) && rounds is >= 1 and <= 100 =>
                    options with { Rounds = rounds },
                "--seconds" when double.TryParse(value, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0.1 and <= 60 =>
                    options with { Seconds = seconds },
                "--program" => options with { Program = value },
                "--report" => options with { Report = value },
                _ => throw new FormatException($"'{name} {value}' cannot be meant.\n{Usage}"),
            };
        }

        return options;
    }

    /// <summary>Whether a load is put on a subject.</summary>
    public bool TakesPart(SubjectEntry subject, LoadShape load) => SubjectsChosen || (load.Subjects & subject.Kind) != 0;

    /// <summary>The ztunnel to measure.</summary>
    /// <exception cref="InvalidOperationException">It is not there.</exception>
    public string FindZtunnel()
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        var path = Path.GetFullPath(Path.Combine(
            Program ?? Path.Combine(own.Parent!.Parent!.FullName, "Ambient.Ztunnel", own.Name), "Ambient.Ztunnel"));
        return File.Exists(path)
            ? path
            : throw new InvalidOperationException($"{path} is missing: build bench/Ambient.Bench, which builds it too, or name its folder with --program.");
    }

    private static IReadOnlyList<T> Choose<T>(IReadOnlyList<T> all, Func<T, string> nameOf, string wanted) =>
    [
        .. wanted.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(name =>
            all.SingleOrDefault(item => nameOf(item) == name)
            ?? throw new FormatException($"'{name}' is unknown; there are {string.Join(", ", all.Select(nameOf))}.")),
    ];
}
