namespace Ambient.Bench.Subjects;

/// <summary>No proxy: what machine and harness can do.</summary>
internal sealed class DirectSubject() : Subject("direct", 1)
{
    protected override Task StartProxiesAsync() => Task.CompletedTask;
}
