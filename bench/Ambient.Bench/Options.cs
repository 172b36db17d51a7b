using System.Globalization;

namespace Ambient.Bench;

/// <summary>What the command line asks for.</summary>
/// <param name="Rounds">How often each load is put on each subject; medians need three at least.</param>
/// <param name="Seconds">How long one load lasts.</param>
/// <param name="Report">The Markdown file whose section is replaced; the JSON goes beside it.</param>
internal sealed record Options(int Rounds, double Seconds, string Report)
{
    public const string Usage = """
        Ambient.Bench [--rounds N] [--seconds S] [--report FILE]

        Measures direct connections, a pair of our ztunnels and an haproxy TLS pair, interleaved, in network namespaces of their own.
          --rounds N      how often each load is put on each subject (5)
          --seconds S     how long one load lasts (1)
          --report FILE   the page that gets the tables (docs/performance.md); the figures go beside it as JSON
        Needs root, haproxy, iproute2, nftables and util-linux: .build/prerequisites haproxy=haproxy ip=iproute2 nft=nftables
        """;

    /// <exception cref="FormatException">The message says which argument, and what it takes.</exception>
    public static Options Parse(string[] arguments)
    {
        var options = new Options(5, 1, Path.Combine("docs", "performance.md"));
        for (var i = 0; i < arguments.Length; i += 2)
        {
            var value = i + 1 < arguments.Length ? arguments[i + 1] : throw new FormatException($"{arguments[i]} needs a value.");
            options = arguments[i] switch
            {
                "--rounds" when int.TryParse(value, CultureInfo.InvariantCulture, out var rounds) && rounds is >= 1 and <= 100 =>
                    options with { Rounds = rounds },
                "--seconds" when double.TryParse(value, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0.1 and <= 60 =>
                    options with { Seconds = seconds },
                "--report" => options with { Report = value },
                _ => throw new FormatException($"'{arguments[i]} {value}' cannot be meant.\n{Usage}"),
            };
        }

        return options;
    }
}
