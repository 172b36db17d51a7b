namespace Ambient.Linux;

/// <summary>Brings the continuations of ordinary tasks back to the loop that awaited them.</summary>
internal sealed class LoopSynchronizationContext(EventLoop loop) : SynchronizationContext
{
    public override void Post(SendOrPostCallback d, object? state) => loop.PostContinuation(d, state);

    public override void Send(SendOrPostCallback d, object? state)
    {
        if (!loop.IsCurrent)
        {
            throw new NotSupportedException($"Waiting for event loop {loop.Name} from another thread could deadlock: use RunAsync.");
        }

        d(state);
    }

    public override SynchronizationContext CreateCopy() => this;
}
