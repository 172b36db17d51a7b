using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Ambient.Bench.Results;

/// <summary>
/// Puts a run into the page on performance, between the marks of its environment; beside the page its figures as JSON, keyed by
/// environment, and a chart.
/// </summary>
internal static class Report
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static void Write(IReadOnlyList<RunResults> runs, Facts facts, Options options)
    {
        var tables = Tables.Of(runs, facts, options);
        Console.WriteLine(tables);
        if (options.Report is not { } page)
        {
            return;
        }

        var begin = $"<!-- run {options.Environment}: begin -->";
        var end = $"<!-- run {options.Environment}: end -->";
        var text = File.Exists(page) ? File.ReadAllText(page) : "# Performance\n";
        if (!text.Contains(begin, StringComparison.Ordinal))
        {
            text = $"{text.TrimEnd()}\n\n## Last run: {options.Environment}\n\n{begin}\n{end}\n";
        }

        var from = text.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        var to = text.IndexOf(end, StringComparison.Ordinal);
        if (to < from)
        {
            throw new FormatException($"{page} has '{begin}' without '{end}' after it.");
        }

        File.WriteAllText(page, $"{text[..from]}\n{tables}\n{text[to..]}");
        WriteFigures(Path.ChangeExtension(page, ".json"), runs, facts, options);
        Chart.Write(Path.ChangeExtension(page, ".svg"), runs[^1], facts);
    }

    private static void WriteFigures(string path, IReadOnlyList<RunResults> runs, Facts facts, Options options)
    {
        var all = File.Exists(path) && JsonNode.Parse(File.ReadAllText(path)) is JsonObject known ? known : [];
        all[options.Environment] = JsonSerializer.SerializeToNode(
            new
            {
                facts,
                options.Rounds,
                options.Seconds,
                targets = runs.Select(Targets.Judge),
                runs = runs.Select(run => new
                {
                    loads = run.Cells.Select(cell => new
                    {
                        load = cell.Load.Name,
                        cell.Subject,
                        cell.Rate,
                        cell.Cost,
                        cell.P50,
                        cell.P99,
                        cell.P999,
                        cell.Fairness,
                        cell.Memory,
                    }),
                    figures = run.Figures.Select(figure => new { figure.Kind.Name, figure.Kind.Unit, figure.Subject, figure.Values }),
                }),
            },
            Format);
        File.WriteAllText(path, all.ToJsonString(Format) + "\n");
    }
}
