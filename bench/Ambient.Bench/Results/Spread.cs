namespace Ambient.Bench.Results;

/// <summary>Median with the smallest and the largest value.</summary>
internal readonly record struct Spread(double Median, double Least, double Most)
{
    public static Spread Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count == 0
            ? new Spread(double.NaN, double.NaN, double.NaN)
            : new Spread(
                sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2,
                sorted[0],
                sorted[^1]);
    }

    public override string ToString()
    {
        var (median, least, most) = (Format(Median), Format(Least), Format(Most));
        return least == most ? median : $"{median} ({least}–{most})";
    }

    /// <summary>Three digits that matter.</summary>
    public static string Format(double value) => Math.Abs(value) switch
    {
        >= 100 => value.ToString("N0"),
        >= 10 => value.ToString("F1"),
        >= 1 => value.ToString("F2"),
        0 => "–", // no proxy, no cost
        _ => value.ToString("F3"),
    };
}
