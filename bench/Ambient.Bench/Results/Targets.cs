using System.Text;

namespace Ambient.Bench.Results;

/// <summary>
/// What is to hold, as ratios of medians of one run. The better pair is the better of haproxy and nginx, row by row.
/// </summary>
internal static class Targets
{
    private const string Ours = "ztunnel";
    private const string OurHttp = "waypoint-http";
    private const string Nginx = "nginx-http";
    private static readonly string[] Pairs = ["haproxy", "nginx"];

    /// <summary>Those that the run has measured.</summary>
    public static IReadOnlyList<Verdict> Judge(RunResults run) =>
    [
        .. new Verdict?[]
        {
            AtLeast("8 streams up, throughput", "better pair", 1.8, Rate(run, "up8") / Best(run, "up8", cell => cell.Rate)),
            AtLeast("1 stream up, throughput", "better pair", 1.8, Rate(run, "up1") / Best(run, "up1", cell => cell.Rate)),
            AtLeast("64 streams up, throughput", "its own at 8", 0.95, Rate(run, "up64") / Rate(run, "up8")),
            AtMost("8 streams up, CPU s/GB", "better pair", 0.5, Cost(run, "up8") / Least(run, "up8", cell => cell.Cost)),
            AtMost("1 B on one core, p50", "better pair", 0.85, Of(run, "pin1", cell => cell.P50) / Least(run, "pin1", cell => cell.P50)),
            AtMost("1 B on one core, p99", "better pair", 0.85, Of(run, "pin1", cell => cell.P99) / Least(run, "pin1", cell => cell.P99)),
            AtLeast("16 × 1 KiB, messages/s", "better pair", 1.4, Rate(run, "ppk16") / Best(run, "ppk16", cell => cell.Rate)),
            AtMost("16 × 1 KiB, CPU per message", "better pair", 0.6, Cost(run, "ppk16") / Least(run, "ppk16", cell => cell.Cost)),
            AtLeast("new connections/s over warm tunnels", "better pair", 7, Rate(run, "connect") / Best(run, "connect", cell => cell.Rate)),
            AtMost("new connections, CPU each", "better pair", 0.1, Cost(run, "connect") / Least(run, "connect", cell => cell.Cost)),
            AtLeast("new connections/s with a handshake each", "better pair", 1, Rate(run, "connect", "ztunnel-single") / Best(run, "connect", cell => cell.Rate)),
            AtMost("memory per idle connection, 2,000", "better pair", 0.015, Figure(run, FigureKind.Idle2000) / Lighter(run, FigureKind.Idle2000)),
            AtMost("memory per idle connection, 8,000", "better pair", 0.015, Figure(run, FigureKind.Idle8000) / Lighter(run, FigureKind.Idle8000)),
            AtLeast("Jain index, 8 streams", "–", 0.95, Of(run, "up8", cell => cell.Fairness)),
            AtLeast("Jain index, 64 streams", "–", 0.95, Of(run, "up64", cell => cell.Fairness)),
            AtLeast("beside ten slow readers: 16 × 1 KiB, messages/s", "without them", 0.9, Rate(run, "slow-pp") / Rate(run, "alone-pp")),
            AtMost("beside ten slow readers: 16 × 1 KiB, p99", "without them", 1.2,
                Of(run, "slow-pp", cell => cell.P99) / Of(run, "alone-pp", cell => cell.P99)),
            AtLeast("beside ten slow readers: new connections/s", "without them", 0.9, Rate(run, "slow-connect") / Rate(run, "alone-connect")),
            AtLeast("beside ten slow readers: bulk down, 8 streams", "without them", 0.9, Rate(run, "slow-bulk") / Rate(run, "alone-bulk")),
            AtMost("memory that ten slow readers add, MB", "–", 10, Figure(run, FigureKind.SlowMemory)),
            AtLeast("passthrough, 8 streams, throughput", "direct", 0.55, Rate(run, "up8", "passthrough") / Rate(run, "up8", "direct")),
            AtMost("passthrough, 8 streams, CPU s/GB", "haproxy TCP relay", 0.5,
                Of(run, "up8", cell => cell.Cost, "passthrough") / Of(run, "up8", cell => cell.Cost, "haproxy-tcp")),
            AtLeast("HTTP/1.1, 64 connections, requests/s", "nginx", 0.9, Rate(run, "http64", OurHttp) / Rate(run, "http64", Nginx)),
            AtMost("HTTP/1.1, 64 connections, CPU per request", "nginx", 1.45,
                Of(run, "http64", cell => cell.Cost, OurHttp) / Of(run, "http64", cell => cell.Cost, Nginx)),
            AtMost("HTTP/1.1, 64 connections, p99", "nginx", 0.8,
                Of(run, "http64", cell => cell.P99, OurHttp) / Of(run, "http64", cell => cell.P99, Nginx)),
            AtMost("resident memory of one ztunnel, no pods, MB", "–", 40, Figure(run, FigureKind.StartResident)),
            AtMost("start to ready, ms", "–", 250, Figure(run, FigureKind.StartReady)),
            AtMost("bytes per known workload at 100,000", "–", 400, Figure(run, FigureKind.Workload)),
        }.OfType<Verdict>(),
    ];

