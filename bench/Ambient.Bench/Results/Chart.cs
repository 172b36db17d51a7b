using System.Globalization;
using System.Text;
using Ambient.Bench.Subjects;

namespace Ambient.Bench.Results;

/// <summary>The run as a picture: a small chart for each load, a bar for each subject's median, a line from its least to its most.</summary>
internal static class Chart
{
    private const int Columns = 3;
    private const int ChartWidth = 300;
    private const int LabelWidth = 92;
    private const int BarHeight = 15;
    private const int RowHeight = 20;
    private const int HeadHeight = 40;
    private const int Gap = 24;

    private const SubjectKind Pairs = ~SubjectKind.Hop;
    private const SubjectKind Hops = SubjectKind.Direct | SubjectKind.Hop;
    private const SubjectKind Requests = SubjectKind.Direct | SubjectKind.Http;

    private static readonly (string Load, SubjectKind Kinds, string Title, Func<Cell, Spread> Value)[] Panels =
    [
        ("up1", Pairs, "1 stream up, Gbit/s", cell => cell.Rate),
        ("up8", Pairs, "8 streams up, Gbit/s", cell => cell.Rate),
        ("up64", Pairs, "64 streams up, Gbit/s", cell => cell.Rate),
        ("up8", Pairs, "8 streams up, CPU s/GB", cell => cell.Cost),
        ("pin1", Pairs, "1 B on one core, p50 µs", cell => cell.P50),
        ("pin1", Pairs, "1 B on one core, p99 µs", cell => cell.P99),
        ("ppk16", Pairs, "16 × 1 KiB, messages/s", cell => cell.Rate),
        ("ppk16", Pairs, "16 × 1 KiB, CPU µs per message", cell => cell.Cost),
        ("connect", Pairs, "new connections/s", cell => cell.Rate),
        ("up8", Hops, "one plaintext hop: 8 streams up, Gbit/s", cell => cell.Rate),
        ("up8", Hops, "one plaintext hop: 8 streams up, CPU s/GB", cell => cell.Cost),
        ("connect", Hops, "one plaintext hop: new connections/s", cell => cell.Rate),
        ("http64", Requests, "HTTP/1.1, 64 connections, requests/s", cell => cell.Rate),
        ("http64", Requests, "HTTP/1.1, CPU µs per request", cell => cell.Cost),
        ("http64", Requests, "HTTP/1.1, p99 µs", cell => cell.P99),
    ];

    public static void Write(string path, RunResults run, Facts facts)
    {
        var charts = Panels
            .Select(panel => (panel.Title, Bars: run.ByLoad.Where(load => load.Key.Name == panel.Load).SelectMany(load => load)
                .Where(cell => (SubjectEntry.All[SubjectEntry.Place(cell.Subject)].Kind & panel.Kinds) != 0)
                .Select(cell => (cell.Subject, Spread: panel.Value(cell)))
                .Where(bar => bar.Spread.Most > 0)
                .ToList()))
            .Where(chart => chart.Bars.Count > 0)
            .ToList();
        var memory = run.Figures.Where(figure => figure.Kind == FigureKind.Idle8000).Select(figure => (figure.Subject, figure.Spread)).ToList();
        if (memory.Count > 0)
        {
            charts.Add(("KB per idle connection, both proxies", memory));
        }

        var text = new StringBuilder();
        var top = Gap;
        foreach (var row in charts.Chunk(Columns))
        {
            for (var column = 0; column < row.Length; column++)
            {
                Draw(text, Gap + (column * (ChartWidth + Gap)), top, row[column].Title, row[column].Bars);
            }

            top += HeadHeight + (RowHeight * row.Max(chart => chart.Bars.Count)) + Gap;
        }

        var width = Gap + (Columns * (ChartWidth + Gap));
        File.WriteAllText(path, $$"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{width}} {{top + 12}}" width="{{width}}" font-family="system-ui, sans-serif" font-size="12">
            <style>
              .ground { fill: #ffffff } text { fill: #24292f } .title { font-weight: 600 } .note, .value { fill: #57606a } .value { font-size: 11px }
              .bar { fill: #9fb3c8 } .ours { fill: #2f6fdb } .range { stroke: #24292f; stroke-width: 1.2; opacity: .75 }
              @media (prefers-color-scheme: dark) {
                .ground { fill: #0d1117 } text { fill: #e6edf3 } .note, .value { fill: #9198a1 }
                .bar { fill: #4d5f73 } .ours { fill: #4c8dff } .range { stroke: #e6edf3 }
              }
            </style>
            <rect class="ground" width="{{width}}" height="{{top + 12}}"/>
            {{text}}<text class="note" x="{{Gap}}" y="{{top}}">{{Escape($"{facts.Distribution}; {facts.Cores} cores, {facts.Processor}. Bars are medians, lines reach from the least to the most.")}}</text>
            </svg>

            """);
    }

    private static void Draw(StringBuilder text, int left, int top, string title, List<(string Subject, Spread Spread)> bars)
    {
        // Direct connections may be ten times faster than any proxy, whose differences are what matters: they get a bar cut short.
        var compared = bars.Where(bar => bar.Subject != "direct").Select(bar => bar.Spread.Most).DefaultIfEmpty(bars[0].Spread.Most).Max();
        const int Room = ChartWidth - LabelWidth - 64;
        double Scale(double value) => Math.Min(value / compared, 1) * Room;
        text.AppendLine($"<text class=\"title\" x=\"{left}\" y=\"{top + 14}\">{Escape(title)}</text>");
        for (var i = 0; i < bars.Count; i++)
        {
            var (subject, spread) = bars[i];
            var y = top + HeadHeight - 12 + (i * RowHeight);
            var start = left + LabelWidth;
            var cut = spread.Median > compared;
            var ours = subject.StartsWith("ztunnel", StringComparison.Ordinal) || subject.StartsWith("waypoint", StringComparison.Ordinal) || subject == "passthrough";
            text.AppendLine($"<text x=\"{start - 6}\" y=\"{y + 12}\" text-anchor=\"end\">{Escape(subject)}</text>");
            text.AppendLine($"<rect class=\"{(ours ? "ours" : "bar")}\" x=\"{start}\" y=\"{y}\" width=\"{N(Scale(spread.Median))}\" height=\"{BarHeight}\" rx=\"2\"/>");
            if (!cut && spread.Most > spread.Least)
            {
                var middle = y + (BarHeight / 2.0);
                text.AppendLine($"<path class=\"range\" d=\"M{N(start + Scale(spread.Least))} {N(middle)}H{N(start + Scale(spread.Most))}\"/>");
            }

            var end = start + Math.Max(Scale(spread.Median), cut ? Room : Scale(spread.Most)) + 5;
            text.AppendLine($"<text class=\"value\" x=\"{N(end)}\" y=\"{y + 12}\">{(cut ? "→ " : "")}{Spread.Format(spread.Median)}</text>");
        }
    }

    private static string N(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    private static string Escape(string text) => text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);
}
