using System.Globalization;
using Ambient.Bench.Measures;
using Ambient.Bench.Subjects;

namespace Ambient.Bench;

/// <summary>What the command line asks for.</summary>
internal sealed record Options
{
    public const string Usage = """
        Ambient.Bench [--subjects A,B] [--loads X,Y] [--rounds N] [--seconds S] [--quick] [--check N] [--program DIR]
                      [--environment NAME] [--report FILE] [--list]

        Measures our ztunnels beside haproxy, nginx and direct connections, interleaved, each in network namespaces of its own.
          --subjects A,B      only these, for every load (default: all, for the loads that concern them)
          --loads X,Y         only these loads and parts (default: all)
          --rounds N          how often each load is put on each subject, at most (5)
          --seconds S         how long one load counts (0.5)
          --quick             loads and short parts that targets depend on, 2 rounds of 0.4 s
          --check N           N whole runs, and for each target in how many of them it held
          --program DIR       the folder with Ambient.Ztunnel and Ambient.Waypoint (default: AMBIENT_BENCH_PROGRAM, or the build beside this one)
          --environment NAME  what the machine is called on the page (default: this one's distribution)
          --report FILE       the page that gets the tables; figures (JSON) and chart (SVG) go beside it. Without it they are only printed
          --list              names subjects, loads and parts
        Needs root and Debian's haproxy, nginx, libnginx-mod-stream, iproute2, nftables, util-linux:
          .build/prerequisites haproxy=haproxy nginx=nginx ip=iproute2 nft=nftables && apt-get install libnginx-mod-stream
        """;

    /// <summary>What is measured.</summary>
    public IReadOnlyList<SubjectEntry> Subjects { get; init; } = SubjectEntry.All;

    /// <summary>With what.</summary>
    public IReadOnlyList<LoadShape> Loads { get; init; } = LoadShape.All;

    /// <summary>And what beside loads, see <see cref="Run.Parts"/>.</summary>
    public IReadOnlyList<string> Parts { get; init; } = [.. Run.Parts.Select(part => part.Name)];

    /// <summary>How often each load is put on each subject; medians need three at least.</summary>
    public int Rounds { get; init; } = 5;

    /// <summary>How long one load counts.</summary>
    public double Seconds { get; init; } = 0.5;

    /// <summary>How many whole runs.</summary>
    public int Check { get; init; } = 1;

    /// <summary>What the machine is called.</summary>
    public string Environment { get; init; } = DistributionName();

    /// <summary>The Markdown file whose section is replaced; JSON and chart go beside it.</summary>
    public string? Report { get; init; }

    /// <summary>The folder of the programs to measure.</summary>
    public string? Program { get; init; } = System.Environment.GetEnvironmentVariable("AMBIENT_BENCH_PROGRAM");

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
            if (arguments[i] is "--list" or "--quick")
            {
                options = arguments[i] == "--list"
                    ? options with { List = true }
                    : options with { Rounds = 2, Seconds = 0.4, Loads = [.. LoadShape.All.Where(load => !load.IsVariety)], Parts = ["slow", "start"] };
                continue;
            }

            var name = arguments[i++];
            var value = i < arguments.Length ? arguments[i] : throw new FormatException($"'{name}' needs a value, or cannot be meant.\n{Usage}");
            options = name switch
            {
                "--subjects" => options with { Subjects = Choose(SubjectEntry.All, entry => entry.Name, value), SubjectsChosen = true },
                "--loads" => options with
                {
                    Loads = [.. LoadShape.All.Where(load => Choose(Measurable, name => name, value).Contains(load.Name))],
                    Parts = Choose(Measurable, name => name, value),
                },
                "--check" when int.TryParse(value, CultureInfo.InvariantCulture, out var runs) && runs is >= 1 and <= 10 =>
                    options with { Check = runs },
                "--environment" => options with { Environment = value },
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

    /// <summary>Names of loads and parts.</summary>
    private static IReadOnlyList<string> Measurable => [.. LoadShape.All.Select(load => load.Name), .. Run.Parts.Select(part => part.Name)];

    /// <summary>What the command line can name.</summary>
    public static string Catalogue { get; } = string.Join('\n',
    [
        "Subjects:", .. SubjectEntry.All.Select(subject => $"  {subject.Name,-16} {subject.Title}"),
        "Loads:", .. LoadShape.All.Select(load => $"  {load.Name,-16} {load.Title}"),
        "Parts:", .. Run.Parts.Select(part => $"  {part.Name,-16} {part.Title}"),
    ]);

    /// <summary>Whether a load of subjects of some kinds is put on a subject.</summary>
    public bool TakesPart(SubjectEntry subject, SubjectKind kinds) => SubjectsChosen || (kinds & subject.Kind) != 0;

    /// <summary>Whether a part is asked for.</summary>
    public bool Has(string part) => Parts.Contains(part);

    /// <summary>A program to measure.</summary>
    /// <exception cref="InvalidOperationException">It is not there.</exception>
    public string Find(string name)
    {
        // A folder for each where they were built, one for all in an image.
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        var path = Path.GetFullPath(Path.Combine(Program ?? Path.Combine(own.Parent!.Parent!.FullName, name, own.Name), name));
        return File.Exists(path)
            ? path
            : throw new InvalidOperationException($"{path} is missing: build bench/Ambient.Bench, which builds it too, or name its folder with --program.");
    }

    private static string DistributionName()
    {
        var words = File.ReadLines("/etc/os-release").Select(line => line.Split('=')).ToDictionary(pair => pair[0], pair => pair[^1].Trim('"'));
        return $"{words.GetValueOrDefault("ID", "linux")}-{words.GetValueOrDefault("VERSION_ID", "unknown")}";
    }

    private static IReadOnlyList<T> Choose<T>(IReadOnlyList<T> all, Func<T, string> nameOf, string wanted) =>
    [
        .. wanted.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(name =>
            all.SingleOrDefault(item => nameOf(item) == name)
            ?? throw new FormatException($"'{name}' is unknown; there are {string.Join(", ", all.Select(nameOf))}.")),
    ];
}