    public static string Table(IReadOnlyList<Verdict> verdicts)
    {
        var text = new StringBuilder("| | against | target | measured | |\n|---|---|---|---|---|\n");
        foreach (var verdict in verdicts)
        {
            text.AppendLine($"| {verdict.Title} | {verdict.Against} | {verdict.Wanted} | {Spread.Format(verdict.Value)} | {(verdict.Holds ? "held" : "**missed**")} |");
        }

        return text.ToString();
    }

    /// <summary>For each target the runs in which it held.</summary>
    public static string Table(IReadOnlyList<IReadOnlyList<Verdict>> runs)
    {
        var text = new StringBuilder("| | against | target | measured | held |\n|---|---|---|---|---|\n");
        foreach (var verdict in runs[0])
        {
            var all = runs.Select(run => run.Single(other => other.Title == verdict.Title)).ToList();
            text.AppendLine($"| {verdict.Title} | {verdict.Against} | {verdict.Wanted} | {string.Join(", ", all.Select(one => Spread.Format(one.Value)))} "
                + $"| {all.Count(one => one.Holds)} of {all.Count} |");
        }

        return text.ToString();
    }

    private static Verdict? AtLeast(string title, string against, double limit, double? value) =>
        value is { } known ? new Verdict(title, against, $"≥ {limit}", known, known >= limit) : null;

    private static Verdict? AtMost(string title, string against, double limit, double? value) =>
        value is { } known ? new Verdict(title, against, $"≤ {limit}", known, known <= limit) : null;

    private static double? Rate(RunResults run, string load, string subject = Ours) => Of(run, load, cell => cell.Rate, subject);

    private static double? Cost(RunResults run, string load) => Of(run, load, cell => cell.Cost);

    private static double? Of(RunResults run, string load, Func<Cell, Spread> value, string subject = Ours) =>
        run.Find(load, subject) is { } cell ? value(cell).Median : null;

    private static double? Best(RunResults run, string load, Func<Cell, Spread> value) => Pairs.Max(pair => Of(run, load, value, pair));

    private static double? Least(RunResults run, string load, Func<Cell, Spread> value) => Pairs.Min(pair => Of(run, load, value, pair));

    private static double? Figure(RunResults run, FigureKind kind, string subject = Ours) => run.Find(kind, subject)?.Spread.Median;

    private static double? Lighter(RunResults run, FigureKind kind) => Pairs.Min(pair => Figure(run, kind, pair));
}

/// <summary>Whether a target holds.</summary>
internal sealed record Verdict(string Title, string Against, string Wanted, double Value, bool Holds);
