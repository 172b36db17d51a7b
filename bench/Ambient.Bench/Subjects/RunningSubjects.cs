namespace Ambient.Bench.Subjects;

/// <summary>The subjects of a run, all running; none is left behind, also when one does not start.</summary>
internal sealed class RunningSubjects(Surroundings surroundings) : IAsyncDisposable
{
    private readonly List<Subject> _all = [];

    public IReadOnlyList<Subject> All => _all;

    public async Task StartAsync(IEnumerable<SubjectEntry> entries)
    {
        foreach (var entry in entries)
        {
            var subject = entry.Create(entry, surroundings);
            _all.Add(subject);
            await subject.StartAsync();
        }
    }

    /// <summary>All at the same time: whoever stops a run may not wait long.</summary>
    public async ValueTask DisposeAsync() => await Task.WhenAll(_all.Select(subject => subject.DisposeAsync().AsTask()));
}
