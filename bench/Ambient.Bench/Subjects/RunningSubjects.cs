namespace Ambient.Bench.Subjects;

/// <summary>The subjects of a run, all running; none is left behind, also when one does not start.</summary>
internal sealed class RunningSubjects : IAsyncDisposable
{
    private readonly List<Subject> _all = [];

    public IReadOnlyList<Subject> All => _all;

    public static async Task<RunningSubjects> StartAsync(Options options, Surroundings surroundings)
    {
        var running = new RunningSubjects();
        try
        {
            foreach (var entry in options.Subjects)
            {
                var subject = entry.Create(entry, surroundings);
                running._all.Add(subject);
                await subject.StartAsync();
            }

            return running;
        }
        catch
        {
            await running.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var subject in _all)
        {
            await subject.DisposeAsync();
        }
    }
}
