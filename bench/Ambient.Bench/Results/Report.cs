using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ambient.Bench.Results;

/// <summary>Puts the figures of a run into the page on performance, between two marks, and beside it as JSON.</summary>
internal static class Report
{
    private const string Begin = "<!-- last run: begin -->";
    private const string End = "<!-- last run: end -->";

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static void Write(IReadOnlyList<Cell> cells, Options options)
    {
        var tables = Tables(cells, options);
        Console.WriteLine(tables);
        var page = File.Exists(options.Report) ? File.ReadAllText(options.Report) : $"# Performance\n\n{Begin}\n{End}\n";
        var from = page.IndexOf(Begin, StringComparison.Ordinal);
        var to = page.IndexOf(End, StringComparison.Ordinal);
        if (from < 0 || to < from)
        {
            throw new FormatException($"{options.Report} has no '{Begin}' followed by '{End}' to put the tables between.");
        }

        File.WriteAllText(options.Report, $"{page[..(from + Begin.Length)]}\n{tables}\n{page[to..]}");
        File.WriteAllText(Path.ChangeExtension(options.Report, ".json"), Json(cells));
    }

    private static string Tables(IReadOnlyList<Cell> cells, Options options)
    {
        var text = new StringBuilder();
        text.AppendLine($"{Environment.ProcessorCount} cores, Linux {Environment.OSVersion.Version}, {RuntimeInformation.FrameworkDescription}, "
            + $"{OpenSsl()}; cubic; {options.Rounds} rounds of {options.Seconds} s, interleaved, order reversed each round; "
            + "median (least–most). CPU and memory are those of both proxies together.");
        foreach (var load in cells.GroupBy(cell => cell.Load))
        {
            var bulk = load.Key.IsBulk;
            text.AppendLine().AppendLine($"**{load.Key.Title}**").AppendLine();
            text.AppendLine(bulk
                ? "| | Gbit/s | CPU s/GB | fairness (Jain) | MB after |\n|---|---|---|---|---|"
                : "| | per second | p50 µs | p99 µs | p99.9 µs | CPU µs each | MB after |\n|---|---|---|---|---|---|---|");
            foreach (var cell in load)
            {
                text.AppendLine(bulk
                    ? $"| {cell.Subject} | {cell.Rate} | {cell.Cost} | {cell.Fairness} | {cell.Memory} |"
                    : $"| {cell.Subject} | {cell.Rate} | {cell.P50} | {cell.P99} | {cell.P999} | {cell.Cost} | {cell.Memory} |");
            }
        }

        return text.ToString();
    }

    private static string OpenSsl() => System.Security.Cryptography.SafeEvpPKeyHandle.OpenSslVersion is var version
        ? $"OpenSSL {version >> 28}.{(version >> 20) & 0xff}.{(version >> 4) & 0xff}"
        : "";

    private static string Json(IReadOnlyList<Cell> cells) => JsonSerializer.Serialize(
        cells.Select(cell => new
        {
            load = cell.Load.Name,
            subject = cell.Subject,
            samples = cell.Samples.Select(sample => new
            {
                sample.Figures.Seconds,
                sample.Figures.Bytes,
                sample.Figures.Operations,
                sample.Figures.P50,
                sample.Figures.P99,
                sample.Figures.P999,
                sample.Figures.PerStream,
                sample.Figures.ProcessorSeconds,
                sample.Resident,
            }),
        }),
        Indented) + "\n";
}
