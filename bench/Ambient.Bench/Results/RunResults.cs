using Ambient.Bench.Measures;
using Ambient.Bench.Subjects;

namespace Ambient.Bench.Results;

/// <summary>All that one run has measured.</summary>
internal sealed class RunResults
{
    /// <summary>Loads, in the order in which they were first measured.</summary>
    public List<Cell> Cells { get; } = [];

    /// <summary>What is not a load: memory, start.</summary>
    public List<Figure> Figures { get; } = [];

    public void Add(LoadShape load, string subject, Sample sample)
    {
        if (Find(load.Name, subject) is not { } cell)
        {
            Cells.Add(cell = new Cell(load, subject));
        }

        cell.Samples.Add(sample);
    }

    public void Add(FigureKind kind, string subject, double value)
    {
        if (Find(kind, subject) is not { } figure)
        {
            Figures.Add(figure = new Figure(kind, subject));
        }

        figure.Values.Add(value);
    }

    /// <summary>Loads with their subjects, both in the order of the command line's catalogue.</summary>
    public IEnumerable<IGrouping<LoadShape, Cell>> ByLoad => Cells.OrderBy(cell => SubjectEntry.Place(cell.Subject)).GroupBy(cell => cell.Load)
        .OrderBy(load => Cells.FindIndex(cell => cell.Load == load.Key));

    public Cell? Find(string load, string subject) => Cells.Find(cell => cell.Load.Name == load && cell.Subject == subject);

    public Figure? Find(FigureKind kind, string subject) => Figures.Find(figure => figure.Kind == kind && figure.Subject == subject);
}

/// <summary>Values of one kind for one subject.</summary>
internal sealed record Figure(FigureKind Kind, string Subject)
{
    public List<double> Values { get; } = [];

    public Spread Spread => Spread.Of(Values);
}

/// <summary>What is measured beside loads.</summary>
internal sealed record FigureKind(string Name, string Title, string Unit)
{
    public static readonly FigureKind SlowMemory = new("slow-memory", "memory that ten slow readers add, both proxies", "MB");
    public static readonly FigureKind Idle2000 = new("idle-2000", "memory per idle connection, both proxies, 2,000 connections", "KB");
    public static readonly FigureKind Idle8000 = new("idle-8000", "memory per idle connection, both proxies, 8,000 connections", "KB");
    public static readonly FigureKind StartReady = new("start-ready", "start to ready, one proxy", "ms");
    public static readonly FigureKind StartResident = new("start-rss", "memory of one proxy without traffic (VmRSS)", "MB");
    public static readonly FigureKind StartProportional = new("start-pss", "memory of one proxy without traffic (Pss)", "MB");
    public static readonly FigureKind Identity = new("identity", "memory per identity, of 1,000 pods on a node", "KB");
    public static readonly FigureKind Workload = new("workload", "memory per known workload, of 100,000", "B");
    public static readonly FigureKind After = new("after", "memory of all proxies 10 s after the last load", "MB");
}
