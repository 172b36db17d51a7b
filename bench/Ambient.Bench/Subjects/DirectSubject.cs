namespace Ambient.Bench.Subjects;

/// <summary>No proxy: what machine and harness can do.</summary>
internal sealed class DirectSubject(SubjectEntry entry, Surroundings surroundings) : Subject(entry, surroundings)
{
    protected override Task StartProxiesAsync() => Task.CompletedTask;
}
