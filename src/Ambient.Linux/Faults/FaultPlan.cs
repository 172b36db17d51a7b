using System.Globalization;

namespace Ambient.Linux.Faults;

/// <summary>How often the system calls of the data path misbehave, and from which seed. Chances are per call, 0 to 1.</summary>
internal sealed record FaultPlan
{
    /// <summary>Where the random sequences begin: the same seed cuts and stalls the same calls of the same connection.</summary>
    public int Seed { get; private init; }

    /// <summary>A receive, send or splice is cut to a random length of at least one byte; a wait for events to fewer events.</summary>
    public double Segment { get; private init; }

    /// <summary>A call would block although it need not, and readiness is told again 0 to 20 ms later; a wait is interrupted.</summary>
    public double Stall { get; private init; }

    /// <summary>A descriptor is told to be readable although nothing has come.</summary>
    public double Spurious { get; private init; }

    /// <summary>The connection dies: both ends see a reset, and what was under way is lost.</summary>
    public double Reset { get; private init; }

    /// <summary>A file that each fault is appended to, or null.</summary>
    public string? Log { get; private init; }

    /// <summary>Reads <c>seed=7,segment=0.3,stall=0.05,spurious=0.01,reset=0.0005,log=FILE</c>; every part may be left out.</summary>
    /// <returns>Null for nothing.</returns>
    /// <exception cref="FormatException">Names the part that is wrong, and what may stand there.</exception>
    public static FaultPlan? Parse(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        var plan = new FaultPlan();
        foreach (var part in text.Split(','))
        {
            var separator = part.IndexOf('=', StringComparison.Ordinal);
            var (name, value) = separator < 0 ? (part, "") : (part[..separator], part[(separator + 1)..]);
            plan = name switch
            {
                "seed" => plan with { Seed = SeedOf(value) },
                "segment" => plan with { Segment = Chance(name, value) },
                "stall" => plan with { Stall = Chance(name, value) },
                "spurious" => plan with { Spurious = Chance(name, value) },
                "reset" => plan with { Reset = Chance(name, value) },
                "log" when value.Length > 0 => plan with { Log = value },
                _ => throw Malformed($"'{part}' is none of seed=N, segment=P, stall=P, spurious=P, reset=P, log=FILE"),
            };
        }

        return plan;
    }

    /// <summary>In the form that <see cref="Parse"/> reads.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"seed={Seed},segment={Segment},stall={Stall},spurious={Spurious},reset={Reset}{(Log is null ? "" : $",log={Log}")}");

    private static int SeedOf(string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
            ? seed
            : throw Malformed($"seed '{value}' is not a whole number from 0 to {int.MaxValue}");

    private static double Chance(string name, string value) =>
        double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var chance) && chance <= 1
            ? chance
            : throw Malformed($"{name} '{value}' is not a chance from 0 to 1, such as 0.05");

    private static FormatException Malformed(string what) => new($"{FaultInjection.Variable}: {what}.");
}
