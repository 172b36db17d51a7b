using System.Text;
using Ambient.Bench.Subjects;

namespace Ambient.Bench.Results;

/// <summary>A run as Markdown.</summary>
internal static class Tables
{
    public static string Of(IReadOnlyList<RunResults> runs, Facts facts, Options options)
    {
        var run = runs[^1];
        var text = new StringBuilder().AppendLine(facts.ToString()).AppendLine();
        text.AppendLine($"{options.Rounds} rounds of {options.Seconds} s (fewer where no target depends on them), interleaved, order reversed each round; "
            + "median (least–most). CPU and memory are those of all proxies of the way together. Single values were measured once.");
        var verdicts = runs.Select(Targets.Judge).ToList();
        if (verdicts[0].Count > 0)
        {
            text.AppendLine().AppendLine("**Targets** (ratios of medians within one run)").AppendLine();
            text.Append(verdicts.Count == 1 ? Targets.Table(verdicts[0]) : Targets.Table(verdicts));
        }

        foreach (var load in run.ByLoad)
        {
            text.AppendLine().AppendLine($"**{load.Key.Title}** (`{load.Key.Name}`)").AppendLine();
            text.Append(load.Key.IsBulk ? Bulk(load) : Operations(load));
        }

        if (run.Figures.Count > 0)
        {
            text.AppendLine().AppendLine("**Memory and start**").AppendLine();
            text.Append(Figures(run));
        }

        return text.ToString();
    }

    private static string Bulk(IEnumerable<Cell> cells)
    {
        var text = new StringBuilder("| | Gbit/s | CPU s/GB | fairness (Jain) | MB after |\n|---|---|---|---|---|\n");
        foreach (var cell in cells)
        {
            text.AppendLine($"| {cell.Subject} | {cell.Rate} | {cell.Cost} | {cell.Fairness} | {cell.Memory} |");
        }

        return text.ToString();
    }

    private static string Operations(IEnumerable<Cell> cells)
    {
        var text = new StringBuilder("| | per second | p50 µs | p99 µs | p99.9 µs | CPU µs each | MB after |\n|---|---|---|---|---|---|---|\n");
        foreach (var cell in cells)
        {
            text.AppendLine($"| {cell.Subject} | {cell.Rate} | {cell.P50} | {cell.P99} | {cell.P999} | {cell.Cost} | {cell.Memory} |");
        }

        return text.ToString();
    }

    private static string Figures(RunResults run)
    {
        var subjects = run.Figures.Select(figure => figure.Subject).Distinct().OrderBy(SubjectEntry.Place).ToList();
        var text = new StringBuilder($"| | {string.Join(" | ", subjects)} |\n|---|{string.Concat(subjects.Select(_ => "---|"))}\n");
        foreach (var kind in run.Figures.Select(figure => figure.Kind).Distinct())
        {
            text.AppendLine($"| {kind.Title}, {kind.Unit} | {string.Join(" | ", subjects.Select(subject => run.Find(kind, subject)?.Spread.ToString() ?? ""))} |");
        }

        return text.ToString();
    }
}
