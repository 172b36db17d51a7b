using System.IO.Pipelines;

namespace Ambient.Hbone.Tests.Support;

/// <summary>Two ends of a connection in memory, whose continuations run on the test's loop.</summary>
internal static class MemoryTransport
{
    public static (IDuplexPipe Near, IDuplexPipe Far) Create(int pauseAt = 1 << 20)
    {
        var options = new PipeOptions(pauseWriterThreshold: pauseAt, resumeWriterThreshold: pauseAt / 2, minimumSegmentSize: 16_384, useSynchronizationContext: true);
        var there = new Pipe(options);
        var back = new Pipe(options);
        return (new End(back.Reader, there.Writer), new End(there.Reader, back.Writer));
    }

    private sealed record End(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
